//! Groups of schedules and their tags.

use serde_json::{Value as Json, json};

use crate::platform::Scheduler;

const ARN: &str = "arn:aws:scheduler:us-east-1:000000000000:schedule-group";

#[tokio::test]
async fn groups_come_and_go_and_one_is_always_there() {
    let scheduler = Scheduler::new();
    let made = scheduler
        .ask(
            "POST",
            "/schedule-groups/g",
            json!({ "Tags": [{ "Key": "k", "Value": "v" }], "ClientToken": "t" }),
        )
        .await;
    made.is_json(200, &json!({ "ScheduleGroupArn": format!("{ARN}/g") }));
    scheduler.ask("POST", "/schedule-groups/g", json!({ "ClientToken": "t" })).await.ok();
    for name in ["g", "default"] {
        scheduler.ask("POST", &format!("/schedule-groups/{name}"), json!({})).await.refuses(
            409,
            "ConflictException",
            &format!("Schedule group {name} already exists."),
        );
    }
    let got = scheduler.ask("GET", "/schedule-groups/g", Json::Null).await.ok();
    assert_eq!(
        (&got["Name"], &got["State"], &got["Arn"]),
        (&json!("g"), &json!("ACTIVE"), &json!(format!("{ARN}/g")))
    );
    assert!(got["CreationDate"].is_number());
    let names = |listed: &Json| {
        let groups = listed["ScheduleGroups"].as_array().expect("a list");
        groups.iter().map(|group| group["Name"].clone()).collect::<Vec<_>>()
    };
    let listed = scheduler.ask("GET", "/schedule-groups?MaxResults=1", Json::Null).await.ok();
    assert_eq!(names(&listed), ["default"]);
    let next = format!("/schedule-groups?NextToken={}", listed["NextToken"].as_str().expect("a token"));
    assert_eq!(names(&scheduler.ask("GET", &next, Json::Null).await.ok()), ["g"]);
    assert_eq!(
        names(&scheduler.ask("GET", "/schedule-groups?NamePrefix=de", Json::Null).await.ok()),
        ["default"]
    );
    scheduler.schedule("s", json!({ "ScheduleExpression": "rate(1 hour)", "GroupName": "g" })).await.ok();
    scheduler.idle().await;
    scheduler.ask("DELETE", "/schedule-groups/g", Json::Null).await.ok();
    scheduler.until("the group to go", || async { scheduler.rows(735).await == 0 }).await;
    assert_eq!((scheduler.rows(736).await, scheduler.rows(737).await), (0, 0));
    for (method, path) in [
        ("GET", "/schedule-groups/g"),
        ("DELETE", "/schedule-groups/g"),
        ("GET", "/schedules?ScheduleGroup=g"),
    ] {
        scheduler.ask(method, path, Json::Null).await.refuses(
            404,
            "ResourceNotFoundException",
            "Schedule group g does not exist.",
        );
    }
    scheduler.ask("DELETE", "/schedule-groups/default", Json::Null).await.refuses(
        400,
        "ValidationException",
        "The default schedule group cannot be deleted.",
    );
}

#[tokio::test]
async fn groups_have_tags() {
    let scheduler = Scheduler::new();
    let path = format!("/tags/{}", format!("{ARN}/default").replace(':', "%3A").replace('/', "%2F"));
    scheduler
        .ask("POST", &path, json!({ "Tags": [{ "Key": "a", "Value": "1" }, { "Key": "b", "Value": "2" }] }))
        .await
        .ok();
    scheduler.ask("DELETE", &format!("{path}?TagKeys=a"), Json::Null).await.ok();
    let tags = scheduler.ask("GET", &path, Json::Null).await;
    tags.is_json(200, &json!({ "Tags": [{ "Key": "b", "Value": "2" }] }));
    let none = format!("{path}2");
    scheduler.ask("GET", &none, Json::Null).await.refuses(
        404,
        "ResourceNotFoundException",
        "Schedule group default2 does not exist.",
    );
}

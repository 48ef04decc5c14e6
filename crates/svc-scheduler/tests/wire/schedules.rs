//! Schedules: made, shown, changed, listed.

use serde_json::{Value as Json, json};

use crate::platform::{ROLE, Scheduler, function, request};

const ARN: &str = "arn:aws:scheduler:us-east-1:000000000000:schedule/default";

#[tokio::test]
async fn a_schedule_is_shown_as_it_was_made() {
    let scheduler = Scheduler::new();
    let target = json!({
        "Arn": "arn:aws:sqs:us-east-1:000000000000:q.fifo", "RoleArn": ROLE, "Input": "text",
        "SqsParameters": { "MessageGroupId": "g" }, "DeadLetterConfig": { "Arn": "arn:aws:sqs:us-east-1:000000000000:dead" },
        "RetryPolicy": { "MaximumEventAgeInSeconds": 60, "MaximumRetryAttempts": 0 },
    });
    let whole = json!({
        "ScheduleExpression": "cron(0 9 ? * MON-FRI *)", "ScheduleExpressionTimezone": "Europe/Berlin",
        "StartDate": 1_795_500_000, "EndDate": 1_799_000_000, "Description": "d", "State": "DISABLED", "Target": target,
        "FlexibleTimeWindow": { "Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15 }, "ActionAfterCompletion": "DELETE",
        "ClientToken": "t",
    });
    let made = scheduler.ask("POST", "/schedules/s", whole.clone()).await;
    made.is_json(200, &json!({ "ScheduleArn": format!("{ARN}/s") }));
    // The same request again; another one.
    scheduler.ask("POST", "/schedules/s", whole.clone()).await.ok();
    scheduler.schedule("s", json!({ "ScheduleExpression": "rate(1 hour)" })).await.refuses(
        409,
        "ConflictException",
        "Schedule s already exists.",
    );
    let mut expected = whole;
    expected.as_object_mut().expect("an object").remove("ClientToken");
    for (name, value) in
        [("Arn", json!(format!("{ARN}/s"))), ("Name", json!("s")), ("GroupName", json!("default"))]
    {
        expected[name] = value;
    }
    (expected["CreationDate"], expected["LastModificationDate"]) =
        (json!(1_795_428_672.345), json!(1_795_428_672.345));
    scheduler.ask("GET", "/schedules/s", Json::Null).await.is_json(200, &expected);
    // An update says it all anew.
    let update = request("f", json!({ "ScheduleExpression": "rate(2 hours)" }));
    scheduler
        .ask("PUT", "/schedules/s", update)
        .await
        .is_json(200, &json!({ "ScheduleArn": format!("{ARN}/s") }));
    let shown = scheduler.ask("GET", "/schedules/s?groupName=default", Json::Null).await.ok();
    assert_eq!(
        (
            &shown["State"],
            &shown["ScheduleExpressionTimezone"],
            &shown["ActionAfterCompletion"],
            &shown["Description"]
        ),
        (&json!("ENABLED"), &json!("UTC"), &json!("NONE"), &Json::Null)
    );
    assert_eq!(
        shown["Target"]["RetryPolicy"],
        json!({ "MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185 })
    );
    scheduler.ask("DELETE", "/schedules/s", Json::Null).await.ok();
    assert_eq!((scheduler.rows(736).await, scheduler.rows(737).await), (0, 0));
    let again = request("f", json!({ "ScheduleExpression": "rate(2 hours)" }));
    for (method, body) in [("GET", Json::Null), ("DELETE", Json::Null), ("PUT", again)] {
        scheduler.ask(method, "/schedules/s", body).await.refuses(
            404,
            "ResourceNotFoundException",
            "Schedule s does not exist.",
        );
    }
}

#[tokio::test]
async fn schedules_are_listed_in_pages() {
    let scheduler = Scheduler::new();
    scheduler.ask("POST", "/schedule-groups/other", json!({})).await.ok();
    for (name, more) in [
        ("a-1", json!({})),
        ("a-2", json!({ "State": "DISABLED" })),
        ("b", json!({})),
        ("a-3", json!({ "GroupName": "other" })),
    ] {
        let mut body = request("f", more);
        body["ScheduleExpression"] = "cron(0 0 * * ? *)".into();
        scheduler.ask("POST", &format!("/schedules/{name}"), body).await.ok();
    }
    let list = async |query: &str| scheduler.ask("GET", &format!("/schedules{query}"), Json::Null).await.ok();
    let names = |listed: &Json| {
        let schedules = listed["Schedules"].as_array().expect("a list");
        schedules.iter().map(|schedule| schedule["Name"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(&list("").await), ["a-1", "a-2", "b", "a-3"]);
    assert_eq!(names(&list("?ScheduleGroup=other").await), ["a-3"]);
    assert_eq!(names(&list("?State=DISABLED").await), ["a-2"]);
    assert_eq!(names(&list("?ScheduleGroup=default&NamePrefix=a").await), ["a-1", "a-2"]);
    let first = list("?NamePrefix=a&MaxResults=2").await;
    assert_eq!(names(&first), ["a-1", "a-2"]);
    assert_eq!(first["Schedules"][0]["Target"], json!({ "Arn": function("f") }));
    let token = first["NextToken"].as_str().expect("a token");
    let next = list(&format!("?NamePrefix=a&MaxResults=2&NextToken={token}")).await;
    assert_eq!((names(&next), next["NextToken"].is_null()), (vec![json!("a-3")], true));
}

#[tokio::test]
async fn what_is_no_schedule() {
    let scheduler = Scheduler::new();
    let rate = |more: Json| {
        let mut body = json!({ "ScheduleExpression": "rate(1 hour)" });
        more.as_object().expect("an object").iter().for_each(|(name, value)| body[name] = value.clone());
        body
    };
    let target = |more: Json| {
        let mut target = json!({ "Arn": function("f"), "RoleArn": ROLE });
        more.as_object().expect("an object").iter().for_each(|(name, value)| target[name] = value.clone());
        rate(json!({ "Target": target }))
    };
    for (body, message) in [
        (
            json!({ "ScheduleExpression": "rate(10 seconds)" }),
            "Invalid Schedule Expression rate(10 seconds).",
        ),
        (
            json!({ "ScheduleExpression": "cron(0 1 * * * *)" }),
            "Invalid Schedule Expression cron(0 1 * * * *).",
        ),
        (
            json!({ "ScheduleExpression": "at(2021-12-31T23:59:59Z)" }),
            "Invalid Schedule Expression at(2021-12-31T23:59:59Z).",
        ),
        (
            rate(json!({ "ScheduleExpressionTimezone": "Mars/Olympus" })),
            "Invalid Schedule Expression Timezone Mars/Olympus.",
        ),
        (
            rate(json!({ "StartDate": 1_795_000_000 })),
            "The StartDate you specify cannot be earlier than 5 minutes ago.",
        ),
        (
            rate(json!({ "StartDate": 1_795_500_000, "EndDate": 1_795_500_000 })),
            "The EndDate you specify must come after the StartDate and must be in the future.",
        ),
        (
            rate(json!({ "FlexibleTimeWindow": { "Mode": "FLEXIBLE" } })),
            "MaximumWindowInMinutes must be set when the FlexibleTimeWindow Mode is FLEXIBLE.",
        ),
        (target(json!({ "Arn": "f" })), "Provided Arn is not in correct format: f."),
        (target(json!({ "Input": "{" })), "Input must be valid JSON for this target."),
        (
            target(json!({ "RoleArn": "arn:aws:iam::111122223333:role/r" })),
            "The execution role must be in the account of the schedule.",
        ),
        (
            target(json!({ "SqsParameters": {} })),
            "SqsParameters must not be set for target arn:aws:lambda:us-east-1:000000000000:function:f.",
        ),
    ] {
        scheduler.schedule("s", body).await.refuses(400, "ValidationException", message);
    }
    for body in [
        rate(json!({ "KmsKeyArn": "arn:aws:kms:us-east-1:000000000000:key/k" })),
        target(json!({ "Arn": "arn:aws:scheduler:::aws-sdk:sqs:sendMessage" })),
        target(
            json!({ "Arn": "arn:aws:ecs:us-east-1:000000000000:cluster/c", "EcsParameters": { "TaskDefinitionArn": "t" } }),
        ),
        target(json!({ "Arn": "arn:aws:states:us-east-1:000000000000:stateMachine:m" })),
    ] {
        assert_eq!(scheduler.schedule("s", body.clone()).await.status, 501, "{body}");
    }
    let missing = rate(json!({ "GroupName": "none" }));
    scheduler.schedule("s", missing).await.refuses(
        404,
        "ResourceNotFoundException",
        "Schedule group none does not exist.",
    );
    assert_eq!(scheduler.rows(736).await, 0);
}

//! `UpdateFunctionConfiguration` over the wire.

use serde_json::{Value, json};
use testkit::{Answer, Lambda};

async fn update(lambda: &Lambda, body: Value) -> Answer {
    lambda.call("PUT", "/2015-03-31/functions/f/configuration", &body).await
}

async fn with_function() -> Lambda {
    let lambda = Lambda::new().await;
    let given = json!({ "Description": "old", "Environment": { "Variables": { "KEY": "1", "OTHER": "2" } } });
    lambda.create(&Lambda::creation_with("f", given)).await.ok();
    lambda.settled("f").await;
    lambda
}

#[tokio::test]
async fn what_is_given_replaces_and_the_rest_stays() {
    let lambda = with_function().await;
    let before = lambda.configuration("f").await;
    lambda.clock.advance(std::time::Duration::from_secs(60));
    update(&lambda, json!({ "Timeout": 10, "Environment": { "Variables": { "KEY": "3" } } })).await.ok();
    lambda.settled("f").await;
    let mut expected = before.clone();
    let after = lambda.configuration("f").await;
    expected["Timeout"] = json!(10);
    expected["Environment"] = json!({ "Variables": { "KEY": "3" } });
    expected["LastModified"] = json!("2026-11-23T10:12:12.345+0000");
    assert_ne!(after["RevisionId"], before["RevisionId"]);
    expected["RevisionId"] = after["RevisionId"].clone();
    assert_eq!(after, expected);
    update(&lambda, json!({ "Environment": { "Variables": {} }, "Handler": "held" })).await.ok();
    lambda.settled("f").await;
    let cleared = lambda.configuration("f").await;
    assert_eq!((cleared.get("Environment"), &cleared["Handler"]), (None, &json!("held")));
}

#[tokio::test]
async fn refusals_change_nothing() {
    let lambda = with_function().await;
    let before = lambda.configuration("f").await;
    for (name, more) in [
        ("VpcConfig", json!({ "VpcConfig": { "SecurityGroupIds": ["sg-1"] } })),
        ("DurableConfig", json!({ "DurableConfig": { "ExecutionTimeout": 60 } })),
    ] {
        let message =
            format!("Lambent's UpdateFunctionConfiguration does not honour {name} yet, so it refuses it.");
        update(&lambda, more).await.refuses(501, "NotImplementedException", &message);
    }
    let stale = json!({ "RevisionId": "00000000-0000-0000-0000-000000000000", "Timeout": 4 });
    let message = "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to \
                   retrieve the latest Revision Id";
    update(&lambda, stale).await.refuses(412, "PreconditionFailedException", message);
    for more in [
        json!({ "Timeout": 0 }),
        json!({ "MemorySize": 1 }),
        json!({ "Runtime": "java8" }),
        json!({ "Handler": "a b" }),
    ] {
        assert_eq!(update(&lambda, more.clone()).await.status, 400, "{more}");
    }
    assert_eq!(lambda.configuration("f").await, before);
}

#[tokio::test]
async fn not_while_it_is_being_created_or_updated() {
    let lambda = with_function().await;
    lambda.stop_jobs().await;
    let first = update(&lambda, json!({})).await.ok();
    assert_eq!(first["LastUpdateStatus"], "InProgress", "an update that changes nothing is one");
    let message = "The operation cannot be performed at this time. An update is in progress for resource: \
                   arn:aws:lambda:us-east-1:000000000000:function:f";
    update(&lambda, json!({ "Timeout": 4 })).await.refuses(409, "ResourceConflictException", message);
}

#[tokio::test]
async fn an_update_whose_package_is_lost_fails_and_the_old_settings_go_on() {
    let lambda = with_function().await;
    lambda.invoke("f", "1").await.is(200, "1");
    lambda.lose_packages().await;
    update(&lambda, json!({ "Timeout": 4 })).await.ok();
    lambda.settled("f").await;
    let shown = lambda.configuration("f").await;
    assert_eq!((&shown["State"], &shown["LastUpdateStatus"]), (&json!("Active"), &json!("Failed")));
    assert_eq!(shown["LastUpdateStatusReasonCode"], "InvalidZipFileException");
}

#[tokio::test]
async fn logging_is_updated_in_part_and_honoured() {
    let lambda = with_function().await;
    let levels = |format: &str, levels: Option<(&str, &str)>, group: &str| match levels {
        None => json!({ "LogFormat": format, "LogGroup": group }),
        Some((application, system)) => json!({
            "LogFormat": format, "ApplicationLogLevel": application, "SystemLogLevel": system, "LogGroup": group,
        }),
    };
    let own = "/aws/lambda/f";
    for (asked, shown) in [
        (json!({ "LogFormat": "JSON" }), levels("JSON", Some(("INFO", "INFO")), own)),
        (json!({ "SystemLogLevel": "DEBUG" }), levels("JSON", Some(("INFO", "DEBUG")), own)),
        (json!({ "LogGroup": "shared" }), levels("JSON", Some(("INFO", "DEBUG")), "shared")),
        (json!({ "LogFormat": "Text" }), levels("Text", None, "shared")),
        (
            json!({ "LogFormat": "JSON", "SystemLogLevel": "WARN" }),
            levels("JSON", Some(("INFO", "WARN")), "shared"),
        ),
        (json!({ "SystemLogLevel": "INFO" }), levels("JSON", Some(("INFO", "INFO")), "shared")),
    ] {
        update(&lambda, json!({ "LoggingConfig": asked })).await.ok();
        lambda.settled("f").await;
        assert_eq!(lambda.configuration("f").await["LoggingConfig"], shown, "{asked}");
    }
    let answer = lambda.invoke_with("f", &[("x-amz-log-type", "Tail")], "1").await;
    assert!(!answer.header("x-amz-log-result").is_empty());
    lambda.ship_logs().await;
    let shipped = lambda.json("logs", "FilterLogEvents", &json!({ "logGroupName": "shared" })).await.ok();
    let events = shipped["events"].as_array().expect("a list");
    let kinds = events.iter().map(|event| {
        let message = event["message"].as_str().expect("text");
        let record = serde_json::from_str::<Value>(message).expect("JSON");
        record["type"].as_str().expect("a type").to_owned()
    });
    assert_eq!(kinds.collect::<Vec<_>>(), ["platform.initStart", "platform.start", "platform.report"]);
    let stream = events[0]["logStreamName"].as_str().expect("text");
    assert!(stream.starts_with("2026/11/23/f[$LATEST]"), "{stream}");

    update(&lambda, json!({ "LoggingConfig": { "LogFormat": "Text" } })).await.ok();
    lambda.settled("f").await;
    let before = lambda.configuration("f").await;
    let message = "Log level is not supported when LogFormat is set to Text. Remove log level from your request or change \
                   the LogFormat to JSON and try again.";
    let asked = json!({ "LoggingConfig": { "SystemLogLevel": "WARN" }, "Timeout": 9 });
    update(&lambda, asked).await.refuses(400, "InvalidParameterValueException", message);
    assert_eq!(lambda.configuration("f").await, before);
}

#[tokio::test]
async fn a_dead_letter_queue_is_set_and_taken_away() {
    let mailbox = testkit::Mailbox::new();
    let lambda = Lambda::beside(|options| options, vec![mailbox.service("sqs")]).await;
    let config = json!({ "DeadLetterConfig": { "TargetArn": "arn:aws:sqs:us-east-1:000000000000:q" } });
    let created = lambda.create(&Lambda::creation_with("f", config.clone())).await.ok();
    assert_eq!(created["DeadLetterConfig"], config["DeadLetterConfig"]);
    lambda.settled("f").await;
    update(&lambda, json!({ "Timeout": 9 })).await.ok();
    lambda.settled("f").await;
    assert_eq!(lambda.configuration("f").await["DeadLetterConfig"], config["DeadLetterConfig"]);
    update(&lambda, json!({ "DeadLetterConfig": { "TargetArn": "" } })).await.ok();
    lambda.settled("f").await;
    let before = lambda.configuration("f").await;
    assert_eq!(before.get("DeadLetterConfig"), None);
    for arn in
        ["arn:aws:sqs:us-east-1:000000000000:missing", "arn:aws:lambda:us-east-1:000000000000:function:f"]
    {
        let answer = update(&lambda, json!({ "DeadLetterConfig": { "TargetArn": arn } })).await;
        assert_eq!(
            (answer.status, answer.header("x-amzn-errortype")),
            (400, "InvalidParameterValueException")
        );
    }
    let config = json!({ "DeadLetterConfig": { "TargetArn": "arn:aws:sns:us-east-1:000000000000:t" } });
    let message = "Lambent's DeadLetterConfig does not honour targets of sns, a service it does not serve, yet, so it refuses it.";
    update(&lambda, config).await.refuses(501, "NotImplementedException", message);
    assert_eq!(lambda.configuration("f").await, before);
}

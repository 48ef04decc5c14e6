//! What other services send to functions, and whom functions let in.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use service::{Caller, Delivery, Sender, TargetArn, Undelivered};
use testkit::Lambda;

async fn deliver(lambda: &Lambda, role: Option<&str>) -> Result<(), Undelivered> {
    let sender = Sender {
        service: "events.amazonaws.com".to_owned(),
        source_arn: "arn:aws:events:us-east-1:111122223333:rule/r".to_owned(),
        source_account: "111122223333".to_owned(),
        role: role.map(str::to_owned),
    };
    let target = TargetArn::parse("arn:aws:lambda:us-east-1:000000000000:function:f").expect("an ARN");
    let delivery = Delivery {
        target,
        payload: "{}".into(),
        sender,
        attributes: BTreeMap::new(),
        in_order: None,
        bus: None,
        object_key: None,
        trace: None,
    };
    let cx = lambda.platform.ctx(Caller::root("111122223333", "us-east-1"), "r".into());
    cx.deliver(delivery).await
}

#[tokio::test]
async fn a_role_lets_in_to_its_own_account_and_where_a_policy_names_it() {
    let lambda = Lambda::new().await;
    lambda.function("f", "app.handler").await;
    let denied = |told: Result<(), Undelivered>| matches!(told, Err(Undelivered::Denied(_)));
    let (own, other) = ("arn:aws:iam::000000000000:role/r", "arn:aws:iam::111122223333:role/r");
    assert_eq!(deliver(&lambda, Some(own)).await, Ok(()));
    assert!(denied(deliver(&lambda, Some(other)).await) && denied(deliver(&lambda, None).await));
    let path = "/2015-03-31/functions/f/policy";
    let grant = |id: &str, principal: &str| json!({ "StatementId": id, "Action": "lambda:InvokeFunction", "Principal": principal });
    lambda.call("POST", path, &grant("a", "111122223333")).await.ok();
    assert_eq!(deliver(&lambda, Some(other)).await, Ok(()));
    assert!(denied(deliver(&lambda, None).await));
    lambda.call("POST", path, &grant("s", "events.amazonaws.com")).await.ok();
    assert_eq!(deliver(&lambda, None).await, Ok(()));
    lambda.call("DELETE", &format!("{path}/a"), &Json::Null).await.ok();
    assert!(denied(deliver(&lambda, Some(other)).await));
}

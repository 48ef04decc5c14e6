//! `GetCallerIdentity` over the wire.

use testkit::{Ground, Wire, request};

fn sts() -> Wire {
    Ground::new().serve(vec![svc_sts::service()])
}

fn expected(request_id: &str) -> String {
    format!(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
         <UserId>000000000000</UserId><Account>000000000000</Account><Arn>arn:aws:iam::000000000000:root</Arn>\
         </GetCallerIdentityResult><ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>\
         </GetCallerIdentityResponse>"
    )
}

#[tokio::test]
async fn tells_who_the_caller_is() {
    let answer = sts().form("sts", "Action=GetCallerIdentity&Version=2011-06-15").await;
    answer.is(200, &expected(answer.header("x-amzn-requestid")));
    assert_eq!(answer.header("content-type"), "text/xml");
}

#[tokio::test]
async fn an_unsigned_get_is_answered_alike() {
    let request = request("GET", "/?Action=GetCallerIdentity&Version=2011-06-15", "", &[], "");
    let answer = sts().send(request).await;
    answer.is(200, &expected(answer.header("x-amzn-requestid")));
}

#[tokio::test]
async fn what_sts_has_and_lambent_has_not_is_refused() {
    let answer = sts().form("sts", "Action=GetSessionToken&Version=2011-06-15").await;
    assert_eq!(answer.status, 501);
    let message =
        "<Code>NotImplementedException</Code><Message>Lambent does not serve sts:GetSessionToken yet;";
    assert!(answer.text().contains(message), "{}", answer.text());
}

#[tokio::test]
async fn what_sts_has_not_is_refused() {
    for form in ["Action=GetLost&Version=2011-06-15", "Version=2011-06-15", ""] {
        let answer = sts().form("sts", form).await;
        let request_id = answer.header("x-amzn-requestid").to_owned();
        answer.is(
            404,
            &format!(
                "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
                 <Code>UnknownOperationException</Code><Message>The requested operation is not recognized.</Message>\
                 </Error><RequestId>{request_id}</RequestId></ErrorResponse>"
            ),
        );
    }
}

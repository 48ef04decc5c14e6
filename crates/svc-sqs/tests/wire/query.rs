//! The query protocol, which older clients speak: forms in, XML out.

use testkit::Sqs;

#[tokio::test]
async fn a_form_does_what_json_does() {
    let sqs = Sqs::new();
    let version = "Version=2012-11-05";
    let created = sqs.form_to("/", &format!("Action=CreateQueue&QueueName=q&Attribute.1.Name=DelaySeconds&Attribute.1.Value=0&Tag.1.Key=k&Tag.1.Value=v&{version}")).await;
    assert_eq!(created.status, 200, "{}", created.text());
    assert!(created.text().starts_with(r#"<CreateQueueResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/"><CreateQueueResult><QueueUrl>http://localhost:4566/000000000000/q</QueueUrl></CreateQueueResult>"#), "{}", created.text());
    // To the queue's own address, which says which queue.
    let sent = sqs.form_to("/000000000000/q", &format!("Action=SendMessage&MessageBody=hello+you&MessageAttribute.1.Name=a&MessageAttribute.1.Value.DataType=String&MessageAttribute.1.Value.StringValue=b&{version}")).await;
    assert!(sent.text().contains("<MD5OfMessageBody>"), "{}", sent.text());
    let received = sqs.form_to("/000000000000/q", &format!("Action=ReceiveMessage&AttributeName.1=ApproximateReceiveCount&MessageAttributeName.1=All&{version}")).await;
    let text = received.text();
    for part in [
        "<ReceiveMessageResult><Message><MessageId>",
        "<Body>hello you</Body>",
        "<Attribute><Name>ApproximateReceiveCount</Name><Value>1</Value></Attribute>",
        "<MessageAttribute><Name>a</Name><Value><StringValue>b</StringValue><DataType>String</DataType></Value></MessageAttribute>",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let batch = "SendMessageBatchRequestEntry.1.Id=x&SendMessageBatchRequestEntry.1.MessageBody=1&SendMessageBatchRequestEntry.2.Id=y&SendMessageBatchRequestEntry.2.MessageBody=";
    let batch = sqs.form_to("/000000000000/q", &format!("Action=SendMessageBatch&{batch}&{version}")).await;
    assert!(batch.text().contains("<SendMessageBatchResultEntry><Id>x</Id>"), "{}", batch.text());
    assert!(
        batch.text().contains(
            "<BatchResultErrorEntry><Id>y</Id><SenderFault>true</SenderFault><Code>MissingParameter</Code>"
        ),
        "{}",
        batch.text()
    );
    let listed = sqs.form_to("/", &format!("Action=ListQueues&{version}")).await;
    assert!(
        listed.text().contains(
            "<ListQueuesResult><QueueUrl>http://localhost:4566/000000000000/q</QueueUrl></ListQueuesResult>"
        ),
        "{}",
        listed.text()
    );
    let attributes = sqs
        .form_to(
            "/000000000000/q",
            &format!("Action=GetQueueAttributes&AttributeName.1=DelaySeconds&{version}"),
        )
        .await;
    assert!(
        attributes.text().contains("<Attribute><Name>DelaySeconds</Name><Value>0</Value></Attribute>"),
        "{}",
        attributes.text()
    );
    let tags = sqs.form_to("/000000000000/q", &format!("Action=ListQueueTags&{version}")).await;
    assert!(tags.text().contains("<Tag><Key>k</Key><Value>v</Value></Tag>"), "{}", tags.text());
}

#[tokio::test]
async fn errors_have_the_older_codes() {
    let sqs = Sqs::new();
    let missing = sqs.form_to("/", "Action=GetQueueUrl&QueueName=none&Version=2012-11-05").await;
    assert_eq!(missing.status, 400);
    let expected = "<Error><Type>Sender</Type><Code>AWS.SimpleQueueService.NonExistentQueue</Code><Message>The specified queue does not exist.</Message></Error>";
    assert!(missing.text().contains(expected), "{}", missing.text());
}

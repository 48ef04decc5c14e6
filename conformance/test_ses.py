"""SES with boto3, the AWS CLI and the SDK for JavaScript: mails in, the mailbox, events, templates, a crash."""
import email
import email.policy
import json
import os
import re
import smtplib
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

import pytest
from botocore.exceptions import ClientError

from harness import ACCOUNT, BINARY, REGION, Functions, eventually

ME = "me@example.com"


@pytest.fixture(scope="module")
def ses(platform):
    client = platform.client("ses")
    client.verify_email_identity(EmailAddress=ME)
    client.verify_domain_identity(Domain="example.org")
    return client


@pytest.fixture(scope="module")
def sesv2(platform):
    return platform.client("sesv2")


@pytest.fixture(scope="module")
def sqs(platform):
    return platform.client("sqs")


def mailbox(platform, query="", method="GET"):
    request = urllib.request.Request(f"{platform.endpoint}/_aws/ses{query}", method=method)
    with urllib.request.urlopen(request) as answer:
        body = answer.read()
    return json.loads(body)["messages"] if body else None


def mail(platform, message_id):
    [found] = mailbox(platform, f"?id={message_id}")
    return found


def topic(platform, sqs, name):
    """A topic whose messages a queue gets as they are; gives its ARN and what the queue hears."""
    sns = platform.client("sns")
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
    policy = {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn}]}
    url = sqs.create_queue(QueueName=name, Attributes={"Policy": json.dumps(policy)})["QueueUrl"]
    topic_arn = sns.create_topic(Name=name)["TopicArn"]
    sns.subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    found = []

    def heard(count):
        def look():
            for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", []):
                found.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            return len(found) >= count
        eventually(look, f"{count} events")
        return [found.pop(0) for _ in range(count)]

    return topic_arn, heard


def refusal(call, **arguments):
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_mail_in_parts(platform, ses):
    sent = ses.send_email(
        Source=f"Jörg <{ME}>", Destination={"ToAddresses": ["a@example.net"], "BccAddresses": ["secret@example.net"]},
        Message={"Subject": {"Data": "Grüße"}, "Body": {"Text": {"Data": "plain ä"}, "Html": {"Data": "<b>rich</b>"}}})
    found = mail(platform, sent["MessageId"])
    assert found["Subject"] == "Grüße" and found["Body"] == {"text_part": "plain ä", "html_part": "<b>rich</b>"}
    # Read by another library than the one that wrote it.
    read = email.message_from_string(found["RawData"], policy=email.policy.default)
    assert read["From"] == f"Jörg <{ME}>" and read["Subject"] == "Grüße" and read["To"] == "a@example.net"
    assert read.get_body(("plain",)).get_content().strip() == "plain ä"
    assert read.get_body(("html",)).get_content().strip() == "<b>rich</b>"
    assert "secret" not in found["RawData"] and "secret@example.net" in found["Status"]


def test_a_raw_mail_with_an_attachment(platform, ses, sesv2):
    message = MIMEMultipart()
    message["Subject"], message["From"], message["To"] = "raw", ME, "a@example.net"
    message.attach(MIMEText("see attachment"))
    attachment = MIMEApplication(bytes(range(256)) * 100)
    attachment.add_header("Content-Disposition", "attachment", filename="bytes.bin")
    message.attach(attachment)
    first = ses.send_raw_email(RawMessage={"Data": message.as_bytes()})["MessageId"]
    second = sesv2.send_email(Content={"Raw": {"Data": message.as_bytes()}})["MessageId"]
    for message_id in (first, second):
        read = email.message_from_string(mail(platform, message_id)["RawData"], policy=email.policy.default)
        [part] = read.iter_attachments()
        assert part.get_filename() == "bytes.bin" and part.get_content() == bytes(range(256)) * 100


def test_an_attachment_of_the_newer_api(platform, sesv2, ses):
    sent = sesv2.send_email(
        FromEmailAddress=ME, Destination={"ToAddresses": ["a@example.net"]},
        Content={"Simple": {"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "t"}},
                            "Headers": [{"Name": "List-Unsubscribe", "Value": "<https://example.com/u>"}],
                            "Attachments": [{"FileName": "ä.txt", "ContentType": "text/plain", "RawContent": b"inside"}]}})
    read = email.message_from_string(mail(platform, sent["MessageId"])["RawData"], policy=email.policy.default)
    [part] = read.iter_attachments()
    assert part.get_filename() == "ä.txt" and part.get_payload(decode=True) == b"inside"
    assert read["List-Unsubscribe"] == "<https://example.com/u>"


def test_refusals_in_each_apis_words(ses, sesv2):
    parts = {"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "t"}}}
    said = f"Email address is not verified. The following identities failed the check in region {REGION.upper()}: x@y.z"
    assert refusal(ses.send_email, Source="x@y.z", Destination={"ToAddresses": [ME]}, Message=parts) == ("MessageRejected", said)
    assert refusal(sesv2.send_email, FromEmailAddress="x@y.z", Destination={"ToAddresses": [ME]},
                   Content={"Simple": parts}) == ("MessageRejected", said)
    assert refusal(ses.get_template, TemplateName="none")[0] == "TemplateDoesNotExist"
    assert refusal(sesv2.get_email_template, TemplateName="none")[0] == "NotFoundException"
    with pytest.raises(ses.exceptions.ConfigurationSetDoesNotExistException):
        ses.send_email(Source=ME, Destination={"ToAddresses": [ME]}, Message=parts, ConfigurationSetName="none")
    with pytest.raises(sesv2.exceptions.BadRequestException):
        sesv2.create_email_identity(EmailIdentity="a b@c")


def test_templates(platform, ses, sesv2):
    ses.create_template(Template={"TemplateName": "greet", "SubjectPart": "Hi {{name}}",
                                  "TextPart": "{{#each items}}- {{this}}\n{{/each}}"})
    data = json.dumps({"name": "Ann", "items": ["tea", "cake"]})
    rendered = ses.test_render_template(TemplateName="greet", TemplateData=data)["RenderedTemplate"]
    assert email.message_from_string(rendered)["Subject"] == "Hi Ann"
    with pytest.raises(ses.exceptions.MissingRenderingAttributeException) as missing:
        ses.test_render_template(TemplateName="greet", TemplateData='{"items": []}')
    assert missing.value.response["Error"]["Message"] == "Attribute 'name' is not present in the rendering data."
    sent = ses.send_templated_email(Source=ME, Destination={"ToAddresses": ["a@example.net"]}, Template="greet",
                                    TemplateData=data)
    found = mail(platform, sent["MessageId"])
    assert found["Subject"] == "Hi Ann" and found["Body"]["text_part"].split() == ["-", "tea", "-", "cake"]
    results = sesv2.send_bulk_email(
        FromEmailAddress=ME, DefaultContent={"Template": {"TemplateName": "greet", "TemplateData": data}},
        BulkEmailEntries=[{"Destination": {"ToAddresses": [f"u{n}@example.net"]},
                           "ReplacementEmailContent": {"ReplacementTemplate": {
                               "ReplacementTemplateData": json.dumps({"name": f"number {n}"})}}} for n in range(50)],
    )["BulkEmailEntryResults"]
    assert [result["Status"] for result in results] == ["SUCCESS"] * 50
    assert mail(platform, results[49]["MessageId"])["Subject"] == "Hi number 49"
    names = [entry["TemplateName"] for entry in sesv2.list_email_templates()["TemplatesMetadata"]]
    assert "greet" in names


def test_events_of_a_configuration_set(platform, ses, sesv2, sqs):
    arn, heard = topic(platform, sqs, "mail-events")
    sesv2.create_configuration_set(ConfigurationSetName="told")
    kinds = ["SEND", "DELIVERY", "BOUNCE", "COMPLAINT", "REJECT", "RENDERING_FAILURE"]
    sesv2.create_configuration_set_event_destination(
        ConfigurationSetName="told", EventDestinationName="topic",
        EventDestination={"Enabled": True, "MatchingEventTypes": kinds, "SnsDestination": {"TopicArn": arn}})
    described = ses.describe_configuration_set(ConfigurationSetName="told",
                                               ConfigurationSetAttributeNames=["eventDestinations"])
    assert described["EventDestinations"][0]["SNSDestination"]["TopicARN"] == arn

    def send(to):
        return sesv2.send_email(FromEmailAddress=ME, Destination={"ToAddresses": [to]}, ConfigurationSetName="told",
                                EmailTags=[{"Name": "campaign", "Value": "c1"}],
                                Content={"Simple": {"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "t"}}}})["MessageId"]

    for local, expected in [("success", {"Send", "Delivery"}), ("bounce", {"Send", "Bounce"}),
                            ("complaint", {"Send", "Delivery", "Complaint"}), ("suppressionlist", {"Send", "Bounce"})]:
        message_id = send(f"{local}@simulator.amazonses.com")
        events = heard(len(expected))
        assert {event["eventType"] for event in events} == expected
        assert {event["mail"]["messageId"] for event in events} == {message_id}
        assert all(event["mail"]["tags"]["campaign"] == ["c1"] for event in events)
    with pytest.raises(sesv2.exceptions.NotFoundException):
        sesv2.delete_configuration_set_event_destination(ConfigurationSetName="told", EventDestinationName="none")


def test_notifications_of_an_identity(platform, ses, sqs):
    arn, heard = topic(platform, sqs, "mail-notices")
    ses.verify_email_identity(EmailAddress="noticed@example.com")
    ses.set_identity_notification_topic(Identity="noticed@example.com", NotificationType="Bounce", SnsTopic=arn)
    ses.set_identity_headers_in_notifications_enabled(Identity="noticed@example.com", NotificationType="Bounce", Enabled=True)
    ses.send_email(Source="noticed@example.com", Destination={"ToAddresses": ["bounce@simulator.amazonses.com"]},
                   Message={"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "t"}}})
    [notice] = heard(1)
    assert notice["notificationType"] == "Bounce" and notice["mail"]["commonHeaders"]["subject"] == "s"
    assert notice["bounce"]["bouncedRecipients"][0]["status"] == "5.1.1"


def test_suppression_and_account(platform, sesv2, ses):
    sesv2.put_suppressed_destination(EmailAddress="bad@example.net", Reason="BOUNCE")
    listed = sesv2.list_suppressed_destinations(Reasons=["BOUNCE"])["SuppressedDestinationSummaries"]
    assert [entry["EmailAddress"] for entry in listed] == ["bad@example.net"]
    sent = sesv2.send_email(FromEmailAddress=ME, Destination={"ToAddresses": ["bad@example.net", "good@example.net"]},
                            Content={"Simple": {"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "t"}}}})
    assert mail(platform, sent["MessageId"])["Status"] == {"bad@example.net": "Suppressed", "good@example.net": "Delivered"}
    sesv2.delete_suppressed_destination(EmailAddress="bad@example.net")
    account = sesv2.get_account()
    assert account["SendingEnabled"] and account["SendQuota"]["SentLast24Hours"] > 0
    assert ses.get_send_statistics()["SendDataPoints"][0]["DeliveryAttempts"] > 0
    arn = f"arn:aws:ses:{REGION}:{ACCOUNT}:identity/{ME}"
    sesv2.tag_resource(ResourceArn=arn, Tags=[{"Key": "k", "Value": "v"}])
    assert sesv2.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "k", "Value": "v"}]


def test_waiters_and_paginators(ses):
    ses.get_waiter("identity_exists").wait(Identities=[ME], WaiterConfig={"Delay": 1, "MaxAttempts": 1})
    pages = ses.get_paginator("list_identities").paginate(PaginationConfig={"PageSize": 1})
    assert {ME, "example.org"} <= {name for page in pages for name in page["Identities"]}


def test_the_aws_cli(platform, ses):
    aws = [sys.executable, "-m", "awscli"]

    def run(*arguments):
        done = subprocess.run([*aws, *arguments], env=platform.environment(), capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout else None

    sent = run("ses", "send-email", "--from", ME, "--to", "cli@example.net", "--subject", "from the CLI", "--text", "hello")
    assert mail(platform, sent["MessageId"])["Subject"] == "from the CLI"
    sent = run("sesv2", "send-email", "--from-email-address", ME, "--destination", "ToAddresses=cli@example.net",
               "--content", json.dumps({"Simple": {"Subject": {"Data": "v2"}, "Body": {"Text": {"Data": "t"}}}}))
    assert mail(platform, sent["MessageId"])["Subject"] == "v2"


def test_the_command_that_reads_the_mailbox(platform, ses):
    sent = ses.send_email(Source=ME, Destination={"ToAddresses": ["plus+label@example.net"]},
                          Message={"Subject": {"Data": "to be read"}, "Body": {"Text": {"Data": "the text"}}})

    def lambent(*arguments):
        done = subprocess.run([BINARY, "mail", *arguments], env=platform.environment(), capture_output=True, text=True,
                              timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    [line] = lambent("--email", "plus+label@example.net").splitlines()
    assert line.startswith(sent["MessageId"]) and line.endswith(f"{ME} > plus+label@example.net  to be read")
    assert sent["MessageId"] in lambent()
    assert lambent(sent["MessageId"]).endswith("\n\nthe text\n")
    assert f"Message-ID: <{sent['MessageId']}@email.amazonses.com>" in lambent(sent["MessageId"], "--raw")
    assert json.loads(lambent(sent["MessageId"], "--json"))["Subject"] == "to be read"
    gone = subprocess.run([BINARY, "mail", "none"], env=platform.environment(), capture_output=True, text=True, timeout=60)
    assert gone.returncode == 1 and "There is no mail <none>." in gone.stderr


def test_the_mailbox_wants_a_signature_where_signatures_are_checked(start):
    platform = start("--auth", "signed")
    with pytest.raises(urllib.error.HTTPError) as refused:
        mailbox(platform)
    assert refused.value.code == 403


SCRIPT = """
import { SESClient, SendEmailCommand } from "@aws-sdk/client-ses";
import { SESv2Client, SendEmailCommand as SendV2, GetAccountCommand } from "@aws-sdk/client-sesv2";
const v1 = new SESClient(), v2 = new SESv2Client();
const parts = { Subject: { Data: "from JavaScript" }, Body: { Html: { Data: "<i>x</i>" } } };
const first = await v1.send(new SendEmailCommand({
  Source: "me@example.com", Destination: { ToAddresses: ["js@example.net"] }, Message: parts }));
const second = await v2.send(new SendV2({
  FromEmailAddress: "me@example.com", Destination: { ToAddresses: ["js@example.net"] }, Content: { Simple: parts } }));
let refused = "";
try {
  await v1.send(new SendEmailCommand({
    Source: "no@example.com", Destination: { ToAddresses: ["js@example.net"] }, Message: parts }));
} catch (error) { refused = error.name; }
const account = await v2.send(new GetAccountCommand({}));
console.log(JSON.stringify({ ids: [first.MessageId, second.MessageId], refused, sending: account.SendingEnabled }));
"""


def test_the_sdk_for_javascript(platform, ses, tmp_path):
    clients = os.environ["LAMBENT_NODE_CLIENTS"]
    (tmp_path / "node_modules").symlink_to(os.path.join(clients, "node_modules"))
    (tmp_path / "mail.mjs").write_text(SCRIPT)
    done = subprocess.run(["node", "mail.mjs"], cwd=tmp_path, env=platform.environment(), capture_output=True, text=True,
                          timeout=120)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["refused"] == "MessageRejected" and answer["sending"]
    assert [mail(platform, message_id)["Subject"] for message_id in answer["ids"]] == ["from JavaScript"] * 2


def test_nothing_sent_is_lost_by_kill(start):
    platform = start()
    ses, sqs = platform.client("ses"), platform.client("sqs")
    arn, _ = topic(platform, sqs, "kept")
    ses.verify_email_identity(EmailAddress=ME)
    ses.create_configuration_set(ConfigurationSet={"Name": "s"})
    ses.create_configuration_set_event_destination(ConfigurationSetName="s", EventDestination={
        "Name": "d", "Enabled": True, "MatchingEventTypes": ["send"], "SNSDestination": {"TopicARN": arn}})
    sent = set()
    for number in range(60):
        sent.add(ses.send_email(Source=ME, Destination={"ToAddresses": ["a@example.net"]}, ConfigurationSetName="s",
                                Message={"Subject": {"Data": str(number)}, "Body": {"Text": {"Data": "t"}}})["MessageId"])
        if number % 20 == 19:
            platform.kill()
            platform.start()
            ses = platform.client("ses")
    assert {found["Id"] for found in mailbox(platform)} == sent
    sqs, told = platform.client("sqs"), set()

    def look():
        answer = sqs.receive_message(QueueUrl=f"{platform.endpoint}/{ACCOUNT}/kept", MaxNumberOfMessages=10, WaitTimeSeconds=1)
        told.update(json.loads(message["Body"])["mail"]["messageId"] for message in answer.get("Messages", []))
        return told >= sent

    eventually(look, "an event of every mail", 60)
    assert told == sent


class Inbox:
    """A mail server of aiosmtpd's on loopback that refuses whom its tests say, and keeps the rest."""

    def __init__(self):
        self.mails, self.refuse = [], {}

    async def handle_RCPT(self, server, session, envelope, address, options):
        answers = self.refuse.get(address, [])
        if answers:
            return answers.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.mails.append((session.auth_data, envelope.mail_from, envelope.rcpt_tos, envelope.content))
        return "250 2.0.0 kept"


@pytest.fixture
def inbox():
    from aiosmtpd.controller import Controller
    from aiosmtpd.smtp import AuthResult

    def authenticate(server, session, envelope, mechanism, data):
        return AuthResult(success=(data.login, data.password) == (b"me", b"se:cret"), auth_data=data.login)

    handler = Inbox()
    controller = Controller(handler, hostname="127.0.0.1", port=free_port(), authenticator=authenticate,
                            auth_required=True, auth_require_tls=False)
    controller.start()
    handler.url = f"smtp://me:se%3Acret@127.0.0.1:{controller.port}"
    yield handler
    controller.stop()


def free_port():
    """A port that nobody has: aiosmtpd does not tell which one it got."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_mails_go_out_through_a_relay(start, inbox):
    platform = start("--smtp-relay", inbox.url)
    ses = platform.client("ses")
    ses.verify_email_identity(EmailAddress=ME)
    inbox.refuse["gone@example.net"] = ["550 5.1.1 user unknown"]
    sent = ses.send_email(Source=ME, Destination={"ToAddresses": ["a@example.net", "gone@example.net"]},
                          Message={"Subject": {"Data": "out"}, "Body": {"Text": {"Data": ".dotted\nä"}}})["MessageId"]
    settled = lambda: "Queued" not in mail(platform, sent)["Status"].values()
    eventually(settled, "the mail to be out")
    assert mail(platform, sent)["Status"] == {"a@example.net": "Delivered", "gone@example.net": "Bounced"}
    [(login, mail_from, recipients, content)] = inbox.mails
    assert (login, mail_from, recipients) == (b"me", ME, ["a@example.net"])
    read = email.message_from_bytes(content, policy=email.policy.default)
    assert read["Subject"] == "out" and read.get_content().split() == [".dotted", "ä"]
    listed = platform.client("sesv2").get_suppressed_destination(EmailAddress="gone@example.net")
    assert listed["SuppressedDestination"]["Reason"] == "BOUNCE"


def test_what_waits_for_the_relay_outlives_a_kill(start, inbox):
    platform = start("--smtp-relay", inbox.url)
    ses = platform.client("ses")
    ses.verify_email_identity(EmailAddress=ME)
    inbox.refuse["a@example.net"] = ["451 4.3.0 later"]
    ses.send_email(Source=ME, Destination={"ToAddresses": ["a@example.net"]},
                   Message={"Subject": {"Data": "kept"}, "Body": {"Text": {"Data": "t"}}})
    eventually(lambda: not inbox.refuse["a@example.net"], "the first try")
    assert inbox.mails == []
    platform.kill()
    platform.start()
    eventually(lambda: inbox.mails, "the mail after the restart")
    assert email.message_from_bytes(inbox.mails[0][3])["Subject"] == "kept"


FUNCTION = """
import json

def handler(event, context):
    print('received', json.dumps(event))
    subject = event['Records'][0]['ses']['mail']['commonHeaders']['subject']
    return {'disposition': 'STOP_RULE_SET' if subject == 'stop' else 'CONTINUE'}
"""


def test_mails_that_come_in_follow_rules(start):
    platform = start("--smtp-listen", "127.0.0.1:0")
    host, port = re.search(r"mail is taken at smtp://([\d.]+):(\d+)", platform.told).groups()
    ses, s3, lambda_ = platform.client("ses"), platform.client("s3"), platform.client("lambda")
    functions = Functions(platform)
    name = functions.create(FUNCTION)
    arn = lambda_.get_function_configuration(FunctionName=name)["FunctionArn"]
    ses.verify_domain_identity(Domain="example.com")
    s3.create_bucket(Bucket="mails")
    ses.create_receipt_rule_set(RuleSetName="set")
    rule = {"Name": "r", "Enabled": True, "Recipients": ["in@example.com"], "Actions": [
        {"LambdaAction": {"FunctionArn": arn, "InvocationType": "RequestResponse"}},
        {"S3Action": {"BucketName": "mails", "ObjectKeyPrefix": "in/"}},
        {"LambdaAction": {"FunctionArn": arn, "InvocationType": "Event"}}]}
    ses.create_receipt_rule(RuleSetName="set", Rule=rule)
    ses.set_active_receipt_rule_set(RuleSetName="set")
    assert len(ses.describe_active_receipt_rule_set()["Rules"][0]["Actions"]) == 3
    lambda_.add_permission(FunctionName=name, StatementId="s", Action="lambda:InvokeFunction",
                           Principal="ses.amazonaws.com", SourceAccount=ACCOUNT)

    def deliver(subject):
        message = MIMEText("dear all\n.\nend")
        message["Subject"], message["From"], message["To"] = subject, "out@example.net", "in@example.com"
        with smtplib.SMTP(host, int(port), local_hostname="client.test") as client:
            assert client.send_message(message) == {}

    deliver("stop")
    deliver("go on")
    keys = eventually(lambda: [entry["Key"] for entry in s3.list_objects_v2(Bucket="mails").get("Contents", [])], "the object")
    assert len(keys) == 1
    read = email.message_from_bytes(s3.get_object(Bucket="mails", Key=keys[0])["Body"].read(), policy=email.policy.default)
    assert read["Subject"] == "go on" and read["Return-Path"] == "<out@example.net>"
    assert read.get_content().splitlines() == ["dear all", ".", "end"]

    def heard():
        lines = functions.lines(name, "received")
        events = [json.loads(line.split("received ", 1)[1]) for line in lines if "received {" in line]
        return events if len(events) >= 3 else None

    events = eventually(heard, "three events")
    kinds = [(event["Records"][0]["ses"]["mail"]["commonHeaders"]["subject"],
              event["Records"][0]["ses"]["receipt"]["action"]["invocationType"]) for event in events]
    assert sorted(kinds) == [("go on", "Event"), ("go on", "RequestResponse"), ("stop", "RequestResponse")]
    with smtplib.SMTP(host, int(port)) as client, pytest.raises(smtplib.SMTPRecipientsRefused):
        client.sendmail("out@example.net", ["other@example.com"], "Subject: x\n\nx")


def test_mails_that_came_in_outlive_a_kill(start):
    platform = start("--smtp-listen", "127.0.0.1:0")
    ses, s3 = platform.client("ses"), platform.client("s3")
    ses.verify_domain_identity(Domain="example.com")
    s3.create_bucket(Bucket="mails")
    ses.create_receipt_rule_set(RuleSetName="set")
    ses.create_receipt_rule(RuleSetName="set", Rule={
        "Name": "r", "Enabled": True, "Actions": [{"S3Action": {"BucketName": "mails"}}]})
    ses.set_active_receipt_rule_set(RuleSetName="set")
    taken = set()
    for number in range(40):
        host, port = re.search(r".*mail is taken at smtp://([\d.]+):(\d+)", platform.told, re.S).groups()
        with smtplib.SMTP(host, int(port), local_hostname="client.test") as client:
            client.ehlo()
            client.mail("out@example.net")
            client.rcpt("in@example.com")
            code, said = client.data(f"Subject: {number}\r\n\r\ntext")
            assert code == 250
            taken.add(said.decode().split()[-1])
        if number % 20 == 19:
            platform.kill()
            platform.start()
            s3 = platform.client("s3")
    stored = lambda: {entry["Key"] for entry in s3.list_objects_v2(Bucket="mails").get("Contents", [])} >= taken
    eventually(stored, "every mail in the bucket")

"""The applications under examples/, deployed and used as their pages say."""
import datetime
import json
import os
import pathlib
import re
import subprocess
import sys

import pytest

from harness import BINARY, HERE, eventually

EXAMPLES = HERE.parent / "examples"


def run(platform, *command, **settings):
    done = subprocess.run(command, env=platform.environment(), capture_output=True, text=True, timeout=300, **settings)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def layer(tmp_path_factory):
    out = tmp_path_factory.mktemp("layer")
    version = "%d.%d" % sys.version_info[:2]
    subprocess.run(["make", "-s", "-C", EXAMPLES / "pillow-layer", f"OUT={out}", f"PYTHON={sys.executable}",
                    f"PYTHON_VERSION={version}"], check=True, capture_output=True, timeout=300)
    return out / "pillow-layer.zip"


def test_photos(platform, layer):
    run(platform, BINARY, "runtimes", "install", "boto3", "--data", str(platform.data))
    photos = [sys.executable, "-B", EXAMPLES / "photos/photos.py"]
    run(platform, *photos, "deploy", layer)
    # Once more, as after a change: nothing is there twice.
    run(platform, *photos, "deploy", layer)
    for _ in range(2):
        shown = run(platform, *photos, "show")
        times = [float(found) for found in re.findall(r"^ *(-?[\d.]+) ms", shown, re.MULTILINE)]
        assert len(times) == 5 and times[1:] == sorted(times[1:]), shown
    s3, dynamodb, sqs = (platform.client(name) for name in ("s3", "dynamodb", "sqs"))
    [bucket] = [found["Name"] for found in s3.list_buckets()["Buckets"]]
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    assert sum(key.startswith("thumbnails/") for key in keys) == sum(key.startswith("uploads/") for key in keys) == 2
    [item, _] = dynamodb.scan(TableName="photos")["Items"]
    assert (item["width"], item["height"]) == ({"N": "1600"}, {"N": "1200"})
    thumbnail = s3.get_object(Bucket=bucket, Key=item["thumbnail"]["S"])
    assert thumbnail["ContentType"] == "image/png" and thumbnail["Body"].read(8) == b"\x89PNG\r\n\x1a\n"

    s3.put_object(Bucket=bucket, Key="uploads/broken picture.jpg", Body=b"no picture")
    failed = sqs.get_queue_url(QueueName="photos-failed")["QueueUrl"]
    [letter] = eventually(lambda: sqs.receive_message(QueueUrl=failed, MessageAttributeNames=["All"]).get("Messages"),
                          "a dead letter")
    [record] = json.loads(letter["Body"])["Records"]
    assert record["s3"]["object"]["key"] == "uploads/broken+picture.jpg"
    assert "cannot identify image" in letter["MessageAttributes"]["ErrorMessage"]["StringValue"]
    assert len(dynamodb.scan(TableName="photos")["Items"]) == 2


def test_scores(start):
    """Each result counts once, also when the platform is killed amid them."""
    platform = start()
    run(platform, BINARY, "runtimes", "install", "boto3", "--data", str(platform.data))
    scores = [sys.executable, "-B", EXAMPLES / "scores/scores.py"]
    run(platform, *scores, "deploy")
    shown = run(platform, *scores, "play", "60")
    assert sum(int(line.split()[1]) for line in shown.splitlines()) == 60, shown
    results = platform.client("dynamodb")
    for number in range(200):
        results.put_item(TableName="results", Item={"id": {"S": f"r{number}"}, "player": {"S": "ada"}, "points": {"N": "1"}})
    platform.kill()
    platform.start()
    run(platform, *scores, "deploy")
    dynamodb = platform.client("dynamodb")

    def games():
        items = dynamodb.scan(TableName="totals", ConsistentRead=True)["Items"]
        return sum(int(item["games"]["N"]) for item in items)
    eventually(lambda: games() >= 260, "all results")
    assert games() == 260


def test_report(platform):
    """Its schedule is a rate here, so that nobody waits for the morning."""
    tools = pathlib.Path(sys.executable).parent
    environment = {**platform.environment(), "PATH": f"{tools}:{os.environ['PATH']}"}
    deployed = subprocess.run([EXAMPLES / "report/deploy.sh", "report", "rate(1 minute)"], env=environment,
                              capture_output=True, text=True, timeout=300)
    assert deployed.returncode == 0, deployed.stderr
    yesterday = (datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)).date().isoformat()
    dynamodb = platform.client("dynamodb")
    for number, day in enumerate([yesterday, yesterday, "2020-01-01"]):
        dynamodb.put_item(TableName="report", Item={"id": {"S": f"o{number}"}, "day": {"S": day}, "amount": {"N": "2.5"}})
    mails = eventually(lambda: run(platform, BINARY, "mail", "--json").splitlines(), "a mail", 90)
    assert f"Orders of {yesterday}" in mails[0] and f"2 orders on {yesterday}, 5.00 in all." in mails[0], mails


def test_tour(platform):
    run(platform, BINARY, "runtimes", "install", "boto3", "--data", str(platform.data))
    lines = [json.loads(line) for line in run(platform, BINARY, "tour", "--json").splitlines()]
    seen = {(line["stop"], line["saw"]): line["value"] for line in lines}
    assert {stop for stop, _ in seen} == {1, 2, 3, 4, 5, 6}
    assert all(seen[1, name] > 0 for name in ("init_before_ms", "init_after_ms", "provisioned_ms"))
    assert "Task timed out after 1.00 seconds" in seen[2, "before"] and seen[2, "after"].startswith("done")
    assert (seen[4, "before"], seen[4, "after"]) == ("InvalidArgument", "uploaded: photo.jpg")
    assert seen[5, "status"] == 202 and "has expired" in seen[5, "lost"]
    assert seen[5, "dead_letter"] == "the card of order 2 has expired"
    assert (seen[5, "charges_before"], seen[5, "charges_after"]) == (2, 1)
    assert seen[6, "too_large"] == "RequestEntityTooLargeException"

    left = [platform.client("lambda").list_functions()["Functions"], platform.client("lambda").list_layers()["Layers"],
            platform.client("sqs").list_queues(QueueNamePrefix="tour-").get("QueueUrls", []),
            [name for name in platform.client("dynamodb").list_tables()["TableNames"] if name.startswith("tour-")],
            [bucket for bucket in platform.client("s3").list_buckets()["Buckets"] if bucket["Name"].startswith("tour-")]]
    assert not any("tour-" in str(found) for found in left), left
    people = run(platform, BINARY, "tour", "2")
    assert "2 of 6" in people and "Task timed out after 1.00 seconds" in people

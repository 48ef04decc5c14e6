"""Backups, point-in-time recovery, exports and imports with boto3, and after `kill -9` in the middle."""
import datetime
import gzip
import json
import time

import pytest
from botocore.exceptions import ClientError

from harness import eventually

ITEMS = 2000


def make(api, name):
    api.create_table(TableName=name, BillingMode="PAY_PER_REQUEST",
                     AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                     KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}])
    api.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1})


def fill(api, name, value, count=ITEMS):
    for first in range(0, count, 25):
        puts = [{"PutRequest": {"Item": {"id": {"S": str(n)}, "v": {"N": str(value)}, "text": {"S": "x" * 500}}}}
                for n in range(first, min(first + 25, count))]
        api.batch_write_item(RequestItems={name: puts})


def values(api, name):
    pages = api.get_paginator("scan").paginate(TableName=name, ConsistentRead=True)
    return {item["id"]["S"]: int(item["v"]["N"]) for page in pages for item in page["Items"]}


def active(api, name):
    eventually(lambda: api.describe_table(TableName=name)["Table"]["TableStatus"] == "ACTIVE", f"{name} is active")


def available(api, arn):
    def look():
        return api.describe_backup(BackupArn=arn)["BackupDescription"]["BackupDetails"]["BackupStatus"] == "AVAILABLE"
    eventually(look, "the backup is available")


def whole_second():
    """A moment between what was written and what will be: clients send whole seconds."""
    moment = int(time.time()) + 1
    eventually(lambda: time.time() > moment, "a second")
    return datetime.datetime.fromtimestamp(moment, datetime.timezone.utc)


def recoverable(api, name, **more):
    return api.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification={
        "PointInTimeRecoveryEnabled": True, **more})["ContinuousBackupsDescription"]


@pytest.fixture(scope="module")
def api(platform):
    return platform.client("dynamodb")


def test_backup_and_restore(api):
    make(api, "backed-up")
    fill(api, "backed-up", 1)
    arn = api.create_backup(TableName="backed-up", BackupName="first")["BackupDetails"]["BackupArn"]
    fill(api, "backed-up", 2, 500)
    available(api, arn)
    listed = api.list_backups(TableName="backed-up")["BackupSummaries"]
    assert [one["BackupArn"] for one in listed] == [arn]
    api.delete_table(TableName="backed-up")
    api.restore_table_from_backup(TargetTableName="restored", BackupArn=arn)
    active(api, "restored")
    assert values(api, "restored") == {str(n): 1 for n in range(ITEMS)}
    with pytest.raises(api.exceptions.TableAlreadyExistsException):
        api.restore_table_from_backup(TargetTableName="restored", BackupArn=arn)
    api.delete_backup(BackupArn=arn)
    with pytest.raises(api.exceptions.BackupNotFoundException):
        api.describe_backup(BackupArn=arn)


def test_recovery_to_a_point_in_time(api):
    make(api, "recovered")
    with pytest.raises(api.exceptions.PointInTimeRecoveryUnavailableException):
        api.restore_table_to_point_in_time(SourceTableName="recovered", TargetTableName="early",
                                           UseLatestRestorableTime=True)
    set_to = recoverable(api, "recovered", RecoveryPeriodInDays=3)["PointInTimeRecoveryDescription"]
    assert (set_to["PointInTimeRecoveryStatus"], set_to["RecoveryPeriodInDays"]) == ("ENABLED", 3)
    fill(api, "recovered", 1, 100)
    moment = whole_second()
    fill(api, "recovered", 2, 50)
    api.delete_item(TableName="recovered", Key={"id": {"S": "99"}})
    api.restore_table_to_point_in_time(SourceTableName="recovered", TargetTableName="then", RestoreDateTime=moment)
    api.restore_table_to_point_in_time(SourceTableName="recovered", TargetTableName="latest",
                                       UseLatestRestorableTime=True)
    fill(api, "recovered", 3, 100)
    for name, expected in (("then", {str(n): 1 for n in range(100)}),
                           ("latest", {str(n): 2 if n < 50 else 1 for n in range(99)})):
        active(api, name)
        assert values(api, name) == expected
        summary = api.describe_table(TableName=name)["Table"]["RestoreSummary"]
        assert summary["SourceTableArn"].endswith(":table/recovered") and not summary["RestoreInProgress"]
    with pytest.raises(api.exceptions.InvalidRestoreTimeException):
        api.restore_table_to_point_in_time(SourceTableName="recovered", TargetTableName="before",
                                           RestoreDateTime=moment - datetime.timedelta(days=1))


def test_export_and_import(platform, api):
    s3 = platform.client("s3")
    s3.create_bucket(Bucket="exported")
    make(api, "exported")
    recoverable(api, "exported")
    fill(api, "exported", 1)
    table = api.describe_table(TableName="exported")["Table"]["TableArn"]
    arn = api.export_table_to_point_in_time(TableArn=table, S3Bucket="exported", S3Prefix="some/where")[
        "ExportDescription"]["ExportArn"]
    fill(api, "exported", 2, 500)

    def look():
        described = api.describe_export(ExportArn=arn)["ExportDescription"]
        return described["ExportStatus"] != "IN_PROGRESS" and described
    described = eventually(look, "the export is over")
    assert (described["ExportStatus"], described["ItemCount"]) == ("COMPLETED", ITEMS)

    def read(key):
        return s3.get_object(Bucket="exported", Key=key)["Body"].read()
    summary = json.loads(read(described["ExportManifest"]))
    files = [json.loads(line) for line in read(summary["manifestFilesS3Key"]).splitlines()]
    lines = [json.loads(line) for file in files for line in gzip.decompress(read(file["dataFileS3Key"])).splitlines()]
    assert {line["Item"]["id"]["S"]: line["Item"]["v"]["N"] for line in lines} == {str(n): "1" for n in range(ITEMS)}

    folder = files[0]["dataFileS3Key"].rsplit("/", 1)[0]
    arn = api.import_table(
        S3BucketSource={"S3Bucket": "exported", "S3KeyPrefix": folder}, InputFormat="DYNAMODB_JSON",
        InputCompressionType="GZIP", TableCreationParameters={
            "TableName": "imported", "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}]})["ImportTableDescription"]["ImportArn"]

    def imported():
        described = api.describe_import(ImportArn=arn)["ImportTableDescription"]
        return described["ImportStatus"] != "IN_PROGRESS" and described
    described = eventually(imported, "the import is over")
    assert (described["ImportStatus"], described["ImportedItemCount"]) == ("COMPLETED", ITEMS)
    active(api, "imported")
    assert values(api, "imported") == {str(n): 1 for n in range(ITEMS)}


def test_an_export_to_nowhere_fails(api):
    make(api, "nowhere")
    recoverable(api, "nowhere")
    table = api.describe_table(TableName="nowhere")["Table"]["TableArn"]
    arn = api.export_table_to_point_in_time(TableArn=table, S3Bucket="not-there")["ExportDescription"]["ExportArn"]

    def look():
        described = api.describe_export(ExportArn=arn)["ExportDescription"]
        return described["ExportStatus"] == "FAILED" and described
    assert eventually(look, "the export failed")["FailureCode"] == "S3NoSuchBucket"
    with pytest.raises(ClientError, match="ValidationException.*Invalid Export ARN"):
        api.describe_export(ExportArn=table)


def test_copies_go_on_after_a_kill(start):
    platform = start()
    api = platform.client("dynamodb")
    make(api, "source")
    recoverable(api, "source")
    fill(api, "source", 1)
    moment = whole_second()
    arn = api.create_backup(TableName="source", BackupName="killed")["BackupDetails"]["BackupArn"]
    platform.kill()
    platform.start()
    api = platform.client("dynamodb")
    fill(api, "source", 2)
    available(api, arn)
    api.restore_table_from_backup(TargetTableName="from-backup", BackupArn=arn)
    api.restore_table_to_point_in_time(SourceTableName="source", TargetTableName="from-past", RestoreDateTime=moment)
    platform.kill()
    platform.start()
    api = platform.client("dynamodb")
    for name in ("from-backup", "from-past"):
        active(api, name)
        assert values(api, name) == {str(n): 1 for n in range(ITEMS)}

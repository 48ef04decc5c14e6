"""S3 by boto3, the AWS CLI and plain HTTP: what applications and tools do with it."""
import base64
import datetime
import hashlib
import http.client
import io
import itertools
import json
import os
import pathlib
import random
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import zlib

import boto3
import botocore.auth
import botocore.awsrequest
import botocore.config
import botocore.credentials
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import BotoCoreError, ClientError

from harness import PYTHON, REGION, ROLE, Functions, eventually, wait, zipped

MIB = 1024 * 1024
NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def s3(platform):
    return platform.client("s3")


@pytest.fixture
def bucket(s3):
    name = f"bucket-{next(NUMBERS)}"
    s3.create_bucket(Bucket=name)
    return name


def noise(seed, size):
    return random.Random(seed).randbytes(size)


def refused(code, status, call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    response = caught.value.response
    assert (response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]) == (code, status), response
    return response


def fetch(url, method="GET", body=None, headers=None):
    request = urllib.request.Request(url, method=method, data=body, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, lower(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        return error.code, lower(error.headers), error.read()


def lower(headers):
    return {name.lower(): value for name, value in headers.items()}


def test_buckets(s3):
    assert s3.create_bucket(Bucket="my-first-bucket")["Location"] == "/my-first-bucket"
    s3.create_bucket(Bucket="my-first-bucket")
    shown = s3.list_buckets(Prefix="my-first")["Buckets"]
    assert [one["Name"] for one in shown] == ["my-first-bucket"]
    assert s3.get_bucket_location(Bucket="my-first-bucket")["LocationConstraint"] is None
    assert s3.head_bucket(Bucket="my-first-bucket")["BucketRegion"] == REGION
    s3.create_bucket(Bucket="my-european", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    assert s3.get_bucket_location(Bucket="my-european")["LocationConstraint"] == "eu-west-1"
    refused("BucketAlreadyOwnedByYou", 409, s3.create_bucket, Bucket="my-european",
            CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    refused("InvalidBucketName", 400, s3.create_bucket, Bucket="No_Good")
    s3.put_object(Bucket="my-first-bucket", Key="k", Body=b"")
    refused("BucketNotEmpty", 409, s3.delete_bucket, Bucket="my-first-bucket")
    s3.delete_object(Bucket="my-first-bucket", Key="k")
    s3.delete_bucket(Bucket="my-first-bucket")
    refused("NoSuchBucket", 404, s3.list_objects_v2, Bucket="my-first-bucket")
    refused("404", 404, s3.head_bucket, Bucket="my-first-bucket")


@pytest.mark.parametrize("size", [0, 1, 16 * 1024, 16 * 1024 + 1, 3 * MIB])
def test_an_object_comes_back(s3, bucket, size):
    body = noise(size, size)
    put = s3.put_object(Bucket=bucket, Key="a key/with ü & more", Body=body, ContentType="text/x-test",
                        Metadata={"colour": "blue"}, CacheControl="max-age=60", Tagging="team=a&stage=b+c")
    assert put["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
    assert put["ChecksumCRC32"] == base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()
    got = s3.get_object(Bucket=bucket, Key="a key/with ü & more", ChecksumMode="ENABLED")
    assert got["Body"].read() == body
    assert (got["ContentLength"], got["ContentType"], got["Metadata"]) == (size, "text/x-test", {"colour": "blue"})
    assert (got["CacheControl"], got["ETag"], got["TagCount"]) == ("max-age=60", put["ETag"], 2)
    assert got["ChecksumCRC32"] == put["ChecksumCRC32"] and got["AcceptRanges"] == "bytes"
    head = s3.head_object(Bucket=bucket, Key="a key/with ü & more")
    assert (head["ContentLength"], head["ETag"]) == (size, put["ETag"])
    s3.delete_object(Bucket=bucket, Key="a key/with ü & more")
    refused("NoSuchKey", 404, s3.get_object, Bucket=bucket, Key="a key/with ü & more")
    refused("404", 404, s3.head_object, Bucket=bucket, Key="a key/with ü & more")
    s3.delete_object(Bucket=bucket, Key="a key/with ü & more")


def test_ranges(s3, bucket):
    body = noise(7, 2 * MIB)
    s3.put_object(Bucket=bucket, Key="k", Body=body)
    for asked, expected in (("bytes=0-9", body[:10]), ("bytes=1000000-", body[1_000_000:]), ("bytes=-5", body[-5:]),
                            ("bytes=2097151-9999999", body[-1:])):
        got = s3.get_object(Bucket=bucket, Key="k", Range=asked)
        assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
        assert got["Body"].read() == expected and got["ContentRange"].endswith("/2097152")
    response = refused("InvalidRange", 416, s3.get_object, Bucket=bucket, Key="k", Range="bytes=2097152-")
    assert response["Error"]["ActualObjectSize"] == "2097152"


def test_conditions(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"one", IfNoneMatch="*")["ETag"]
    refused("PreconditionFailed", 412, s3.put_object, Bucket=bucket, Key="k", Body=b"two", IfNoneMatch="*")
    refused("PreconditionFailed", 412, s3.put_object, Bucket=bucket, Key="k", Body=b"two", IfMatch='"0"')
    refused("NoSuchKey", 404, s3.put_object, Bucket=bucket, Key="other", Body=b"two", IfMatch=etag)
    later = s3.put_object(Bucket=bucket, Key="k", Body=b"two", IfMatch=etag)["ETag"]
    refused("304", 304, s3.get_object, Bucket=bucket, Key="k", IfNoneMatch=later)
    refused("PreconditionFailed", 412, s3.get_object, Bucket=bucket, Key="k", IfMatch=etag)
    assert s3.get_object(Bucket=bucket, Key="k", IfMatch=later)["Body"].read() == b"two"
    tomorrow = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)
    yesterday = tomorrow - datetime.timedelta(days=2)
    refused("304", 304, s3.get_object, Bucket=bucket, Key="k", IfModifiedSince=tomorrow)
    refused("PreconditionFailed", 412, s3.get_object, Bucket=bucket, Key="k", IfUnmodifiedSince=yesterday)
    s3.get_object(Bucket=bucket, Key="k", IfModifiedSince=yesterday)


def test_lists(s3, bucket):
    keys = [f"{folder}/{name:02}" for folder in ("a", "b", "b/x", "c d+é") for name in range(30)] + ["top"]
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    for version in ("list_objects", "list_objects_v2"):
        pages = s3.get_paginator(version).paginate(Bucket=bucket, PaginationConfig={"PageSize": 7})
        assert [one["Key"] for page in pages for one in page.get("Contents", [])] == sorted(keys)
        pages = s3.get_paginator(version).paginate(Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": 2})
        pages = list(pages)
        prefixes = [one["Prefix"] for page in pages for one in page.get("CommonPrefixes", [])]
        assert prefixes == ["a/", "b/", "c d+é/"]
        assert [one["Key"] for page in pages for one in page.get("Contents", [])] == ["top"]
    page = s3.list_objects_v2(Bucket=bucket, Prefix="b/", Delimiter="/", StartAfter="b/10", MaxKeys=5)
    assert [one["Key"] for one in page["Contents"]] == [f"b/{name}" for name in range(11, 16)]
    assert page["KeyCount"] == 5 and page["IsTruncated"]
    assert s3.list_objects_v2(Bucket=bucket, MaxKeys=0)["KeyCount"] == 0
    resource = boto3.resource("s3", endpoint_url=s3.meta.endpoint_url, region_name=REGION,
                              aws_access_key_id="any", aws_secret_access_key="any")
    assert sum(1 for _ in resource.Bucket(bucket).objects.filter(Prefix="b")) == 60
    resource.Bucket(bucket).objects.all().delete()
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_versions(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"before")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    first = s3.put_object(Bucket=bucket, Key="k", Body=b"first")["VersionId"]
    second = s3.put_object(Bucket=bucket, Key="k", Body=b"second")["VersionId"]
    marker = s3.delete_object(Bucket=bucket, Key="k")
    assert marker["DeleteMarker"] is True
    response = refused("NoSuchKey", 404, s3.get_object, Bucket=bucket, Key="k")
    assert response["ResponseMetadata"]["HTTPHeaders"]["x-amz-delete-marker"] == "true"
    refused("MethodNotAllowed", 405, s3.get_object, Bucket=bucket, Key="k", VersionId=marker["VersionId"])
    for version, body in ((first, b"first"), (second, b"second"), ("null", b"before")):
        assert s3.get_object(Bucket=bucket, Key="k", VersionId=version)["Body"].read() == body
    refused("NoSuchVersion", 404, s3.get_object, Bucket=bucket, Key="k", VersionId="0" * 32)
    listed = s3.list_object_versions(Bucket=bucket)
    assert [(one["VersionId"], one["IsLatest"]) for one in listed["Versions"]] == [
        (second, False), (first, False), ("null", False)]
    assert [(one["VersionId"], one["IsLatest"]) for one in listed["DeleteMarkers"]] == [(marker["VersionId"], True)]
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket, PaginationConfig={"PageSize": 1})
    found = [one["VersionId"] for page in pages for one in page.get("Versions", []) + page.get("DeleteMarkers", [])]
    assert found == [marker["VersionId"], second, first, "null"]
    s3.delete_object(Bucket=bucket, Key="k", VersionId=marker["VersionId"])
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"second"
    s3.delete_object(Bucket=bucket, Key="k", VersionId=second)
    assert s3.get_object(Bucket=bucket, Key="k")["VersionId"] == first
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    assert s3.put_object(Bucket=bucket, Key="k", Body=b"after")["VersionId"] == "null"
    refused("BucketNotEmpty", 409, s3.delete_bucket, Bucket=bucket)
    left = s3.list_object_versions(Bucket=bucket)["Versions"]
    assert [one["VersionId"] for one in left] == ["null", first]
    gone = s3.delete_objects(Bucket=bucket, Delete={"Objects": [
        {"Key": one["Key"], "VersionId": one["VersionId"]} for one in left]})
    assert len(gone["Deleted"]) == 2 and "Errors" not in gone
    s3.delete_bucket(Bucket=bucket)


def test_copies(s3, bucket):
    body = noise(9, 200_000)
    s3.put_object(Bucket=bucket, Key="from ä", Body=body, Metadata={"a": "1"}, ContentType="text/a", Tagging="x=y")
    copied = s3.copy_object(Bucket=bucket, Key="to", CopySource={"Bucket": bucket, "Key": "from ä"})
    got = s3.get_object(Bucket=bucket, Key="to")
    assert got["Body"].read() == body and got["Metadata"] == {"a": "1"} and got["ContentType"] == "text/a"
    assert copied["CopyObjectResult"]["ETag"] == got["ETag"]
    assert s3.get_object_tagging(Bucket=bucket, Key="to")["TagSet"] == [{"Key": "x", "Value": "y"}]
    refused("InvalidRequest", 400, s3.copy_object, Bucket=bucket, Key="to", CopySource=f"{bucket}/to")
    s3.copy_object(Bucket=bucket, Key="to", CopySource=f"{bucket}/to", Metadata={"b": "2"},
                   MetadataDirective="REPLACE")
    assert s3.head_object(Bucket=bucket, Key="to")["Metadata"] == {"b": "2"}
    refused("NoSuchKey", 404, s3.copy_object, Bucket=bucket, Key="to", CopySource=f"{bucket}/none")
    refused("PreconditionFailed", 412, s3.copy_object, Bucket=bucket, Key="to2", CopySource=f"{bucket}/to",
            CopySourceIfMatch='"0"')
    s3.delete_object(Bucket=bucket, Key="from ä")
    assert s3.get_object(Bucket=bucket, Key="to")["Body"].read() == body


def test_uploads_in_parts(s3, bucket):
    parts = [noise(1, 5 * MIB), noise(2, 6 * MIB), noise(3, 1000)]
    upload = s3.create_multipart_upload(Bucket=bucket, Key="big", Metadata={"a": "1"})["UploadId"]
    listed = s3.list_multipart_uploads(Bucket=bucket)["Uploads"]
    assert [(one["Key"], one["UploadId"]) for one in listed] == [("big", upload)]
    etags = [s3.upload_part(Bucket=bucket, Key="big", UploadId=upload, PartNumber=number, Body=part)["ETag"]
             for number, part in enumerate(parts, 1)]
    assert [one["Size"] for one in s3.list_parts(Bucket=bucket, Key="big", UploadId=upload)["Parts"]] == [
        len(part) for part in parts]
    page = s3.list_parts(Bucket=bucket, Key="big", UploadId=upload, MaxParts=2)
    assert page["IsTruncated"] and page["NextPartNumberMarker"] == 2

    def complete(order):
        return dict(Bucket=bucket, Key="big", UploadId=upload, MultipartUpload={
            "Parts": [{"PartNumber": number, "ETag": etag} for number, etag in order]})
    every = list(enumerate(etags, 1))
    refused("InvalidPartOrder", 400, s3.complete_multipart_upload, **complete(every[::-1]))
    refused("InvalidPart", 400, s3.complete_multipart_upload, **complete([(1, '"0"')]))
    refused("EntityTooSmall", 400, s3.complete_multipart_upload, **complete(every + [(4, s3.upload_part(
        Bucket=bucket, Key="big", UploadId=upload, PartNumber=4, Body=b"x")["ETag"])]))
    done = s3.complete_multipart_upload(**complete(every))
    md5s = b"".join(hashlib.md5(part).digest() for part in parts)
    assert done["ETag"] == f'"{hashlib.md5(md5s).hexdigest()}-3"'
    got = s3.get_object(Bucket=bucket, Key="big")
    assert got["Body"].read() == b"".join(parts) and got["Metadata"] == {"a": "1"}
    second = s3.get_object(Bucket=bucket, Key="big", PartNumber=2)
    assert second["Body"].read() == parts[1] and second["PartsCount"] == 3
    across = s3.get_object(Bucket=bucket, Key="big", Range=f"bytes={5 * MIB - 10}-{11 * MIB + 9}")["Body"].read()
    assert across == b"".join(parts)[5 * MIB - 10:11 * MIB + 10]
    refused("NoSuchUpload", 404, s3.upload_part, Bucket=bucket, Key="big", UploadId=upload, PartNumber=1, Body=b"x")

    copy = s3.create_multipart_upload(Bucket=bucket, Key="copy")["UploadId"]
    first = s3.upload_part_copy(Bucket=bucket, Key="copy", UploadId=copy, PartNumber=1, CopySource=f"{bucket}/big",
                                CopySourceRange=f"bytes=0-{6 * MIB - 1}")["CopyPartResult"]["ETag"]
    second = s3.upload_part_copy(Bucket=bucket, Key="copy", UploadId=copy, PartNumber=2, CopySource=f"{bucket}/big",
                                 CopySourceRange=f"bytes={6 * MIB}-{11 * MIB + 999}")["CopyPartResult"]["ETag"]
    s3.complete_multipart_upload(Bucket=bucket, Key="copy", UploadId=copy, MultipartUpload={
        "Parts": [{"PartNumber": 1, "ETag": first}, {"PartNumber": 2, "ETag": second}]})
    assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == b"".join(parts)

    aborted = s3.create_multipart_upload(Bucket=bucket, Key="none")["UploadId"]
    s3.upload_part(Bucket=bucket, Key="none", UploadId=aborted, PartNumber=1, Body=noise(5, MIB))
    s3.abort_multipart_upload(Bucket=bucket, Key="none", UploadId=aborted)
    refused("NoSuchUpload", 404, s3.list_parts, Bucket=bucket, Key="none", UploadId=aborted)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


def test_transfers(s3, bucket, tmp_path):
    body = noise(11, 30 * MIB)
    path = tmp_path / "file"
    path.write_bytes(body)
    config = TransferConfig(multipart_threshold=8 * MIB, multipart_chunksize=8 * MIB)
    s3.upload_file(str(path), bucket, "big", Config=config)
    assert s3.head_object(Bucket=bucket, Key="big")["ETag"].endswith('-4"')
    s3.download_file(bucket, "big", str(tmp_path / "back"), Config=config)
    assert (tmp_path / "back").read_bytes() == body
    s3.copy({"Bucket": bucket, "Key": "big"}, bucket, "copied", Config=config)
    buffer = io.BytesIO()
    s3.download_fileobj(bucket, "copied", buffer)
    assert buffer.getvalue() == body


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_checksums(s3, bucket, algorithm):
    body = noise(13, 100_000)
    field = f"Checksum{algorithm}"
    try:
        put = s3.put_object(Bucket=bucket, Key="k", Body=body, ChecksumAlgorithm=algorithm)
    except botocore.exceptions.MissingDependencyException:
        pytest.skip(f"boto3 computes no {algorithm} without awscrt")
    assert put[field] and put["ChecksumType"] == "FULL_OBJECT"
    assert s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")[field] == put[field]
    attributes = s3.get_object_attributes(Bucket=bucket, Key="k",
                                          ObjectAttributes=["Checksum", "ETag", "ObjectSize", "StorageClass"])
    assert attributes["Checksum"][field] == put[field] and attributes["ObjectSize"] == 100_000
    wrong = {field: base64.b64encode(bytes(len(base64.b64decode(put[field])))).decode()}
    refused("BadDigest", 400, s3.put_object, Bucket=bucket, Key="k", Body=body + b"x", **wrong)

    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts", ChecksumAlgorithm=algorithm)
    assert upload["ChecksumType"] == ("FULL_OBJECT" if algorithm == "CRC64NVME" else "COMPOSITE")
    listed = []
    for number, part in enumerate((noise(1, 5 * MIB), b"end"), 1):
        sent = s3.upload_part(Bucket=bucket, Key="parts", UploadId=upload["UploadId"], PartNumber=number, Body=part,
                              ChecksumAlgorithm=algorithm)
        listed.append({"PartNumber": number, "ETag": sent["ETag"], field: sent[field]})
    done = s3.complete_multipart_upload(Bucket=bucket, Key="parts", UploadId=upload["UploadId"],
                                        MultipartUpload={"Parts": listed})
    assert done[field].endswith("-2") == (algorithm != "CRC64NVME")
    parts = s3.get_object_attributes(Bucket=bucket, Key="parts", ObjectAttributes=["ObjectParts"])["ObjectParts"]
    assert [one["Size"] for one in parts["Parts"]] == [5 * MIB, 3]


def test_wrong_digests_change_nothing(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"good")
    wrong = base64.b64encode(hashlib.md5(b"other").digest()).decode()
    refused("BadDigest", 400, s3.put_object, Bucket=bucket, Key="k", Body=b"bad", ContentMD5=wrong)
    refused("InvalidDigest", 400, s3.put_object, Bucket=bucket, Key="k", Body=b"bad", ContentMD5="nonsense")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"good"


def test_tags_and_settings(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    tags = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": tags})
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == tags
    s3.delete_object_tagging(Bucket=bucket, Key="k")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == []
    refused("BadRequest", 400, s3.put_object_tagging, Bucket=bucket, Key="k",
            Tagging={"TagSet": [{"Key": str(number), "Value": ""} for number in range(11)]})
    refused("NoSuchTagSet", 404, s3.get_bucket_tagging, Bucket=bucket)
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == tags
    refused("NoSuchBucketPolicy", 404, s3.get_bucket_policy, Bucket=bucket)
    policy = json.dumps({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}]})
    refused("AccessDenied", 403, s3.put_bucket_policy, Bucket=bucket, Policy=policy)
    s3.delete_public_access_block(Bucket=bucket)
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    assert s3.get_bucket_policy(Bucket=bucket)["Policy"] == policy
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"] is True
    refused("MalformedPolicy", 400, s3.put_bucket_policy, Bucket=bucket, Policy="{}")
    s3.delete_bucket_policy(Bucket=bucket)
    block = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=block)
    assert s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"] == block
    refused("AccessDenied", 403, s3.put_bucket_policy, Bucket=bucket, Policy=policy)
    rules = [{"ID": "r", "Filter": {"Prefix": "logs/"}, "Status": "Enabled", "Expiration": {"Days": 3}}]
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})
    assert s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"] == rules
    s3.delete_bucket_lifecycle(Bucket=bucket)
    refused("NoSuchLifecycleConfiguration", 404, s3.get_bucket_lifecycle_configuration, Bucket=bucket)
    encryption = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert encryption["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    refused("NotImplementedException", 501, s3.put_object, Bucket=bucket, Key="k", Body=b"x",
            ServerSideEncryption="aws:kms")
    grants = s3.get_object_acl(Bucket=bucket, Key="k")["Grants"]
    assert [one["Permission"] for one in grants] == ["FULL_CONTROL"]
    refused("AccessControlListNotSupported", 400, s3.put_object_acl, Bucket=bucket, Key="k", ACL="public-read")
    s3.delete_public_access_block(Bucket=bucket)
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls={
        "Rules": [{"ObjectOwnership": "BucketOwnerPreferred"}]})
    s3.put_object_acl(Bucket=bucket, Key="k", ACL="public-read")
    shown = s3.get_object_acl(Bucket=bucket, Key="k")
    assert len(shown["Grants"]) == 2
    authenticated = {"Type": "Group", "URI": "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"}
    shown["Grants"][1] = {"Grantee": authenticated, "Permission": "READ_ACP"}
    policy = {"Owner": shown["Owner"], "Grants": shown["Grants"]}
    s3.put_object_acl(Bucket=bucket, Key="k", AccessControlPolicy=policy)
    assert s3.get_object_acl(Bucket=bucket, Key="k")["Grants"] == shown["Grants"]
    s3.put_bucket_acl(Bucket=bucket, GrantWrite=f'uri="{authenticated["URI"]}"')
    assert s3.get_bucket_acl(Bucket=bucket)["Grants"] == [{"Grantee": authenticated, "Permission": "WRITE"}]
    assert s3.get_bucket_request_payment(Bucket=bucket)["Payer"] == "BucketOwner"


def test_object_lock(s3):
    s3.create_bucket(Bucket="locked-bucket", ObjectLockEnabledForBucket=True)
    assert s3.get_bucket_versioning(Bucket="locked-bucket")["Status"] == "Enabled"
    until = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0) + datetime.timedelta(hours=1)
    put = s3.put_object(Bucket="locked-bucket", Key="k", Body=b"x", ObjectLockMode="GOVERNANCE",
                        ObjectLockRetainUntilDate=until)
    named = {"Bucket": "locked-bucket", "Key": "k", "VersionId": put["VersionId"]}
    assert s3.get_object_retention(**named)["Retention"] == {"Mode": "GOVERNANCE", "RetainUntilDate": until}
    refused("AccessDenied", 403, s3.delete_object, **named)
    s3.put_object_legal_hold(**named, LegalHold={"Status": "ON"})
    refused("AccessDenied", 403, s3.delete_object, **named, BypassGovernanceRetention=True)
    s3.put_object_legal_hold(**named, LegalHold={"Status": "OFF"})
    assert s3.head_object(**named)["ObjectLockLegalHoldStatus"] == "OFF"
    s3.delete_object(**named, BypassGovernanceRetention=True)
    s3.put_object_lock_configuration(Bucket="locked-bucket", ObjectLockConfiguration={
        "ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}}})
    put = s3.put_object(Bucket="locked-bucket", Key="k", Body=b"x")
    refused("AccessDenied", 403, s3.delete_object, Bucket="locked-bucket", Key="k", VersionId=put["VersionId"],
            BypassGovernanceRetention=True)


def test_presigned_urls(s3, bucket):
    url = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "a b", "ContentType": "text/a"})
    status, headers, _ = fetch(url, "PUT", b"by url", {"Content-Type": "text/a"})
    assert status == 200 and headers["etag"] == f'"{hashlib.md5(b"by url").hexdigest()}"'
    url = s3.generate_presigned_url("get_object", Params={
        "Bucket": bucket, "Key": "a b", "ResponseContentDisposition": "attachment; filename=x"})
    status, headers, body = fetch(url)
    assert (status, body, headers["content-type"]) == (200, b"by url", "text/a")
    assert headers["content-disposition"] == "attachment; filename=x"
    assert "x-amz-request-id" in headers and "x-amz-id-2" in headers


def form_of(fields, file):
    boundary = "----conformance"
    parts = [f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
             for name, value in fields.items()]
    parts.append(f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="f.txt"\r\n'
                 f"Content-Type: text/plain\r\n\r\n")
    body = "".join(parts).encode() + file + f"\r\n--{boundary}--\r\n".encode()
    return body, {"Content-Type": f"multipart/form-data; boundary={boundary}"}


def test_browsers_forms(s3, bucket):
    post = s3.generate_presigned_post(bucket, "up/${filename}", Fields={"acl": "private"}, Conditions=[
        {"acl": "private"}, ["content-length-range", 1, 10], ["starts-with", "$success_action_status", ""]])
    body, headers = form_of({**post["fields"], "success_action_status": "201"}, b"by form")
    status, _, answer = fetch(post["url"], "POST", body, headers)
    assert status == 201 and b"<Key>up/f.txt</Key>" in answer, answer
    assert s3.get_object(Bucket=bucket, Key="up/f.txt")["Body"].read() == b"by form"
    body, headers = form_of(post["fields"], b"much too long for it")
    status, _, answer = fetch(post["url"], "POST", body, headers)
    assert status == 400 and b"EntityTooLarge" in answer
    body, headers = form_of({**post["fields"], "x-amz-meta-extra": "1"}, b"x")
    status, _, answer = fetch(post["url"], "POST", body, headers)
    assert status == 403 and b"Extra input fields" in answer


def test_cors(s3, bucket):
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [{
        "AllowedMethods": ["GET", "PUT"], "AllowedOrigins": ["https://*.example"], "AllowedHeaders": ["x-*"],
        "ExposeHeaders": ["ETag"], "MaxAgeSeconds": 30}]})
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    url = f"{s3.meta.endpoint_url}/{bucket}/k"
    ask = {"Origin": "https://a.example", "Access-Control-Request-Method": "PUT",
           "Access-Control-Request-Headers": "X-Thing"}
    status, headers, _ = fetch(url, "OPTIONS", headers=ask)
    assert (status, headers["access-control-allow-origin"]) == (200, "https://a.example")
    assert headers["access-control-max-age"] == "30" and headers["access-control-allow-headers"] == "x-thing"
    status, _, body = fetch(url, "OPTIONS", headers={**ask, "Origin": "https://other.org"})
    assert status == 403 and b"AccessForbidden" in body
    signed = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"})
    status, headers, _ = fetch(signed, headers={"Origin": "https://a.example"})
    assert (status, headers["access-control-expose-headers"]) == (200, "ETag")


def test_buckets_in_hosts(platform, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    port = platform.endpoint.rsplit(":", 1)[1]
    for host in (f"{bucket}.s3.localhost:{port}", f"{bucket}.localhost:{port}",
                 f"{bucket}.s3.eu-west-1.amazonaws.com"):
        assert fetch(f"{platform.endpoint}/k", headers={"Host": host})[::2] == (200, b"x"), host
    status, _, body = fetch(f"{platform.endpoint}/{bucket}/none", headers={"Host": f"s3.localhost:{port}"})
    assert status == 404 and b"<Code>NoSuchKey</Code>" in body and b"<HostId>" in body
    virtual = boto3.client("s3", endpoint_url=f"http://s3.localhost:{port}", region_name=REGION,
                           aws_access_key_id="any", aws_secret_access_key="any",
                           config=botocore.config.Config(s3={"addressing_style": "virtual"}))
    try:
        assert virtual.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    except botocore.exceptions.EndpointConnectionError:
        pytest.skip("this machine resolves no names below localhost")


def test_websites(platform, s3, bucket):
    s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration={
        "IndexDocument": {"Suffix": "index.html"}, "ErrorDocument": {"Key": "error.html"}})
    s3.put_object(Bucket=bucket, Key="index.html", Body=b"home", ContentType="text/html")
    s3.put_object(Bucket=bucket, Key="sub/index.html", Body=b"sub")
    s3.put_object(Bucket=bucket, Key="error.html", Body=b"sorry")
    host = {"Host": f"{bucket}.s3-website.localhost"}
    status, headers, body = fetch(platform.endpoint + "/", headers=host)
    assert (status, headers["content-type"], body) == (200, "text/html", b"home")
    assert fetch(platform.endpoint + "/sub/", headers=host)[::2] == (200, b"sub")
    assert fetch(platform.endpoint + "/none", headers=host)[::2] == (404, b"sorry")


def test_what_is_refused_unread_ends_the_connection(platform, bucket):
    for path, status, end in [("/no-such-bucket-anywhere/k", 404, "close"), (f"/{bucket}/k", 200, None)]:
        connection = http.client.HTTPConnection(platform.endpoint.removeprefix("http://"))
        connection.request("PUT", path, body=b"content", headers={"Expect": "100-continue"})
        answer = connection.getresponse()
        assert (answer.status, answer.getheader("connection")) == (status, end)
        connection.close()


def test_events_call_functions(s3, bucket, functions):
    name = functions.create("def handler(event, context):\n    print('heard', event)\n")
    arn = functions.api.get_function(FunctionName=name)["Configuration"]["FunctionArn"]
    wanted = {"LambdaFunctionConfigurations": [{"LambdaFunctionArn": arn, "Events": ["s3:ObjectCreated:*"], "Filter": {
        "Key": {"FilterRules": [{"Name": "prefix", "Value": "in/"}]}}}]}
    refused("InvalidArgument", 400, s3.put_bucket_notification_configuration, Bucket=bucket,
            NotificationConfiguration=wanted)
    functions.api.add_permission(FunctionName=name, StatementId="s3", Action="lambda:InvokeFunction",
                                 Principal="s3.amazonaws.com", SourceArn=f"arn:aws:s3:::{bucket}")
    refused("InvalidArgument", 400, s3.put_bucket_notification_configuration, Bucket=bucket,
            NotificationConfiguration={"QueueConfigurations": [{
                "QueueArn": "arn:aws:sqs:us-east-1:000000000000:no-such-queue-anywhere",
                "Events": ["s3:ObjectCreated:*"]}]})
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=wanted)
    shown = s3.get_bucket_notification_configuration(Bucket=bucket)["LambdaFunctionConfigurations"]
    assert [one["LambdaFunctionArn"] for one in shown] == [arn]
    s3.put_object(Bucket=bucket, Key="out/a", Body=b"x")
    s3.put_object(Bucket=bucket, Key="in/a b", Body=b"xyz")
    lines = functions.lines(name, "ObjectCreated:Put")
    heard = [line for line in lines if "heard" in line]
    assert len(heard) == 1 and "in/a+b" in heard[0] and "'size': 3" in heard[0]


def test_queues_and_topics_have_to_let_buckets_in(s3, bucket, platform):
    sqs, sns = platform.client("sqs"), platform.client("sns")
    url = sqs.create_queue(QueueName=bucket)["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic = sns.create_topic(Name=bucket)["TopicArn"]
    wanted = {"QueueConfigurations": [{"QueueArn": queue, "Events": ["s3:ObjectCreated:*"]}],
              "TopicConfigurations": [{"TopicArn": topic, "Events": ["s3:ObjectRemoved:*"]}]}

    def policy(action, resource, source):
        return json.dumps({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": action, "Resource": resource,
            "Condition": {"ArnLike": {"aws:SourceArn": f"arn:aws:s3:::{source}"}}}]})

    def lets(source):
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy("sqs:SendMessage", queue, source)})
        sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy",
                                 AttributeValue=policy("sns:Publish", topic, source))

    lets("another-bucket")
    for kind, targets in wanted.items():
        refused("InvalidArgument", 400, s3.put_bucket_notification_configuration, Bucket=bucket,
                NotificationConfiguration={kind: targets})
    lets(bucket)
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=wanted)
    shown = s3.get_bucket_notification_configuration(Bucket=bucket)
    assert shown["QueueConfigurations"][0]["QueueArn"] == queue and shown["TopicConfigurations"][0]["TopicArn"] == topic


def test_functions_from_buckets(s3, bucket, functions):
    code = "def handler(event, context):\n    return {}\n"
    s3.put_object(Bucket=bucket, Key="code.zip", Body=zipped({"app.py": code.format("'one'")}))
    name = functions.name()
    functions.api.create_function(FunctionName=name, Role=ROLE, Runtime=PYTHON, Handler="app.handler",
                                  Code={"S3Bucket": bucket, "S3Key": "code.zip"})
    wait(functions.api, "function_active_v2", FunctionName=name)
    assert functions.ask(name) == "one"
    s3.put_object(Bucket=bucket, Key="code.zip", Body=zipped({
        "app.py": "import layered\n" + code.format("layered.WORD")}))
    functions.api.update_function_code(FunctionName=name, S3Bucket=bucket, S3Key="code.zip")
    wait(functions.api, "function_updated_v2", FunctionName=name)
    s3.put_object(Bucket=bucket, Key="layer.zip", Body=zipped({"python/layered.py": "WORD = 'layer'\n"}))
    layer = functions.api.publish_layer_version(LayerName="from-bucket", Content={
        "S3Bucket": bucket, "S3Key": "layer.zip"})
    functions.api.update_function_configuration(FunctionName=name, Layers=[layer["LayerVersionArn"]])
    wait(functions.api, "function_updated_v2", FunctionName=name)
    assert functions.ask(name) == "layer"
    refused("InvalidParameterValueException", 400, functions.api.update_function_code, FunctionName=name,
            S3Bucket=bucket, S3Key="none.zip")


def test_signatures_are_demanded(start):
    platform = start("--auth", "signed")
    secrets = json.loads((platform.data / "secrets.json").read_text())
    keys = {"aws_access_key_id": secrets["access_key_id"], "aws_secret_access_key": secrets["secret_access_key"]}

    def client(**keys):
        config = botocore.config.Config(signature_version="s3v4", retries={"max_attempts": 0})
        return boto3.client("s3", endpoint_url=platform.endpoint, region_name=REGION, config=config, **keys)
    s3 = client(**keys)
    s3.create_bucket(Bucket="signed")
    body = noise(1, 300_000)
    s3.put_object(Bucket="signed", Key="a ü+b/c", Body=body)
    assert s3.get_object(Bucket="signed", Key="a ü+b/c")["Body"].read() == body
    buffer = io.BytesIO(noise(2, 12 * MIB))
    s3.upload_fileobj(buffer, "signed", "parts", Config=TransferConfig(multipart_threshold=5 * MIB))
    assert s3.head_object(Bucket="signed", Key="parts")["ContentLength"] == 12 * MIB
    other = client(**{**keys, "aws_secret_access_key": "wrong"})
    refused("SignatureDoesNotMatch", 403, other.put_object, Bucket="signed", Key="k", Body=body)
    refused("InvalidAccessKeyId", 403, client(aws_access_key_id="AKIANOBODY", aws_secret_access_key="x").get_object,
            Bucket="signed", Key="parts")
    assert fetch(f"{platform.endpoint}/signed/parts")[0] == 403
    url = s3.generate_presigned_url("put_object", Params={"Bucket": "signed", "Key": "by-url"})
    assert fetch(url, "PUT", body)[0] == 200
    assert fetch(url.replace("by-url", "another"), "PUT", body)[0] == 403
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "signed", "Key": "by-url"})
    assert fetch(url)[::2] == (200, body)
    post = s3.generate_presigned_post("signed", "form")
    body, headers = form_of(post["fields"], b"by form")
    assert fetch(post["url"], "POST", body, headers)[0] == 204
    body, headers = form_of({**post["fields"], "x-amz-signature": "0" * 64}, b"by form")
    status, _, answer = fetch(post["url"], "POST", body, headers)
    assert status == 403 and b"SignatureDoesNotMatch" in answer
    # A body that is not the one that was signed is refused on its way, and changes nothing.
    request = botocore.awsrequest.AWSRequest("PUT", f"{platform.endpoint}/signed/parts", data=b"signed body")
    request.context["payload_signing_enabled"] = True
    credentials = botocore.credentials.Credentials(secrets["access_key_id"], secrets["secret_access_key"])
    botocore.auth.S3SigV4Auth(credentials, "s3", REGION).add_auth(request)
    status, _, answer = fetch(request.url, "PUT", b"other bytes", dict(request.headers.items()))
    assert status == 400 and b"XAmzContentSHA256Mismatch" in answer, answer
    assert s3.head_object(Bucket="signed", Key="parts")["ContentLength"] == 12 * MIB


@pytest.fixture
def aws(platform, tmp_path):
    program = pathlib.Path(sys.executable).parent / "aws"

    def run(*arguments):
        done = subprocess.run([program, *arguments], env=platform.environment(), cwd=tmp_path, capture_output=True,
                              text=True, timeout=110)
        assert done.returncode == 0, done.stderr
        return done.stdout
    return run


def test_the_command_line(aws, tmp_path):
    tree = tmp_path / "tree"
    for number in range(40):
        path = tree / f"folder {number % 5}" / f"file-{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(noise(number, number * 1000))
    (tree / "large").write_bytes(noise(99, 20 * MIB))
    aws("s3", "mb", "s3://cli-bucket")
    aws("s3", "sync", "tree", "s3://cli-bucket/tree")
    assert aws("s3", "sync", "tree", "s3://cli-bucket/tree") == ""
    aws("s3", "sync", "s3://cli-bucket/tree", "back")
    files = sorted(path.relative_to(tree) for path in tree.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(tmp_path / "back") for path in (tmp_path / "back").rglob("*")
                           if path.is_file())
    assert all((tree / path).read_bytes() == (tmp_path / "back" / path).read_bytes() for path in files)
    assert "PRE folder 0/" in aws("s3", "ls", "s3://cli-bucket/tree/")
    aws("s3", "cp", "s3://cli-bucket/tree/large", "s3://cli-bucket/copied")
    assert fetch(aws("s3", "presign", "s3://cli-bucket/copied").strip())[2] == noise(99, 20 * MIB)
    aws("s3", "mv", "s3://cli-bucket/copied", "moved")
    (tree / "large").unlink()
    assert "delete: s3://cli-bucket/tree/large" in aws("s3", "sync", "--delete", "tree", "s3://cli-bucket/tree")
    shown = json.loads(aws("s3api", "list-objects-v2", "--bucket", "cli-bucket", "--max-items", "3"))
    assert len(shown["Contents"]) == 3
    aws("s3", "rm", "--recursive", "s3://cli-bucket")
    aws("s3", "rb", "s3://cli-bucket")


class Zeros:
    """Bytes without end, made as they are read; boto3 may read them again."""

    def __init__(self, size):
        self.size, self.at = size, 0

    def read(self, count=-1):
        count = min(self.size - self.at, count if count and count > 0 else self.size)
        self.at += count
        return bytes(count)

    def seek(self, offset, whence=0):
        self.at = offset + (0, self.at, self.size)[whence]
        return self.at

    def tell(self):
        return self.at

    def __len__(self):
        return self.size


def resident(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) * 1024


@pytest.mark.timeout(300)
def test_memory_does_not_grow_with_an_object(start):
    platform = start()
    s3 = platform.client("s3", request_checksum_calculation="when_required")
    s3.create_bucket(Bucket="big-bucket")
    before = resident(platform.pid)
    size = 1024 * MIB
    s3.put_object(Bucket="big-bucket", Key="k", Body=Zeros(size), ContentLength=size)
    body = s3.get_object(Bucket="big-bucket", Key="k")["Body"]
    assert sum(len(piece) for piece in body.iter_chunks(MIB)) == size
    assert resident(platform.pid) - before < 100 * MIB


@pytest.mark.timeout(300)
def test_kill_during_uploads(start):
    platform = start()
    s3 = platform.client("s3")
    s3.create_bucket(Bucket="storm")
    s3.put_bucket_versioning(Bucket="storm", VersioningConfiguration={"Status": "Suspended"})
    known = {f"k{number}": [None] for number in range(8)}

    def storm(key, seed):
        chance = random.Random(seed)
        while True:
            body = chance.randbytes(chance.choice([10, 20_000, 300_000, 2 * MIB]))
            known[key] = [known[key][0], body]
            try:
                api.put_object(Bucket="storm", Key=key, Body=body)
                known[key] = [body]
            except (ClientError, BotoCoreError):
                return

    for round_number in range(5):
        api = platform.client("s3")
        threads = [threading.Thread(target=storm, args=(key, f"{round_number} {key}")) for key in known]
        [thread.start() for thread in threads]
        time.sleep(1 + round_number / 4)
        platform.kill()
        [thread.join() for thread in threads]
        platform.start()
        api = platform.client("s3")
        for key, possible in known.items():
            try:
                found = api.get_object(Bucket="storm", Key=key)["Body"].read()
            except api.exceptions.NoSuchKey:
                found = None
            assert found in possible, f"{key}: {len(found or b'')} bytes, none of those that were put"
            known[key] = [found]
    api.delete_objects(Bucket="storm", Delete={"Objects": [{"Key": key, "VersionId": "null"} for key in known]})
    objects = platform.data / "objects"
    eventually(lambda: not [path for path in objects.rglob("*") if path.is_file()], "all blobs to be removed")


def test_archived_objects(s3, bucket):
    """A class is told wherever objects are, and an archived one is read by nobody before it is restored."""
    s3.put_object(Bucket=bucket, Key="cold", Body=b"x", StorageClass="GLACIER")
    assert s3.head_object(Bucket=bucket, Key="cold")["StorageClass"] == "GLACIER"
    assert s3.list_objects_v2(Bucket=bucket)["Contents"][0]["StorageClass"] == "GLACIER"
    assert s3.list_object_versions(Bucket=bucket)["Versions"][0]["StorageClass"] == "GLACIER"
    refused("InvalidObjectState", 403, s3.get_object, Bucket=bucket, Key="cold")
    wanted = {"Days": 1, "GlacierJobParameters": {"Tier": "Expedited"}}
    begun = s3.restore_object(Bucket=bucket, Key="cold", RestoreRequest=wanted)
    assert begun["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert s3.head_object(Bucket=bucket, Key="cold")["Restore"] == 'ongoing-request="true"'
    refused("RestoreAlreadyInProgress", 409, s3.restore_object, Bucket=bucket, Key="cold", RestoreRequest=wanted)
    rules = [{"ID": "r", "Filter": {"Prefix": ""}, "Status": "Enabled",
              "Transitions": [{"Days": 30, "StorageClass": "STANDARD_IA"}, {"Days": 60, "StorageClass": "GLACIER"}]}]
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})
    assert s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"] == rules

"""S3 objects under keys of the client's own (SSE-C) with boto3 and the AWS CLI."""
import os
import random
import subprocess

import boto3
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from harness import REGION

MIB = 1024 * 1024
KEY, OTHER = b"k" * 32, b"o" * 32


def under(key, source=None):
    arguments = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": key}
    if source:
        arguments |= {"CopySourceSSECustomerAlgorithm": "AES256", "CopySourceSSECustomerKey": source}
    return arguments


@pytest.fixture(scope="module")
def s3(platform):
    s3 = platform.client("s3")
    s3.create_bucket(Bucket="sealed")
    return s3


def noise(size):
    return random.Random(size).randbytes(size)


@pytest.mark.parametrize("size", [0, 1000, 100_000, 3 * MIB])
def test_an_object_is_read_with_its_key_alone(s3, size):
    body, name = noise(size), f"object-{size}"
    put = s3.put_object(Bucket="sealed", Key=name, Body=body, **under(KEY))
    assert put["SSECustomerAlgorithm"] == "AES256" and "ServerSideEncryption" not in put
    got = s3.get_object(Bucket="sealed", Key=name, **under(KEY))
    assert got["Body"].read() == body and got["SSECustomerKeyMD5"] == put["SSECustomerKeyMD5"]
    if size > 100:
        part = s3.get_object(Bucket="sealed", Key=name, Range="bytes=33-99", **under(KEY))["Body"].read()
        assert part == body[33:100]
    for arguments, status in (({}, 400), (under(OTHER), 403)):
        for call in (s3.get_object, s3.head_object):
            with pytest.raises(ClientError) as refused:
                call(Bucket="sealed", Key=name, **arguments)
            assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    s3.copy_object(Bucket="sealed", Key=name + "-copy", CopySource=f"sealed/{name}", **under(OTHER, source=KEY))
    assert s3.get_object(Bucket="sealed", Key=name + "-copy", **under(OTHER))["Body"].read() == body


def test_transfers_in_parts(s3, tmp_path):
    (tmp_path / "file").write_bytes(noise(20 * MIB))
    config = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB)
    s3.upload_file(str(tmp_path / "file"), "sealed", "parts", ExtraArgs=under(KEY), Config=config)
    s3.download_file("sealed", "parts", str(tmp_path / "back"), ExtraArgs=under(KEY), Config=config)
    assert (tmp_path / "back").read_bytes() == (tmp_path / "file").read_bytes()
    s3.copy({"Bucket": "sealed", "Key": "parts"}, "sealed", "copied", ExtraArgs=under(OTHER, source=KEY), Config=config,
            SourceClient=s3)
    assert s3.get_object(Bucket="sealed", Key="copied", **under(OTHER))["Body"].read() == noise(20 * MIB)
    for name in ("parts", "copied"):
        with pytest.raises(ClientError, match="InvalidRequest"):
            s3.get_object(Bucket="sealed", Key=name)


def test_nothing_lies_open(platform, s3):
    body = b"nobody reads this " * 5000
    s3.put_object(Bucket="sealed", Key="hidden", Body=body, **under(KEY))
    s3.put_object(Bucket="sealed", Key="open", Body=b"everybody reads this " * 5000)

    def lies_open(text):
        return any(text in path.read_bytes() for path in platform.data.rglob("*") if path.is_file())
    assert lies_open(b"everybody reads this everybody")
    assert not lies_open(b"nobody reads this nobody") and not lies_open(KEY)

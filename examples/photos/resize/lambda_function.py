"""S3 invokes it with an upload: makes the thumbnail, and writes down what it made."""
import io
import os
import time
import urllib.parse

import boto3
from PIL import Image

s3 = boto3.client("s3")
photos = boto3.resource("dynamodb").Table(os.environ["TABLE"])


def lambda_handler(event, context):
    began = now()
    for record in event["Records"]:
        bucket, upload = record["s3"]["bucket"]["name"], record["s3"]["object"]
        key = urllib.parse.unquote_plus(upload["key"])
        # A thumbnail that made a thumbnail would never end, whatever the notification's filter says.
        if not key.startswith("uploads/"):
            continue
        picture = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        with Image.open(io.BytesIO(picture)) as image:
            size = image.size
            image.thumbnail((256, 256))
            png = io.BytesIO()
            image.save(png, "PNG")
        name = os.path.splitext(os.path.basename(key))[0]
        thumbnail = f"thumbnails/{name}.png"
        s3.put_object(Bucket=bucket, Key=thumbnail, Body=png.getvalue(), ContentType="image/png")
        item = {"id": name, "photo": key, "thumbnail": thumbnail, "width": size[0], "height": size[1],
                "upload": upload["sequencer"], "resize_began": began, "thumbnail_stored": now()}
        try:
            # An event may come twice, and late: only a newer upload is news.
            photos.put_item(Item=item, ConditionExpression="attribute_not_exists(upload) OR upload < :upload",
                            ExpressionAttributeValues={":upload": item["upload"]})
        except photos.meta.client.exceptions.ConditionalCheckFailedException:
            print(f"{key} is known")


def now():
    return int(time.time() * 1000)

"""S3 invokes it with each upload."""


def lambda_handler(event, context):
    for record in event["Records"]:
        print("uploaded:", record["s3"]["object"]["key"])

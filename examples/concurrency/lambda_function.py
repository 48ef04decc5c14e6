"""Takes a tenth of a second and says where it ran."""
import time


def lambda_handler(event, context):
    time.sleep(event.get("seconds", 0.1))
    return context.log_stream_name

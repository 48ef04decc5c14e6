"""Waits for somebody slow. How long it may is the function's setting, not its code's."""
import time


def lambda_handler(event, context):
    time.sleep(event["seconds"])
    return "done, with %d ms left" % context.get_remaining_time_in_millis()

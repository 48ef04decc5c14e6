"""Greets whoever the event names."""


def lambda_handler(event, context):
    name = event.get("name", "World")
    print(f"greeting {name} in request {context.aws_request_id}")
    return {"message": f"Hello, {name}!", "remaining_ms": context.get_remaining_time_in_millis()}

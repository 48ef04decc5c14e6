value = 7


def handler(event, context):
    return "ok"

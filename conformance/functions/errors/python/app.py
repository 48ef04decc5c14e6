"""Fails in every way a handler can."""


class OrderRefused(Exception):
    pass


def handler(event, context):
    raise ValueError("boom")


def custom(event, context):
    raise OrderRefused("no stock\nfor 'ü'")


def nested(event, context):
    try:
        {}["missing"]
    except KeyError as error:
        raise RuntimeError("wrapped") from error


def deep(event, context):
    def level(n):
        if n == 0:
            return 1 / 0
        return level(n - 1)

    return level(3)


def silent(event, context):
    raise Exception


def third_party(event, context):
    import json

    return json.loads("{not json")


def twice(event, context):
    if event == "fail":
        raise ValueError("this time")
    return "fine"


def wrong_arguments(event):
    return event

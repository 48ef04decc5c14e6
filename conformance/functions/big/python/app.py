"""Moves payloads near the limit of 6 MB."""


def returns(event, context):
    return "é" * (event // 2)


def receives(event, context):
    return len(event)

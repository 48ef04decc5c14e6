"""Fails while it is imported."""


def connect():
    raise ConnectionError("no database")


connect()

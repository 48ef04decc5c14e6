"""Leaves the process from inside a handler."""
import os
import sys


def handler(event, context):
    print("leaving")
    sys.exit(event)


def at_once(event, context):
    os._exit(9)


def builtin(event, context):
    exit(4)


def base_exception(event, context):
    raise KeyboardInterrupt

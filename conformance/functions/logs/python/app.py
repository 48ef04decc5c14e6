"""Writes to standard output, standard error and the logging module."""
import json
import logging
import os
import sys

logger = logging.getLogger()
named = logging.getLogger("shop.orders")


def printed(event, context):
    print("one line")
    print("two\nlines")
    print("é 😀")
    sys.stdout.write("no newline")
    sys.stderr.write(" to stderr\n")
    os.write(1, b"raw\n")


def levels(event, context):
    logger.setLevel("INFO")
    logger.debug("quiet")
    logger.info("hello %s", "there")
    named.warning("several\nlines")
    named.error("bad")
    logger.critical("worse")


def default_level(event, context):
    logger.info("not shown")
    logger.warning("shown")


def environment_level(event, context):
    logger.debug("debug")
    logger.info("info")
    logger.error("error")


def exception(event, context):
    try:
        1 / 0
    except ZeroDivisionError:
        named.exception("caught")


def extra(event, context):
    named.warning({"a": 1}, extra={"order": 7, "when": Exception("odd")})
    named.warning("dict args %(x)s", {"x": 5})


def by_context(event, context):
    context.log("through the context\n")


def mixed(event, context):
    print("first")
    logger.warning("second")
    print("third")
    named.error("fourth")
    raise ValueError("fifth")


def handlers(event, context):
    root = logging.getLogger()
    return [type(root.handlers[0]).__name__, len(root.handlers), root.level, hasattr(root.handlers[0], "log_sink")]


def basic_config(event, context):
    logging.basicConfig(level=logging.DEBUG, format="%(message)s")  # Does nothing: a handler is there already.
    logger.warning("kept")

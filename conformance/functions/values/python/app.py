"""Returns values at the edge of JSON."""
import collections
import datetime
import decimal
import enum

Point = collections.namedtuple("Point", "x y")


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


def none(event, context):
    pass


def numbers(event, context):
    d = decimal.Decimal
    return [d("1.10"), d("1E+2"), d("12345678901234567890.5"), 10**30, 1e22, 0.1, -0.0, True, Level.HIGH]


def not_numbers(event, context):
    return [float("nan"), float("inf"), -float("inf"), decimal.Decimal("-NaN"), decimal.Decimal("Infinity")]


def shapes(event, context):
    ordered = collections.OrderedDict([("z", 1), ("a", (1, 2))])
    return {"point": Point(1, [Point(2, 3)]), "ordered": ordered, "bytes": b"text", 1: "int", None: "none", 2.5: True}


def text(event, context):
    return "é 😀 \u2028\u2029 \x7f \x01 \" \\ / </script>"


def raw(event, context):
    return b"\x00\xffraw"


def a_set(event, context):
    return {"inner": {1, 2}}


def a_date(event, context):
    return datetime.datetime(2020, 1, 1)


def an_enum(event, context):
    return Colour.RED


def a_key(event, context):
    return {(1, 2): 3}


def circular(event, context):
    items = []
    items.append(items)
    return items


async def coroutine(event, context):
    return 1

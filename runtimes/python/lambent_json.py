"""The complete JSON rules of AWS's Python client, for what bootstrap.py's fast codec hands over.

AWS encodes with simplejson: Decimals become numbers with all their digits, named tuples become objects, bytes become
text, NaN and infinities are written as bare words. Everything else follows the standard library.
"""
import sys


def loads(data):
    """Decodes an event the fast scanner refused: returns it after all (a byte-order mark), or says what is wrong."""
    import json

    def refuse(name):
        # AWS's decoder takes no constants; the wording is that of any unexpected token.
        raise ValueError("Expecting value")

    text = bytes(data).decode("utf-8")
    if text.startswith("\ufeff"):
        text = text[1:]
    return json.loads(text, parse_constant=refuse)


def dumps(value, quote):
    pieces = []
    write(value, pieces.append, quote, set())
    return "".join(pieces)


def write(value, out, quote, open_ids):
    """Appends the pieces of one value's text; `open_ids` are the containers around it."""
    scalar = scalar_text(value, quote)
    if scalar is not None:
        out(scalar)
        return
    if id(value) in open_ids:
        raise ValueError("Circular reference detected")
    open_ids.add(id(value))
    as_dict = getattr(value, "_asdict", None)
    if callable(as_dict):
        write(as_dict(), out, quote, open_ids)
    elif isinstance(value, dict):
        separator = "{"
        for key, item in value.items():
            out(separator + quote(key_text(key)) + ": ")
            write(item, out, quote, open_ids)
            separator = ", "
        out("{}" if separator == "{" else "}")
    elif isinstance(value, (list, tuple)):
        separator = "["
        for item in value:
            out(separator)
            write(item, out, quote, open_ids)
            separator = ", "
        out("[]" if separator == "[" else "]")
    else:
        raise TypeError("Object of type %s is not JSON serializable" % type(value).__name__)
    open_ids.discard(id(value))


def scalar_text(value, quote):
    if isinstance(value, str):
        return quote(value)
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):
        return float_text(value)
    if isinstance(value, bytes):
        return quote(value.decode("utf-8"))
    decimal = sys.modules.get("decimal")
    if decimal is not None and isinstance(value, decimal.Decimal):
        return "NaN" if value.is_nan() else str(value)
    return None


def float_text(value):
    if value != value:
        return "NaN"
    if value in (float("inf"), -float("inf")):
        return "Infinity" if value > 0 else "-Infinity"
    return float.__repr__(value)


def key_text(key):
    if isinstance(key, str):
        return key
    if isinstance(key, bytes):
        return key.decode("utf-8")
    if key is None or isinstance(key, (int, float)):
        return scalar_text(key, None)
    raise TypeError("keys must be str, int, float, bool or None, not %s" % type(key).__name__)

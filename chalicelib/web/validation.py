"""From the text of a request to the declared types, or an InvalidInput that names the field."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from ..core.errors import InvalidInput
from .request import Request

MOST_BYTES = 1024 * 1024 + 16 * 1024
MOST_DEPTH = 32

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_NO_BRACKET = bytes(set(range(256)) - set(b"[]{}"))
_AT = re.compile(r"^(?P<reason>.*?)(?: - at `(?P<path>[^`]*)`)?$", re.DOTALL)
_EMPTY = "Expected `str` of length >= 1"  # only an empty text is shorter: as good as missing
_MISSING = re.compile(r"Object missing required field `(?P<name>[^`]*)`")


def body(raw: bytes, kind: type[Any], *, form: bool = False, lax: bool = False) -> Any:
    """Parse and check a body. JSON is tried whatever the Content-Type says; `form` allows a form too.

    `lax` takes "5" for 5 and "true" for true.
    """
    if len(raw) > MOST_BYTES:
        raise InvalidInput("", f"the body is larger than {MOST_BYTES} bytes")
    if form and raw.lstrip()[:1] != b"{":
        return _form(raw, kind)
    if deeper(raw, MOST_DEPTH):
        raise InvalidInput("", f"the body nests deeper than {MOST_DEPTH} levels")
    try:
        return msgspec.json.decode(raw or b"{}", type=kind, strict=not lax)
    except msgspec.ValidationError as error:
        raise explain(error) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput("", f"the body is no valid JSON: {error}") from None


def _form(raw: bytes, kind: type[Any]) -> Any:
    try:
        fields = dict(parse_qsl(raw.decode(), keep_blank_values=True))
    except ValueError:
        raise InvalidInput("", "the body is no valid form") from None
    return convert(fields, kind)


def query(values: Mapping[str, list[str]], kind: type[Any]) -> Any:
    """Of a parameter given more than once the first counts; an empty one counts as absent."""
    return convert({name: given[0] for name, given in values.items() if given and given[0] != ""}, kind)


def headers(request: Request, kind: type[Any]) -> Any:
    """Those that the type names, whatever their case; an empty one counts as absent."""
    names = [each.encode_name for each in msgspec.structs.fields(kind)]
    found = {name: request.header(name) for name in names}
    return convert({name: value for name, value in found.items() if value}, kind)


def convert(values: Mapping[str, str], kind: type[Any]) -> Any:
    """Text to the declared types: "5" to 5, "true" to True."""
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        raise explain(error) from None


def deeper(raw: bytes, limit: int) -> bool:
    """Whether JSON text nests deeper than `limit`, without parsing it."""
    if raw.count(b"{") + raw.count(b"[") <= limit:
        return False
    depth = 0
    for bracket in _STRING.sub(b"", raw).translate(None, _NO_BRACKET):
        depth += 1 if bracket in b"{[" else -1
        if depth > limit:
            return True
    return False


def explain(error: msgspec.ValidationError) -> InvalidInput:
    """Msgspec's message as field and reason, in the wire's own names."""
    found = _AT.match(str(error))
    reason, path = (found["reason"], found["path"] or "") if found else (str(error), "")
    field = path.removeprefix("$").removeprefix(".").replace("[...]", "[]")
    missing = _MISSING.fullmatch(reason)
    if missing:
        name = missing["name"]
        return InvalidInput(f"{field}.{name}" if field else name, "is missing", missing=True)
    return InvalidInput(field, _plain(reason), missing=reason.startswith(_EMPTY))


@cache
def _plain(reason: str) -> str:
    text = reason[:1].lower() + reason[1:]
    return text.replace("`", "")

"""What Huawei's documents write on the wire: bounds stand here, once.

Names follow the wire (camel case) by rename; an optional field may be absent or null.
"""

import re
from datetime import UTC, datetime
from typing import Annotated

from msgspec import Meta, Struct

from ...core.errors import InvalidInput

TIME = re.compile(r"\d{8}T\d{6}Z")
TIME_FORMAT = "%Y%m%dT%H%M%SZ"

Text256 = Annotated[str, Meta(max_length=256)]
Name256 = Annotated[str, Meta(min_length=1, max_length=256)]
Id64 = Annotated[str, Meta(min_length=1, max_length=64)]
Url1024 = Annotated[str, Meta(min_length=1, max_length=1024)]
Time = Annotated[str, Meta(description="UTC, yyyyMMdd'T'HHmmss'Z'", examples=["20151212T121212Z"])]
Psk = Annotated[str, Meta(pattern=r"^[0-9a-fA-F]{8,32}$")]
Seconds = Annotated[int, Meta(ge=0, le=2147483647)]
PageNo = Annotated[int, Meta(ge=0, le=2147483647)]


class Wire(Struct, frozen=True, rename="camel"):
    """Base of what goes over the wire."""


class ForApplication(Wire, frozen=True, rename="camel"):
    """`appId` names the application whose data is meant, where that is not the caller's own."""

    app_id: Text256 | None = None


def format_time(at: int | None) -> str | None:
    """Milliseconds to `yyyyMMdd'T'HHmmss'Z'`."""
    return None if at is None else datetime.fromtimestamp(at // 1000, UTC).strftime(TIME_FORMAT)


def required_time(at: int) -> str:
    return datetime.fromtimestamp(at // 1000, UTC).strftime(TIME_FORMAT)


def parse_time(text: str | None, field: str) -> int | None:
    """To milliseconds. Raises InvalidInput."""
    if not text:
        return None
    at = read_time(text)
    if at is None:
        raise InvalidInput(field, "is no time of the form yyyyMMdd'T'HHmmss'Z'")
    return at


def read_time(text: object) -> int | None:
    """To milliseconds; None where it is no time."""
    if not isinstance(text, str) or not TIME.fullmatch(text):
        return None
    try:
        return int(datetime.strptime(text, TIME_FORMAT).replace(tzinfo=UTC).timestamp() * 1000)
    except ValueError:
        return None

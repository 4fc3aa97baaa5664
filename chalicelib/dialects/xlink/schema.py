"""What XLink's documents write on the wire: bounds stand here, once.

Names are the wire's own (snake case). A body may give a number as text. No answer holds null: an
absent value is left out (`omit_defaults` with None) or given as its empty value.
"""

import re
from datetime import UTC, datetime
from typing import Annotated

from msgspec import Meta, Struct

from ...core.errors import InvalidInput

TIME = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:?\d\d)")

Id = Annotated[str, Meta(min_length=1, max_length=64)]
Text32 = Annotated[str, Meta(max_length=32)]
Text250 = Annotated[str, Meta(max_length=250)]
Time = Annotated[str, Meta(max_length=64, examples=["2015-10-09T08:15:40.843Z"])]


class Wire(Struct, frozen=True):
    """Base of what goes over the wire."""


class ProductPath(Wire, frozen=True):
    product_id: Id


def format_time(at: int) -> str:
    """Milliseconds to `2015-10-09T08:15:40.843Z`."""
    moment = datetime.fromtimestamp(at // 1000, UTC).replace(tzinfo=None)
    return f"{moment.isoformat(timespec='seconds')}.{at % 1000:03d}Z"


def parse_time(text: str, field: str) -> int:
    """To milliseconds; spaces do not count (the published example has some). Raises InvalidInput."""
    found = TIME.fullmatch(text.replace(" ", ""))
    try:
        if not found:
            raise ValueError(text)
        day, clock, part, zone = found.groups()
        seconds = int(datetime.fromisoformat(f"{day}T{clock}{zone}").timestamp())
        at = seconds * 1000 + int((part or "0")[:3].ljust(3, "0"))
        format_time(at)  # in UTC it may be of another year, which has to have four digits, too
    except (ValueError, OverflowError):
        raise InvalidInput(field, "is no time as 2015-10-09T08:15:40.843Z") from None
    return at

"""What the device shadow's document writes on the wire: bounds stand here, once.

`filed` is how the document spells it. An optional parameter may be absent, null or empty.
"""

from typing import Annotated, Any

from msgspec import Meta, Struct

ProductId = Annotated[str, Meta(min_length=1, max_length=10)]
DeviceId = Annotated[str, Meta(min_length=1, max_length=32)]
MessageId = Annotated[str, Meta(max_length=32)]
Timestamp = Annotated[
    int, Meta(ge=0, le=2**63 - 1, description="ms; the shadow's time as the caller knows it")
]
Key = Annotated[str, Meta(min_length=1, max_length=256)]
Path = Annotated[str, Meta(min_length=1, max_length=1024, examples=["setting.battery.open"])]
Paths = Annotated[list[Path], Meta(min_length=1, max_length=100)]
Fields = dict[str, Any]

OK = "ok"
SUCCESS = 10000


class Wire(Struct, frozen=True, rename="camel"):
    """Base of what goes over the wire."""


class Named(Wire, frozen=True, rename="camel", kw_only=True):
    """The device that is meant."""

    product_id: ProductId
    device_id: DeviceId


class Change(Named, frozen=True, rename="camel", kw_only=True):
    """`timestamp` absent: whatever the shadow's time is. `messageId` absent: each call is a new one."""

    timestamp: Timestamp | None = None
    message_id: MessageId | None = None


class Stamp(Wire, frozen=True):
    """The shadow's time in ms."""

    timestamp: int


class Answer(Struct, frozen=True, kw_only=True):
    """Of a call that did what it was to."""

    code: int = 0
    msg: str = OK
    err_code: int = SUCCESS


class Changed(Answer, frozen=True, kw_only=True):
    result: Stamp

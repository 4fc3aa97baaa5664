"""What all Feiyan types have in common."""

from typing import Annotated

import msgspec
from msgspec import Meta


class Wire(msgspec.Struct, frozen=True, rename="camel"):
    """Fields in camelCase."""


IotId = Annotated[str, Meta(min_length=1, max_length=64, description="the device's id")]
ProductKey = Annotated[str, Meta(min_length=1, max_length=64, examples=["a1QnXv8kRc"])]
DeviceName = Annotated[str, Meta(min_length=1, max_length=128, examples=["meter-1"])]
Identifier = Annotated[str, Meta(min_length=1, max_length=512, examples=["level"])]
Ms = Annotated[int, Meta(ge=0, le=10**15, examples=[1767254400000])]
PageNo = Annotated[int, Meta(ge=1, le=1_000_000, examples=[1])]

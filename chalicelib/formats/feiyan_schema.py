"""The JSON of a TSL, as the cloud exports it: numbers are text, and keys of enums are numbers as text.

Source: Alibaba Living IoT, thing specification language
"""

from typing import Annotated

from msgspec import UNSET, Meta, Raw, Struct, UnsetType, field

Identifier = Annotated[str, Meta(min_length=1, max_length=256)]


class Wire(Struct, frozen=True, rename="camel", omit_defaults=True):
    """Base of what stands in a TSL."""


class Type(Wire, frozen=True):
    """`specs` depends on the type: an object, of a struct a list of members."""

    type: str
    specs: Raw = field(default_factory=lambda: Raw(b"{}"))


class Bounds(Wire, frozen=True):
    min: str | int | float | None = None
    max: str | int | float | None = None
    step: str | int | float | None = None
    unit: str | None = None
    unit_name: str | None = None


class Length(Wire, frozen=True):
    length: str | int | None = None


class Items(Wire, frozen=True):
    item: Type
    size: str | int | None = None


class Member(Wire, frozen=True):
    """Of a struct, or one datum of an event or a service."""

    identifier: Identifier
    data_type: Type
    name: str = ""


class Property(Wire, frozen=True, omit_defaults=False):
    """`accessMode` is r, w or rw."""

    identifier: Identifier
    data_type: Type
    name: str = ""
    access_mode: str = "rw"
    required: bool = False
    desc: str | UnsetType | None = UNSET


class Event(Wire, frozen=True, omit_defaults=False):
    """`type` is info, alert or error."""

    identifier: Identifier
    name: str = ""
    type: str = "info"
    required: bool = False
    desc: str | UnsetType | None = UNSET
    method: str = ""
    output_data: list[Member | str] = []


class Service(Wire, frozen=True, omit_defaults=False):
    identifier: Identifier
    name: str = ""
    required: bool = False
    desc: str | UnsetType | None = UNSET
    method: str = ""
    call_type: str = "async"
    input_data: list[Member | str] = []
    output_data: list[Member] = []


class Block(Wire, frozen=True):
    """A module of functions."""

    function_block_id: Identifier
    function_block_name: str = ""
    properties: list[Property] = []
    events: list[Event] = []
    services: list[Service] = []


class Profile(Wire, frozen=True):
    product_key: str = ""
    version: str = "1.0"


class Document(Wire, frozen=True, omit_defaults=False):
    schema: str = "https://iotx-tsl.oss-ap-southeast-1.aliyuncs.com/schema.json"
    profile: Profile = Profile()
    properties: list[Property] = []
    events: list[Event] = []
    services: list[Service] = []
    function_blocks: list[Block] = []

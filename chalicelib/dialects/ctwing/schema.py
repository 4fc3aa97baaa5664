"""What CTWing's document writes on the wire: bounds stand here, once.

Source: CTWing CreateCommandLwm2mProfile
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

VERSION = "20191231141545"
LONGEST_TTL = 864_000  # s
DEFAULT_TTL = 7_200  # s; the document names none

Name = Annotated[str, Meta(min_length=1, max_length=256)]
Number = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class Wire(Struct, frozen=True, rename="camel"):
    """Base of what goes over the wire."""


class CommandHeaders(Struct, frozen=True):
    """The first three sign the call; `version` is not signed."""

    application: str | None = None
    timestamp: Annotated[str, Meta(description="ms since 1970")] | None = None
    signature: Annotated[str, Meta(description="base64 of the HMAC-SHA1")] | None = None
    version: Annotated[Literal["20191231141545"], Meta(description="absent: the newest")] | None = None
    master_key: Annotated[str, Meta(description="the product's key")] | None = field(
        default=None, name="MasterKey"
    )


class CommandQuery(Struct, frozen=True):
    """Some clients send the MasterKey here, or here too."""

    master_key: str | None = field(default=None, name="MasterKey")


class Content(Wire, frozen=True, rename="camel"):
    service_id: Name
    method: Name
    paras: dict[str, Any] | None = None


class CommandBody(Wire, frozen=True, rename="camel"):
    """`level` 1 and 2 are a device's (`deviceId`), 3 a group's (`deviceGroupId`); `ttl` in s."""

    command: Content
    operator: Name
    product_id: Number
    device_id: Annotated[str, Meta(max_length=64)] | None = None
    device_group_id: Number | None = None
    level: Annotated[int, Meta(ge=1, le=3)] | None = None
    ttl: Annotated[int, Meta(ge=0, le=LONGEST_TTL)] | None = None


class CommandResult(Wire, frozen=True, rename="camel"):
    """`command` is JSON text; `deviceId` is empty for a group; `createTime` in ms."""

    command_id: str
    command: str
    command_status: str
    device_id: str
    product_id: int
    create_by: str
    create_time: int


class CommandAnswer(Wire, frozen=True, rename="camel"):
    code: int
    msg: str
    result: CommandResult


class CtwingError(Struct, frozen=True):
    code: int
    msg: str

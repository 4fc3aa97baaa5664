"""Firmware versions of a product. Source: XLink 7 to 10"""

from typing import Annotated, Any

from msgspec import Meta, structs

from ....core import errors as core
from ....core import firmwares, products
from ....core.firmwares import Facts, Firmware
from ....web.operations import Call
from ..api import api
from ..schema import Id, ProductPath, Text32, Text250, Time, Wire, format_time, parse_time

Mod = Annotated[str, Meta(max_length=20)]
Version = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
Size = Annotated[int, Meta(ge=0, le=2**53 - 1, description="bytes")]

NAMES = {  # on the wire: in core
    "mod": "maker_model",
    "version": "version",
    "file_url": "url",
    "file_md5": "md5",
    "file_size": "size",
    "description": "description",
    "release_date": "released_at",
    "is_release": "released",
}


class FirmwarePath(ProductPath, frozen=True):
    firmware_id: Id


class NewFirmware(Wire, frozen=True):
    mod: Mod
    version: Version
    file_url: Text250
    file_md5: Text32
    file_size: Size
    description: Text250
    release_date: Time
    is_release: bool


class FirmwareChange(Wire, frozen=True):
    """What is left out stays as it is."""

    mod: Mod | None = None
    version: Version | None = None
    file_url: Text250 | None = None
    file_md5: Text32 | None = None
    file_size: Size | None = None
    description: Text250 | None = None
    release_date: Time | None = None
    is_release: bool | None = None


class FirmwareShown(Wire, frozen=True):
    id: str
    mod: str
    version: int
    file_url: str
    file_md5: str
    file_size: int
    description: str
    release_date: str
    create_date: str
    is_release: bool


@api.post(
    "/v2/product/{product_id}/firmware",
    source="XLink 7",
    raises=(core.InvalidInput, core.ProductNotFound, core.FirmwareExists, core.TooManyFirmwares),
)
def create_firmware(call: Call[ProductPath, None, NewFirmware]) -> FirmwareShown:
    """Note a firmware version; a product has each version of a model once.

    The file stays where its URL says; no device is upgraded by this.
    """
    product = products.get(call.caller.tenant, call.path.product_id)
    return _shown(firmwares.create(product.id, Facts(**_facts(call.body))))


@api.put(
    "/v2/product/{product_id}/firmware/{firmware_id}",
    source="XLink 8",
    raises=(
        core.InvalidInput,
        core.ProductNotFound,
        core.FirmwareNotFound,
        core.FirmwareExists,
        core.Busy,
    ),
)
def change_firmware(call: Call[FirmwarePath, None, FirmwareChange]) -> FirmwareShown:
    """Change what is noted of a firmware version."""
    product = products.get(call.caller.tenant, call.path.product_id)
    return _shown(firmwares.change_facts(product.id, call.path.firmware_id, _facts(call.body)))


@api.delete(
    "/v2/product/{product_id}/firmware/{firmware_id}",
    source="XLink 9",
    raises=(core.ProductNotFound, core.FirmwareNotFound, core.Busy),
)
def delete_firmware(call: Call[FirmwarePath, None, None]) -> None:
    """Delete a firmware version."""
    product = products.get(call.caller.tenant, call.path.product_id)
    firmwares.delete(product.id, call.path.firmware_id)


@api.get("/v2/product/{product_id}/firmwares", source="XLink 10", raises=(core.ProductNotFound,))
def list_firmwares(call: Call[ProductPath, None, None]) -> list[FirmwareShown]:
    """List a product's firmware versions, oldest first."""
    product = products.get(call.caller.tenant, call.path.product_id)
    return [_shown(each) for each in firmwares.list_firmwares(product.id)]


def _facts(body: NewFirmware | FirmwareChange) -> dict[str, Any]:
    """Of core, those that are given. Raises InvalidInput."""
    given = {name: value for name, value in structs.asdict(body).items() if value is not None}
    for name in ("mod", "file_url", "file_md5"):
        if not given.get(name, "x").strip():
            raise core.InvalidInput(name, "is empty", missing=True)
    if "release_date" in given:
        given["release_date"] = parse_time(given["release_date"], "release_date")
    return {NAMES[name]: value for name, value in given.items()}


def _shown(firmware: Firmware) -> FirmwareShown:
    return FirmwareShown(
        id=firmware.id,
        mod=firmware.maker_model,
        version=firmware.version,
        file_url=firmware.url,
        file_md5=firmware.md5,
        file_size=firmware.size,
        description=firmware.description,
        release_date=format_time(firmware.released_at),
        create_date=format_time(firmware.created),
        is_release=firmware.released,
    )

"""What is said of upgrades. Source: Feiyan 6.12"""

from typing import Annotated

from msgspec import Meta

from .schema import DeviceName, IotId, ProductKey, Wire

Version = Annotated[str, Meta(min_length=1, max_length=256, examples=["v1.0.0"])]
ModuleName = Annotated[str, Meta(max_length=256, examples=["default"])]
Step = Annotated[str, Meta(pattern=r"^-?[0-9]{1,3}$", examples=["100"], description="-1 to 100")]


class Target(Wire, frozen=True, kw_only=True):
    """A thing by its id, which counts first, or by its product and name; `deviceId` is its id too."""

    iot_id: IotId | None = None
    device_id: IotId | None = None
    product_key: ProductKey | None = None
    device_name: DeviceName | None = None


class Module(Target, frozen=True, kw_only=True):
    """`moduleName`: without one, or `default`, the thing's own firmware."""

    module_name: ModuleName | None = None


class FirmwareQuery(Module, frozen=True, kw_only=True):
    """`currentVersion` is what the thing really runs, as the app knows it."""

    current_version: Version | None = None


class ProgressQuery(FirmwareQuery, frozen=True, kw_only=True):
    """`firmwareVersion` is needed for a module of another name than `default`."""

    firmware_version: Version | None = None


class Firmware(Wire, frozen=True, kw_only=True):
    """`status` is TO_BE_UPGRADED, which the rest belongs to, or SUCCEEDED: nothing is to be done. `size` in
    bytes, `sign` in lower-case hex.
    """

    module_name: str
    current_version: str
    status: Annotated[str, Meta(examples=["TO_BE_UPGRADED"])]
    firmware_version: str | None = None
    size: str | None = None
    sign: str | None = None
    sign_method: str | None = None
    url: str | None = None
    details: str | None = None
    ota_type: str | None = None


class Progress(Wire, frozen=True, kw_only=True):
    """`status` is TO_BE_UPGRADED, UPGRADING, SUCCEEDED or FAILED; `step` percent, below 0 where it failed."""

    iot_id: str
    module_name: str
    current_version: str
    firmware_version: str
    ota_type: Annotated[str, Meta(examples=["CONFIRM"])]
    need_confirm: bool
    status: Annotated[str, Meta(examples=["UPGRADING"])]
    step: int
    desc: str


class Confirmation(Wire, frozen=True):
    devices: Annotated[list[Target], Meta(min_length=1)]


class WaitingThing(Wire, frozen=True, kw_only=True):
    iot_id: str
    device_icon: str | None
    device_display_name: str
    device_name: str
    device_net_type: Annotated[str, Meta(examples=["NET_WIFI"])]
    device_status: int


class UpgradeChoice(Module, frozen=True, kw_only=True):
    firmware_version: Version


class ProgressReport(UpgradeChoice, frozen=True, kw_only=True):
    step: Step | int
    desc: Annotated[str, Meta(max_length=1024)] = ""


class VersionReport(Wire, frozen=True):
    iot_id: IotId
    version: Version

"""Upgrades of things, for the people who are bound to them. Source: Feiyan 6.12"""

from ....core import bindings, personal_upgrades, products
from ....core import errors as core
from ....core.applications import Caller
from ....core.errors import InvalidInput
from ....core.personal_upgrades import DEFAULT, DONE, FAILED_STEP, Offer
from ....core.upgrade_states import Status, Step
from ....web.operations import Call
from .. import errors, mapping, thing_mapping
from .. import ota_schema as wire
from ..declaring import client
from ..errors import Faults
from ..thing_schema import NamedThing
from .things import UNBOUND

WAITING, RUNNING, SUCCEEDED, FAILED = "TO_BE_UPGRADED", "UPGRADING", "SUCCEEDED", "FAILED"
STATUSES = {
    Status.WAIT: WAITING,
    Status.PROCESSING: RUNNING,
    Status.SUCCESS: SUCCEEDED,
    Status.FAILED: FAILED,
    Status.STOPPED: FAILED,
}
CONFIRM, COMPELLED = "CONFIRM", "COMPELLENT"
SIGN_METHOD = "SHA256"
LOWEST_STEP = -4
NO_RECORD: Faults = {**UNBOUND, core.UpgradeNotFound: errors.of(9146)}
NO_JOB: Faults = {**UNBOUND, core.UpgradeNotFound: errors.of(9132)}
LONGEST_DESCRIPTION = 256


@client(
    "/living/ota/firmware/file/get",
    "1.0.0",
    source="Feiyan 6.12.1",
    raises=(core.NotBound, core.PackageNotFound),
    faults=UNBOUND,
)
def get_firmware(call: Call[None, None, wire.FirmwareQuery]) -> wire.Firmware:
    """The upgrade that waits for a thing, with an address of the file that is good for an hour.

    Four AWS calls; with product and name one more.
    """
    asked = call.body
    module = asked.module_name or DEFAULT
    device, offer = personal_upgrades.find(call.caller, _device(call.caller, asked), module)
    current = asked.current_version or personal_upgrades.version_of(device, module)
    if offer is None or offer.part.status is not Status.WAIT or offer.part.target_version == current:
        return wire.Firmware(module_name=module, current_version=current, status=SUCCEEDED)
    file = personal_upgrades.file_of(call.caller, offer)
    return wire.Firmware(
        module_name=module,
        current_version=current,
        status=WAITING,
        firmware_version=offer.part.target_version,
        size=str(offer.size),
        sign=offer.sha256,
        sign_method=SIGN_METHOD,
        url=file.url,
        details=file.description,
        ota_type=_ota_type(offer),
    )


@client(
    "/living/ota/progress/get",
    "1.0.0",
    source="Feiyan 6.12.2",
    raises=(core.NotBound, core.UpgradeNotFound),
    faults=NO_JOB,
)
def get_upgrade_progress(call: Call[None, None, wire.ProgressQuery]) -> wire.Progress:
    """How a thing's newest upgrade goes, or the one to the version that is named.

    Three AWS calls; with product and name one more.
    """
    asked = call.body
    module = asked.module_name or DEFAULT
    if module != DEFAULT and asked.firmware_version is None:
        raise InvalidInput("firmwareVersion", "is missing", missing=True)
    iot_id = _device(call.caller, asked)
    _, offer = personal_upgrades.find(call.caller, iot_id, module, asked.firmware_version)
    if offer is None:
        raise core.UpgradeNotFound(iot_id)
    return _progress(offer, asked.current_version)


@client("/living/ota/progress/list", "1.0.0", source="Feiyan 6.12.3", raises=(core.ListTooLong,))
def list_upgrade_progress(call: Call[None, None, None]) -> list[wire.Progress]:
    """How the newest upgrade of each of a person's things goes; those that had none are left out.

    An AWS call for the list and one a thing, and one for 25 of them.
    """
    return [_progress(offer) for offer in personal_upgrades.of_person(call.caller)]


@client(
    "/living/ota/confirm",
    "1.0.0",
    source="Feiyan 6.12.4",
    raises=(core.NotBound, core.UpgradeNotFound, core.ListTooLong, core.Busy),
    faults={**NO_RECORD, core.ListTooLong: errors.of(9144)},
)
def confirm_upgrade(call: Call[None, None, wire.Confirmation]) -> None:
    """Have the upgrades of up to 20 things go on that wait for a person: all of them, or none.

    Two AWS calls a thing, and three.
    """
    if len(call.body.devices) > personal_upgrades.MOST_AT_ONCE:
        raise core.ListTooLong(f"more than {personal_upgrades.MOST_AT_ONCE}")
    wanted = [_device(call.caller, each) for each in call.body.devices]
    personal_upgrades.confirm(call.caller, wanted)


@client("/living/ota/devices/list", "1.0.0", source="Feiyan 6.12.5", raises=(core.ListTooLong,))
def list_things_to_upgrade(call: Call[None, None, None]) -> list[wire.WaitingThing]:
    """A person's things whose upgrade waits to be confirmed, or to begin.

    AWS calls as `/living/ota/progress/list`, and one for the names.
    """
    offers = [offer for offer in personal_upgrades.of_person(call.caller) if offer.part.status is Status.WAIT]
    names = {each.device: each.nickname for each in bindings.of_user(call.caller.user)} if offers else {}
    return [_waiting(offer, names.get(offer.device.device)) for offer in offers]


@client(
    "/living/ota/cancel",
    "1.0.0",
    source="Feiyan 6.12.6",
    raises=(core.NotBound, core.UpgradeNotFound, core.Busy),
    faults=NO_RECORD,
)
def cancel_upgrade(call: Call[None, None, wire.UpgradeChoice]) -> None:
    """End the upgrade of a thing to a version, also one that is under way. Five AWS calls; with product and
    name one more.
    """
    asked = call.body
    device = _device(call.caller, asked)
    personal_upgrades.cancel(call.caller, device, asked.module_name or DEFAULT, asked.firmware_version)


@client(
    "/living/ota/progress/report",
    "1.0.0",
    source="Feiyan 6.12.7",
    raises=(core.NotBound, core.UpgradeNotFound, core.PackageNotFound, core.Busy),
    faults=NO_RECORD,
)
def report_upgrade_progress(call: Call[None, None, wire.ProgressReport]) -> None:
    """How an upgrade goes that the app itself does: percent, 100 where it is done, below 0 where it failed.

    Six AWS calls at most; with product and name one more.
    """
    asked, step = call.body, int(call.body.step)
    if not LOWEST_STEP <= step <= DONE:
        raise InvalidInput("step", f"must be {FAILED_STEP} to {DONE}")
    personal_upgrades.report(
        call.caller,
        _device(call.caller, asked),
        asked.module_name or DEFAULT,
        asked.firmware_version,
        step,
        asked.desc[:LONGEST_DESCRIPTION],
    )


@client(
    "/thing/ota/version/reportByUser",
    "1.0.2",
    source="Feiyan 6.12.8",
    raises=(core.NotBound,),
    faults=UNBOUND,
)
def report_version(call: Call[None, None, wire.VersionReport]) -> None:
    """What firmware a thing runs, as the app has seen; it ends an upgrade to that version.

    Three AWS calls, two where it is known.
    """
    personal_upgrades.inform(call.caller, call.body.iot_id, call.body.version)


def _device(caller: Caller, named: wire.Target) -> str:
    iot_id = named.iot_id or named.device_id
    return thing_mapping.device_of(caller, NamedThing(iot_id, named.product_key, named.device_name))


def _ota_type(offer: Offer) -> str:
    return CONFIRM if offer.confirm else COMPELLED


def _progress(offer: Offer, current: str | None = None) -> wire.Progress:
    """`current` is what the device really runs, where the app says so."""
    part = offer.part
    done = current is not None and current == part.target_version
    status = SUCCEEDED if done else STATUSES[part.status]
    return wire.Progress(
        iot_id=part.device,
        module_name=offer.module,
        current_version=current or part.current_version or "",
        firmware_version=part.target_version,
        ota_type=_ota_type(offer),
        need_confirm=offer.waits and not done,
        status=status,
        step=_step(offer, status),
        desc=part.detail or "",
    )


def _step(offer: Offer, status: str) -> int:
    part = offer.part
    if status == SUCCEEDED:
        return DONE
    if status == FAILED:
        told = part.error or ""
        known = told in {str(each) for each in range(LOWEST_STEP, 0)}
        return int(told) if known else FAILED_STEP
    if status == WAITING:
        return 0
    return DONE if (part.step or 0) >= Step.DOWNLOADED.value else part.progress or 0


def _waiting(offer: Offer, nickname: str | None) -> wire.WaitingThing:
    product = products.load(offer.device.product)
    name = nickname or (product.name if product is not None else offer.device.node_id)
    return wire.WaitingThing(
        iot_id=offer.device.device,
        device_icon=product.image if product is not None else None,
        device_display_name=name,
        device_name=name,
        device_net_type=mapping.net_type(product),
        device_status=thing_mapping.status(offer.device),
    )

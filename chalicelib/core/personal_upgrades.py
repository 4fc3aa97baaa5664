"""Upgrades of the devices that a person is bound to: what is offered, how it goes, and the person's word.

An upgrade whose policy says so (`Policy.confirm`) waits, device by device, for a person to confirm it: the
part stays new until then. Whoever is bound to the device may confirm, cancel, and report for a device that
is upgraded by way of the app.

A device's own firmware is the module `default`; any other module is a software package of that name.

Source: Feiyan 6.12
"""

from collections.abc import Iterator, Sequence

import msgspec

from ..aws import files, queues
from ..store.transactions import Contention, Transaction, pause
from ..store.upgrades import PartRecord
from ..store.walks import Walk
from . import (
    bindings,
    clock,
    devices,
    packages,
    thing_access,
    upgrade_cases,
    upgrade_moves,
    upgrade_reports,
    upgrade_states,
)
from .applications import Caller
from .devices import Device
from .errors import Busy, ListTooLong, PackageNotFound, UpgradeNotFound
from .memberships import batched
from .packages import Type
from .upgrade_cases import VERSIONS, Case
from .upgrade_moves import Moved, PackageGone
from .upgrade_sending import URL_LASTS
from .upgrade_states import NEW, STOPPED, WAITING, WORK, Part, Step
from .users import Person

DEFAULT = "default"
MOST_AT_ONCE = 20  # devices of a confirmation
MOST_LOOKED_AT = 100  # upgrades of a device, the newest ones
MOST_DEVICES = 1000  # of a list
READ_AT_ONCE = 25  # parts of different devices: four items each
CANCELED = "The upgrade was canceled."
FAILED_STEP = -1
DONE = 100
TRIES = 5


class Offer(msgspec.Struct, frozen=True):
    """A device's part in an upgrade. `confirm`: a person has to confirm it; `waits`: and nobody has yet."""

    device: Device
    part: Part
    module: str
    size: int
    sha256: str
    package: str
    confirm: bool
    waits: bool


class File(msgspec.Struct, frozen=True):
    """`url` is good for an hour."""

    url: str
    description: str


def version_of(device: Device, module: str) -> str:
    """What the device runs, as far as it has said so."""
    return (device.fw_version if module == DEFAULT else device.sw_version) or ""


def find(caller: Caller, device: str, module: str, version: str | None = None) -> tuple[Device, Offer | None]:
    """The device, and the newest upgrade of a module of it, to this version where one is given.

    Three AWS calls, one more for each further ten upgrades of others. Raises NotBound, DeviceNotFound.
    """
    record, _ = thing_access.read(caller, device)
    case = next(_matching(caller, device, module, version), None)
    return devices.device_of(record), _offer(case) if case is not None else None


def file_of(caller: Caller, offer: Offer) -> File:
    """Where the offered package is. One AWS call. Raises PackageNotFound."""
    found = packages.get(caller, offer.package)
    key = packages.object_key(found.owner, found.id)
    return File(files.signed_url(key, URL_LASTS // clock.SECOND), found.description or "")


def of_person(person: Person) -> list[Offer]:
    """The newest upgrade of each device of a person, in the order of the person; devices that had none are
    left out.

    AWS calls: one for the devices, one a device, and one for READ_AT_ONCE of them. Raises ListTooLong.
    """
    bound = [each.device for each in bindings.of_user(person.user)]
    if len(bound) > MOST_DEVICES:
        raise ListTooLong(f"more than {MOST_DEVICES} devices")
    named = [(upgrades[0], device) for device in bound if (upgrades := _upgrades(device, 1))]
    offers = []
    for some in batched(named, READ_AT_ONCE):
        for case in upgrade_cases.read_some(some):
            if _is_own(person, case):
                offers.append(_offer(case))
    return offers


def confirm(person: Person, wanted: Sequence[str]) -> None:
    """The person has the newest upgrade of each of these devices go on; all of them, or none where one has
    none that waits. What was confirmed already stays so.

    AWS calls: one for the devices, two a device, one for all of them, one per ten jobs. Raises ListTooLong,
    NotBound, UpgradeNotFound, Busy. Source: Feiyan 6.12.4
    """
    if len(set(wanted)) > MOST_AT_ONCE:
        raise ListTooLong(f"more than {MOST_AT_ONCE} devices")
    devices_ = list(dict.fromkeys(wanted))
    bindings.need_all(person, devices_)
    for tried in range(TRIES):
        cases = [_to_confirm(person, device) for device in devices_]
        change = Transaction()
        for case in cases:
            key = PartRecord(case.part.upgrade, case.part.item)
            if not case.part.confirmed:
                still = (PartRecord.status == NEW) & PartRecord.confirmed.does_not_exist()
                change.update(key, [PartRecord.confirmed.set(clock.now())], still, Moved(case.part.item))
        try:
            change.commit()
        except Moved:
            pause(tried)
            continue
        chunks = dict.fromkeys((case.upgrade.upgrade, case.part.chunk) for case in cases)
        jobs = [queues.job_message(WORK, upgrade=upgrade, chunk=chunk) for upgrade, chunk in chunks]
        queues.send(queues.WORK, jobs)
        return
    raise Busy(person.user)


def cancel(caller: Caller, device: str, module: str, version: str) -> None:
    """End a device's part in the upgrade of a module to this version, also where it is under way: what the
    device says of it counts no more.

    Five AWS calls. Raises NotBound, DeviceNotFound, UpgradeNotFound, Busy. Source: Feiyan 6.12.6
    """
    case = _open(caller, device, module, version)
    _act(case, lambda each: upgrade_moves.settle(each, STOPPED, CANCELED))


def report(caller: Caller, device: str, module: str, version: str, step: int, description: str) -> None:
    """Take down how an upgrade goes that the app does itself: FAILED_STEP, or percent; DONE is success.

    Five AWS calls, six where it begins with this. Raises NotBound, DeviceNotFound, UpgradeNotFound,
    PackageNotFound, Busy. Source: Feiyan 6.12.7
    """
    case = _open(caller, device, module, version)
    if case.part.status == NEW:
        raise UpgradeNotFound(device)  # it has to start, or to be confirmed

    def take(each: Case) -> None:
        if each.part.status == WAITING:
            if each.queue is not None and each.queue.upgrading:
                raise Busy(device)
            upgrade_moves.send_off(each)
        if step <= FAILED_STEP:
            upgrade_moves.fail(each, description or "The app reported a failure.", str(step))
        elif step >= DONE:
            upgrade_moves.succeed(each)
        else:
            upgrade_moves.step(each, Step.DOWNLOADING, step)

    try:
        _act(case, take)
    except PackageGone:
        raise PackageNotFound(case.upgrade.package) from None


def inform(caller: Caller, device: str, version: str) -> None:
    """The device runs this version of its firmware, as the app has seen. Two AWS calls where that is known,
    three where it is news. Raises NotBound, DeviceNotFound. Source: Feiyan 6.12.8
    """
    record, _ = thing_access.read(caller, device)
    upgrade_reports.inform(record.device, device, version)


def _matching(caller: Caller, device: str, module: str, version: str | None) -> Iterator[Case]:
    """Newest first."""
    for some in batched(_upgrades(device, MOST_LOOKED_AT), 10):
        for case in upgrade_cases.read_some((upgrade, device) for upgrade in some):
            meant = version is None or case.upgrade.version == version
            if meant and _is_own(caller, case) and _is_of(case, module):
                yield case


def _upgrades(device: str, most: int) -> list[str]:
    """Ids of those that a device takes part in, newest first. One AWS call."""
    walk = Walk(PartRecord, device, PartRecord.upgrade, index="by_device", forward=False)
    return [record.upgrade for record in walk.read(None, most)[0]]


def _is_own(caller: Caller, case: Case) -> bool:
    return (case.upgrade.tenant, case.upgrade.owner) == (caller.tenant, caller.owner)


def _is_of(case: Case, module: str) -> bool:
    if case.type is Type.FIRMWARE:
        return module == DEFAULT
    return bool(case.upgrade.name == module)


def _offer(case: Case) -> Offer:
    if case.device is None:
        raise UpgradeNotFound(case.part.device)
    confirm_ = upgrade_states.policy_of(case.upgrade).confirm
    part = upgrade_cases.part_of(case.upgrade, case.part, getattr(case.device, VERSIONS[case.type]))
    return Offer(
        device=devices.device_of(case.device),
        part=part,
        module=DEFAULT if case.type is Type.FIRMWARE else case.upgrade.name,
        size=int(case.upgrade.size),
        sha256=case.upgrade.sha256,
        package=case.upgrade.package,
        confirm=confirm_,
        waits=confirm_ and case.part.status == NEW and not case.part.confirmed and not case.over,
    )


def _to_confirm(person: Person, device: str) -> Case:
    for case in _matching(person, device, DEFAULT, None):
        wants = upgrade_states.policy_of(case.upgrade).confirm
        if wants and not case.settled and not case.over:
            return case
    raise UpgradeNotFound(device)


def _open(caller: Caller, device: str, module: str, version: str) -> Case:
    thing_access.read(caller, device)
    case = next(_matching(caller, device, module, version), None)
    if case is None or case.settled or case.over:
        raise UpgradeNotFound(device)
    return case


def _act(case: Case, act: upgrade_moves.Act) -> None:
    try:
        upgrade_moves.retrying(case.part.upgrade, case.part.device, act)
    except Contention:
        raise Busy(case.part.device) from None

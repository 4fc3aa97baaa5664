"""Upgrades: one version package to many devices.

An upgrade is accepted with its devices in chunks; those of groups are looked for in the background
(`upgrade_targets`). A job per chunk puts devices into their queues (`upgrade_work`), a job per device
tells it (`upgrade_sending`), its reports move its part (`upgrade_reports`, `upgrade_moves`), and
`upgrade_ends` looks after the whole.

Source: Huawei 1.12.4 to 1.12.8
"""

from collections.abc import Sequence

import msgspec

from ..aws import queues
from ..store.packages import PackageRecord
from ..store.transactions import Transaction
from ..store.upgrades import (
    UPGRADE,
    UpgradeRecord,
)
from . import (
    clock,
    groups,
    ids,
    packages,
    upgrade_ends,
    upgrade_states,
    upgrade_targets,
)
from .applications import Caller
from .errors import DeviceNotFound, InvalidInput, PackageMismatch, PackageNotFound
from .member_search import Place as Search
from .memberships import batched
from .packages import Package, Type
from .upgrade_states import CHUNK_SIZE, LOOK, Policy, PolicyKind, Target

MOST_TARGETS = 256  # devices, or groups
MOST_RETRIES = 5
SHORTEST_WINDOW = 5 * clock.MINUTE
NOW_LASTS = 24 * clock.HOUR
ONLINE_LASTS = 30 * clock.DAY
KEPT = 90 * clock.DAY  # beyond its end


class NewUpgrade(msgspec.Struct, frozen=True):
    """`devices` or groups in `target`, never both."""

    type: Type
    package: str
    target: Target
    policy: Policy
    devices: tuple[str, ...] = ()


def create(caller: Caller, new: NewUpgrade) -> str:
    """Accept an upgrade; answers its id.

    Four AWS calls for up to 90 devices, eight for 256; with up to a hundred groups five. Raises InvalidInput,
    PackageNotFound, DeviceNotFound, GroupNotFound, PackageMismatch.

    Source: Huawei 1.12.4, 1.12.5
    """
    _check(new)
    package = packages.get(caller, new.package)
    if package.type is not new.type:
        raise InvalidInput("fileId", f"is a {package.type.value} package")
    _check_make(new.target, package)
    wanted = list(dict.fromkeys(new.devices))
    found = upgrade_targets.visible(caller, wanted)
    if len(found) < len(wanted):
        known = {record.device for record in found}
        raise DeviceNotFound(next(device for device in wanted if device not in known))
    if not all(upgrade_targets.fits(record, package) for record in found):
        raise PackageMismatch(package.id)
    record = _record(caller, new, package)
    if new.target.groups:
        searched = dict.fromkeys(group.id for group in groups.named(caller, new.target.groups))
        record.place = msgspec.json.encode(Search(tuple(searched))).decode()
    _put(record, wanted)
    queues.work(LOOK, upgrade=record.upgrade)
    return str(record.upgrade)


def _check(new: NewUpgrade) -> None:
    """What core itself relies on; a dialect says more exactly what is wrong."""
    if bool(new.devices) is bool(new.target.groups):
        raise InvalidInput("targets", "must name devices or groups, and not both")
    if max(len(new.devices), len(new.target.groups)) > MOST_TARGETS:
        raise InvalidInput("targets", f"are more than {MOST_TARGETS}")
    policy = new.policy
    if policy.retries is not None and not 1 <= policy.retries <= MOST_RETRIES:
        raise InvalidInput("policy", f"retries must be 1 to {MOST_RETRIES}")
    if policy.kind is PolicyKind.WINDOW:
        start, end = policy.start or 0, policy.end or 0
        if start < clock.now() or end - start < SHORTEST_WINDOW:
            raise InvalidInput("policy", "the window is over, or shorter than 5 minutes")


def _check_make(target: Target, package: Package) -> None:
    """A make that is given must be the package's; groups cannot do without. Raises PackageMismatch."""
    for name in ("device_type", "model", "manufacturer_name"):
        given = getattr(target, name)
        if (given is not None or target.groups) and given != getattr(package, name):
            raise PackageMismatch(package.id)


def _record(caller: Caller, new: NewUpgrade, package: Package) -> UpgradeRecord:
    now = clock.now()
    ident, policy = ids.ordered_id(now), new.policy
    start = (policy.start or now) if policy.kind is PolicyKind.WINDOW else now
    ends = {PolicyKind.NOW: now + NOW_LASTS, PolicyKind.ONLINE: now + ONLINE_LASTS}
    until = ends.get(policy.kind, policy.end or 0)
    return UpgradeRecord(
        ident,
        UPGRADE,
        tenant=caller.tenant,
        owner=caller.owner,
        creator=caller.application,
        listing=ids.listing_key(now, ident),
        type=new.type.value,
        package=package.id,
        name=package.name,
        version=package.version,
        device_type=package.device_type,
        model=package.model,
        manufacturer_name=package.manufacturer_name,
        size=package.size,
        sha256=package.sha256,
        target=msgspec.json.encode(new.target).decode(),
        policy=msgspec.json.encode(policy).decode(),
        created=now,
        start=start,
        until=until,
        chunks=0,
        shard=upgrade_states.shard_of(ident),
        deadline=now + upgrade_ends.FIRST_LOOK,
        ttl=(until + KEPT) // clock.SECOND,
    )


def _put(record: UpgradeRecord, devices: Sequence[str]) -> None:
    """Chunks first, the upgrade with the last: before it nobody sees them, and they are deleted in time.

    Raises PackageNotFound.
    """
    parts = list(batched(devices, CHUNK_SIZE)) or [[]]
    record.chunks = len(parts) if devices else 0
    for number, some in enumerate(parts):
        change = Transaction()
        if some:
            upgrade_targets.put_chunk(change, record, number, some)
        if number == len(parts) - 1:
            change.put(record, UpgradeRecord.upgrade.does_not_exist())
            package = PackageRecord(record.package)
            change.check(package, PackageRecord.id.exists(), PackageNotFound(record.package))
        change.commit()

"""Registering a device, and the end of a registration nobody used.

Source: Huawei 1.5.1, 1.5.2
"""

import re
from collections.abc import Callable

import msgspec

from ..store import counters
from ..store.devices import DEVICE, DeviceRecord
from ..store.products import AliasRecord
from ..store.reading import find_all
from ..store.transactions import Transaction
from . import clock, credentials, devices, ids, products
from .applications import Caller
from .devices import Device, Status
from .errors import BadVerifyCode, Busy, InvalidInput, MacTaken, NodeIdTaken
from .events import EventType
from .products import Facts, NodeType

NODE_KIND = "node"
NUMBER_KIND, MAC_KIND = "number", "mac"  # aliases: a device's other ids within its product to device
MAC_KEY = re.compile(r"[0-9A-F]{12}")
LOCAL = "02"  # a MAC address that no maker has assigned begins so
TRIES = 4
MQTT_NODE_ID = re.compile(r"[A-Za-z0-9._:-]{1,100}")
SHARDS = 4
BY_CODE = "code"
BY_SECRET = "secret"  # noqa: S105 - a kind, not a secret


class NewDevice(msgspec.Struct, frozen=True):
    """What a registration names. The product is named by id or by its facts.

    Without `node_id` the device's id is its node id; without `mac_key`, 12 upper-case hex digits, that
    follows from its id.

    `timeout` is in seconds, 0 for ever. A device that logs in by MQTT with its node id may use
    only characters that are no wildcards in topics and policies.
    """

    node_id: str | None
    registration: str
    product: str | None = None
    facts: Facts = Facts()
    secret: str | None = None
    psk: str | None = None
    verify_code: str | None = None
    timeout: int = 0
    name: str | None = None
    is_secure: bool | None = None
    imsi: str | None = None
    end_user: str | None = None
    organization: str | None = None
    region: str | None = None
    timezone: str | None = None
    mac_key: str | None = None
    description: str | None = None
    gateway: str | None = None  # the device that speaks for it; none for a direct device
    device: str | None = None  # its id, 32 random hex digits; drawn where it is not given
    ageing: int | None = None  # days


class Registered(msgspec.Struct, frozen=True):
    device: Device
    secret: str
    psk: str
    verify_code: str
    timeout: int


def node_alias(node_id: str, tenant: str, device: str) -> AliasRecord:
    return AliasRecord(f"{NODE_KIND}#{node_id}", tenant, target=device)


def number_alias(number: int, product: str, device: str) -> AliasRecord:
    return AliasRecord(f"{NUMBER_KIND}#{number}", product, target=device)


def mac_alias(mac_key: str, product: str, device: str) -> AliasRecord:
    return AliasRecord(f"{MAC_KIND}#{mac_key}", product, target=device)


def total_name(owner: str, product: str | None = None) -> str:
    """Of an owner's devices, or of those of one product."""
    return f"devices#{owner}" if product is None else f"devices#{owner}#{product}"


def derived_mac(device: str) -> str:
    """The MAC address of a device that was registered without one: 02 and the first ten digits of its id."""
    return LOCAL + device[:10].upper()


Beside = Callable[[Transaction, DeviceRecord], list[AliasRecord]]


class Taken(Exception):
    """Another device of the product has this random number, or the MAC address derived from this id."""


def register(caller: Caller, new: NewDevice, beside: Beside | None = None) -> Registered:
    """Device, credentials, aliases, totals and event in one transaction: two AWS calls, one where
    the product was read seconds ago.

    `beside` adds to the change what is stored with the device, and answers the names it takes.
    Raises NodeIdTaken, MacTaken, BadVerifyCode, ProductNotFound, InvalidInput.
    """
    if new.node_id is not None:
        check_node_id(new.node_id, new.registration)
    if new.mac_key is not None and not MAC_KEY.fullmatch(new.mac_key):
        raise InvalidInput("mac", "must be 12 hex digits")
    product = (
        products.get(caller.tenant, new.product)
        if new.product
        else products.find_by_model(caller.tenant, new.facts)
    )
    code = new.verify_code or credentials.new_code()
    secret = code if new.registration == BY_CODE else new.secret or credentials.new_secret()
    psk = new.psk or credentials.new_psk()
    for _ in range(TRIES):
        try:
            device = _register(caller, new, product, secret, psk, code, beside)
        except Taken:
            continue
        return Registered(device, secret, psk, code, new.timeout)
    raise Busy(product.id)


def _register(
    caller: Caller,
    new: NewDevice,
    product: products.Product,
    secret: str,
    psk: str,
    code: str,
    beside: Beside | None,
) -> Device:
    has_code = new.registration == BY_CODE
    change = Transaction()
    record = add(change, caller, new, product, secret, psk, code if has_code else None)
    count(change, caller.owner, product.id, 1)
    names = [node_alias(record.node_id, caller.tenant, "")]
    names += [mac_alias(new.mac_key, product.id, "")] if new.mac_key else []
    names += [credentials.code_alias(code, "")] if has_code else []
    names += beside(change, record) if beside else []
    commit(change, names)
    return devices.device_of(record)


def add(
    change: Transaction,
    caller: Caller,
    new: NewDevice,
    product: products.Product,
    secret: str,
    psk: str,
    code: str | None = None,
) -> DeviceRecord:
    """Add device, credentials, aliases and event to the change: six items, one more with a verify code.

    Fails with NodeIdTaken, MacTaken, BadVerifyCode and, where another draw will do, Taken.
    """
    record = _record(caller, new, product)
    change.put(record, DeviceRecord.device.does_not_exist())
    gateway = product.node_type is NodeType.GATEWAY
    change.put(
        credentials.record(caller.tenant, record.device, record.node_id, secret, psk, code, gateway=gateway)
    )
    change.put(
        node_alias(record.node_id, caller.tenant, record.device),
        AliasRecord.name.does_not_exist(),
        NodeIdTaken(record.node_id),
    )
    _name_in_product(change, record, MacTaken(new.mac_key) if new.mac_key else Taken())
    if code is not None:
        credentials.claim_code(change, code, record.device)
    devices.tell(change, EventType.DEVICE_ADDED, devices.device_of(record))
    return record


def count(change: Transaction, owner: str, product: str, amount: int, worker: int | None = None) -> None:
    """Add to the change that the owner has so many more devices."""
    for total in (total_name(owner), total_name(owner, product)):
        counters.add(change, total, amount, worker)


def _name_in_product(change: Transaction, record: DeviceRecord, taken: Exception) -> None:
    """Add the aliases of the device within its product."""
    free = AliasRecord.name.does_not_exist()
    change.put(number_alias(int(record.number), record.product, record.device), free, Taken())
    change.put(mac_alias(record.mac_key, record.product, record.device), free, taken)


def move(change: Transaction, record: DeviceRecord, product: str, number: int) -> None:
    """Add to the change that the device is one of another product, with this number there: its other
    ids and the totals go along. Fails with Taken, MacTaken.
    """
    device, free = record.device, AliasRecord.name.does_not_exist()
    change.delete(number_alias(int(record.number), record.product, device))
    change.delete(mac_alias(record.mac_key, record.product, device))
    change.put(number_alias(number, product, device), free, Taken())
    change.put(mac_alias(record.mac_key, product, device), free, MacTaken(record.mac_key))
    counters.add(change, total_name(record.owner, record.product), -1)
    counters.add(change, total_name(record.owner, product), 1)


def check_node_id(node_id: str, kind: str) -> None:
    """`kind` is how the device is registered. Raises InvalidInput."""
    if kind == BY_SECRET and not MQTT_NODE_ID.fullmatch(node_id):
        raise InvalidInput("nodeId", "must be 1 to 100 of A-Z a-z 0-9 . _ : -")


def commit(change: Transaction, names: list[AliasRecord]) -> None:
    """Commit; where a registration that is over but not yet swept holds one of the names, end it and try
    again.
    """
    try:
        change.commit()
    except (NodeIdTaken, MacTaken, BadVerifyCode):
        if not _free(names):
            raise
        change.commit()


def _free(names: list[AliasRecord]) -> bool:
    """Whether a holder of these names was over, and is ended now."""
    from . import removal

    aliases = find_all((AliasRecord, each.name, each.scope) for each in names).values()
    holders = [removal.expire(each.target) for each in aliases if isinstance(each, AliasRecord)]
    return any(holders)


def _record(caller: Caller, new: NewDevice, product: products.Product) -> DeviceRecord:
    at, ident = clock.now(), new.device or ids.random_id()
    facts = {
        name: getattr(new.facts, name) or getattr(product, name)
        for name in ("manufacturer_id", "manufacturer_name", "device_type", "model", "protocol_type")
    }
    named = (
        "name",
        "description",
        "is_secure",
        "imsi",
        "end_user",
        "organization",
        "region",
        "timezone",
        "ageing",
    )
    optional = facts | {name: getattr(new, name) for name in named} | {"mac": new.mac_key}
    record = DeviceRecord(
        ident,
        DEVICE,
        tenant=caller.tenant,
        owner=caller.owner,
        listing=ids.listing_key(at, ident),
        gateway=new.gateway or ident,
        product=product.id,
        node_type=product.node_type.value,
        node_id=new.node_id or ident,
        number=ids.number(),
        mac_key=new.mac_key or derived_mac(ident),
        status=Status.INACTIVE.value,
        status_detail="NOT_ACTIVE",
        activated=False,
        created=at,
        modified=at,
        registration=new.registration,
        timeout=new.timeout,
        **{name: value for name, value in optional.items() if value is not None},
    )
    if new.timeout:
        record.shard, record.deadline = shard(ident), at + new.timeout * clock.SECOND
    return record


def shard(device: str) -> str:
    return str(int(device[-2:], 16) % SHARDS)


def sweep() -> int:
    """End the registrations that are overdue; answers how many. Reads only what is due.

    One that fails does not keep the others; the first failure is raised after them.
    """
    now, ended = clock.now(), 0
    failures: list[Exception] = []
    for number in range(SHARDS):
        for due in DeviceRecord.by_deadline.query(str(number), DeviceRecord.deadline <= now):
            try:
                ended += _end(due.device)
            except Exception as error:  # noqa: BLE001 - the others must end too; raised below
                failures.append(error)
    if failures:
        raise failures[0]
    return ended


def _end(device: str) -> bool:
    from . import removal

    if removal.expire(device):
        return True
    record = DeviceRecord.find(device, DEVICE)
    # the index may lag: the tombstone's own deadline says whether its purge was lost
    if record is not None and record.deleted and int(record.deadline) <= clock.now():
        removal.purge_again(device)
    return False

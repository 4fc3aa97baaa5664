"""Registering a device, and the end of a registration nobody used.

Source: Huawei 1.5.1, 1.5.2
"""

import re

import msgspec

from ..store import counters
from ..store.devices import DEVICE, DeviceRecord
from ..store.products import AliasRecord
from ..store.reading import find_all
from ..store.transactions import Transaction
from . import clock, credentials, devices, ids, products
from .applications import Caller
from .devices import Device, Status
from .errors import BadVerifyCode, InvalidInput, NodeIdTaken
from .events import EventType
from .products import Facts, NodeType

NODE_KIND = "node"
MQTT_NODE_ID = re.compile(r"[A-Za-z0-9._:-]{1,100}")
SHARDS = 4
BY_CODE = "code"
BY_SECRET = "secret"  # noqa: S105 - a kind, not a secret


class NewDevice(msgspec.Struct, frozen=True):
    """What a registration names. The product is named by id or by its facts.

    `timeout` is in seconds, 0 for ever. A device that logs in by MQTT with its node id may use
    only characters that are no wildcards in topics and policies.
    """

    node_id: str
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


class Registered(msgspec.Struct, frozen=True):
    device: Device
    secret: str
    psk: str
    verify_code: str
    timeout: int


def node_alias(node_id: str, tenant: str, device: str) -> AliasRecord:
    return AliasRecord(f"{NODE_KIND}#{node_id}", tenant, target=device)


def total_name(owner: str) -> str:
    return f"devices#{owner}"


def register(caller: Caller, new: NewDevice) -> Registered:
    """Device, credentials, aliases, total and event in one transaction: two AWS calls, one where
    the product was read seconds ago.

    Raises NodeIdTaken, BadVerifyCode, ProductNotFound, InvalidInput.
    """
    check_node_id(new.node_id, new.registration)
    product = (
        products.get(caller.tenant, new.product)
        if new.product
        else products.find_by_model(caller.tenant, new.facts)
    )
    code = new.verify_code or credentials.new_code()
    secret = code if new.registration == BY_CODE else new.secret or credentials.new_secret()
    psk = new.psk or credentials.new_psk()
    record = _record(caller, new, product)
    device = devices.device_of(record)
    change = Transaction()
    change.put(record, DeviceRecord.device.does_not_exist())
    gateway = product.node_type is NodeType.GATEWAY
    has_code = new.registration == BY_CODE
    change.put(
        credentials.record(
            caller.tenant,
            device.device,
            new.node_id,
            secret,
            psk,
            code if has_code else None,
            gateway=gateway,
        )
    )
    change.put(
        node_alias(new.node_id, caller.tenant, device.device),
        AliasRecord.name.does_not_exist(),
        NodeIdTaken(new.node_id),
    )
    if has_code:
        credentials.claim_code(change, code, device.device)
    counters.add(change, total_name(caller.owner), 1)
    devices.tell(change, EventType.DEVICE_ADDED, device)
    commit(change, caller.tenant, new.node_id, code if has_code else None)
    return Registered(device, secret, psk, code, new.timeout)


def check_node_id(node_id: str, kind: str) -> None:
    """`kind` is how the device is registered. Raises InvalidInput."""
    if kind == BY_SECRET and not MQTT_NODE_ID.fullmatch(node_id):
        raise InvalidInput("nodeId", "must be 1 to 100 of A-Z a-z 0-9 . _ : -")


def commit(change: Transaction, tenant: str, node_id: str | None, code: str | None) -> None:
    """Commit; where a registration that is over but not yet swept holds a name, end it and try again."""
    try:
        change.commit()
    except (NodeIdTaken, BadVerifyCode):
        names = [node_alias(node_id, tenant, "")] if node_id else []
        names += [credentials.code_alias(code, "")] if code else []
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
    at, ident = clock.now(), ids.random_id()
    facts = {
        name: getattr(new.facts, name) or getattr(product, name)
        for name in ("manufacturer_id", "manufacturer_name", "device_type", "model", "protocol_type")
    }
    named = ("name", "is_secure", "imsi", "end_user", "organization", "region", "timezone")
    optional = facts | {name: getattr(new, name) for name in named}
    record = DeviceRecord(
        ident,
        DEVICE,
        tenant=caller.tenant,
        owner=caller.owner,
        listing=ids.listing_key(at, ident),
        gateway=ident,
        product=product.id,
        node_type=product.node_type.value,
        node_id=new.node_id,
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

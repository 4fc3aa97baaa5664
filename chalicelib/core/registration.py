"""Registering a device, giving it new credentials, and the end of a registration nobody used.

Source: Huawei 1.5.1 to 1.5.3, 1.5.7
"""

import re

import msgspec

from ..aws import encryption
from ..store import counters
from ..store.devices import CREDENTIALS, DEVICE, LINK, CredentialsRecord, DeviceRecord, LinkRecord, Parts
from ..store.products import AliasRecord
from ..store.transactions import ConditionFailed, Transaction
from . import clock, credentials, devices, ids, products
from .applications import Caller
from .devices import Device, Status
from .errors import DeviceNotActive, DeviceNotFound, DeviceOnline, InvalidInput, NodeIdTaken
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
    if new.registration == BY_SECRET and not MQTT_NODE_ID.fullmatch(new.node_id):
        raise InvalidInput("nodeId", "must be 1 to 100 of A-Z a-z 0-9 . _ : -")
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
    change.commit()
    return Registered(device, secret, psk, code, new.timeout)


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


def refresh(
    caller: Caller, device: str, node_id: str | None, verify_code: str | None, timeout: int
) -> tuple[str, int]:
    """A new verify code, and a new node id if named, for an activated device that is offline.

    The device has `timeout` s (0: for ever) to connect with the code, which now keys its MQTT
    password, or its registration ends. Answers code and timeout.

    Raises DeviceNotFound, DeviceNotActive, DeviceOnline, NodeIdTaken, BadVerifyCode.
    """
    record, held, link = _parts(caller, device)
    if not record.activated:
        raise DeviceNotActive(device)
    if record.status in (Status.ONLINE.value, Status.ABNORMAL.value) and link is not None and link.online:
        raise DeviceOnline(device)
    if node_id and not MQTT_NODE_ID.fullmatch(node_id):
        raise InvalidInput("nodeId", "must be 1 to 100 of A-Z a-z 0-9 . _ : -")
    code = verify_code or credentials.new_code()
    change = Transaction()
    _renew_device(change, record, node_id, timeout)
    sealed = encryption.encrypt(code, record.tenant, device, "secret")
    change.update(
        CredentialsRecord(device, CREDENTIALS),
        [
            CredentialsRecord.secret.set(sealed),
            CredentialsRecord.verify_hash.set(credentials.code_hash(code)),
            CredentialsRecord.node_id.set(node_id or record.node_id),
        ],
    )
    if held.verify_hash != credentials.code_hash(code):
        credentials.claim_code(change, code, device)
        if held.verify_hash:
            credentials.release_code(change, held.verify_hash, device)
    change.commit()
    return code, timeout


def _renew_device(change: Transaction, record: DeviceRecord, node_id: str | None, timeout: int) -> None:
    device, now = record.device, clock.now()
    actions = [DeviceRecord.modified.set(now), DeviceRecord.timeout.set(timeout)]
    if timeout:
        actions += [
            DeviceRecord.deadline.set(now + timeout * clock.SECOND),
            DeviceRecord.shard.set(shard(device)),
        ]
    else:
        actions += [DeviceRecord.deadline.remove(), DeviceRecord.shard.remove()]
    if node_id and node_id != record.node_id:
        actions.append(DeviceRecord.node_id.set(node_id))
        taken = NodeIdTaken(node_id)
        change.put(node_alias(node_id, record.tenant, device), AliasRecord.name.does_not_exist(), taken)
        change.delete(node_alias(record.node_id, record.tenant, device))
    still_off = devices.alive() & (DeviceRecord.status == record.status)
    change.update(DeviceRecord(device, DEVICE), actions, still_off, DeviceOnline(device))


def _parts(caller: Caller, device: str) -> tuple[DeviceRecord, CredentialsRecord, LinkRecord | None]:
    parts = Parts(device, DEVICE, CREDENTIALS, LINK)
    record, held = parts.get(DEVICE, DeviceRecord), parts.get(CREDENTIALS, CredentialsRecord)
    if record is None or held is None or not devices.visible(caller, record):
        raise DeviceNotFound(device)
    return record, held, parts.get(LINK, LinkRecord)


def sweep() -> int:
    """End the registrations that are overdue; answers how many. Reads only what is due."""
    from . import removal

    now, ended = clock.now(), 0
    for number in range(SHARDS):
        for record in DeviceRecord.by_deadline.query(str(number), DeviceRecord.deadline <= now):
            full = DeviceRecord.find(record.device, DEVICE)
            if full is None:
                continue
            if full.deleted:
                removal.purge_later(full.device)
            elif devices.expired(full):
                ended += _end(full)
    return ended


def _end(record: DeviceRecord) -> bool:
    from . import removal

    try:
        removal.remove(
            record, EventType.DEVICE_BOUND, DeviceRecord.deadline == record.deadline, result="expired"
        )
    except ConditionFailed:
        return False  # it connected meanwhile
    return True

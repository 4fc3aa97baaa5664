"""Giving a registered device new credentials: after an exchange of the hardware, say.

Source: Huawei 1.5.3
"""

from ..aws import encryption, iot
from ..store.devices import CREDENTIALS, DEVICE, LINK, CredentialsRecord, DeviceRecord, LinkRecord, Parts
from ..store.products import AliasRecord
from ..store.transactions import Transaction, pause
from . import clock, credentials, devices, registration
from .applications import Caller
from .devices import Status
from .errors import Busy, DeviceNotActive, DeviceNotFound, DeviceOnline, NodeIdTaken

TRIES = 5


class _Stale(Exception):
    """The device has changed since it was read."""


def refresh(
    caller: Caller, device: str, node_id: str | None, verify_code: str | None, timeout: int
) -> tuple[str, int]:
    """A new verify code, and a new node id if named, for an activated device that is offline.

    The device has `timeout` s (0: for ever) to connect with the code, which now keys its MQTT
    password, or its registration ends. A connection that is left ends. Answers code and timeout.

    Raises DeviceNotFound, DeviceNotActive, DeviceOnline, NodeIdTaken, BadVerifyCode, InvalidInput,
    Busy. Three AWS calls, two where it never connected.
    """
    code = verify_code or credentials.new_code()
    for attempt in range(TRIES):
        record, held, link = _parts(caller, device)
        _check_offline(record, link)
        if node_id:
            registration.check_node_id(node_id, record.registration)
        try:
            _renew(record, held, node_id, code, timeout)
        except _Stale:
            pause(attempt)
            continue
        if link is not None:
            iot.disconnect(link.client)
        return code, timeout
    raise Busy(device)


def _check_offline(record: DeviceRecord, link: LinkRecord | None) -> None:
    if not record.activated:
        raise DeviceNotActive(record.device)
    status = devices.aged(record)[0]
    silent = status is Status.ABNORMAL and not (link and link.online)
    if status is not Status.OFFLINE and not silent:
        raise DeviceOnline(record.device)


def _renew(
    record: DeviceRecord, held: CredentialsRecord, node_id: str | None, code: str, timeout: int
) -> None:
    """Raises _Stale, NodeIdTaken, BadVerifyCode."""
    device, renamed = record.device, node_id if node_id != record.node_id else None
    change = Transaction()
    _renew_device(change, record, renamed, timeout)
    sealed = encryption.encrypt(code, record.tenant, device, "secret")
    change.update(
        CredentialsRecord(device, CREDENTIALS),
        [
            CredentialsRecord.secret.set(sealed),
            CredentialsRecord.verify_hash.set(credentials.code_hash(code)),
            CredentialsRecord.node_id.set(renamed or record.node_id),
        ],
        CredentialsRecord.secret == held.secret,
        _Stale(),
    )
    if held.verify_hash != credentials.code_hash(code):
        credentials.claim_code(change, code, device)
        if held.verify_hash:
            credentials.release_code(change, held.verify_hash, device)
    names = [registration.node_alias(renamed, record.tenant, "")] if renamed else []
    registration.commit(change, [*names, credentials.code_alias(code, "")])


def _renew_device(change: Transaction, record: DeviceRecord, node_id: str | None, timeout: int) -> None:
    """`node_id` is a new one, if any."""
    device, now = record.device, clock.now()
    actions = [DeviceRecord.modified.set(now), DeviceRecord.timeout.set(timeout)]
    if timeout:
        actions += [
            DeviceRecord.deadline.set(now + timeout * clock.SECOND),
            DeviceRecord.shard.set(registration.shard(device)),
        ]
    else:
        actions += [DeviceRecord.deadline.remove(), DeviceRecord.shard.remove()]
    if node_id:
        actions.append(DeviceRecord.node_id.set(node_id))
        taken = NodeIdTaken(node_id)
        change.put(
            registration.node_alias(node_id, record.tenant, device), AliasRecord.name.does_not_exist(), taken
        )
        change.delete(registration.node_alias(record.node_id, record.tenant, device))
    same = devices.alive() & (DeviceRecord.status == record.status) & (DeviceRecord.node_id == record.node_id)
    change.update(DeviceRecord(device, DEVICE), actions, same, _Stale())


def _parts(caller: Caller, device: str) -> tuple[DeviceRecord, CredentialsRecord, LinkRecord | None]:
    parts = Parts(device, DEVICE, CREDENTIALS, LINK)
    record, held = parts.get(DEVICE, DeviceRecord), parts.get(CREDENTIALS, CredentialsRecord)
    if record is None or held is None or not devices.visible(caller, record):
        raise DeviceNotFound(device)
    return record, held, parts.get(LINK, LinkRecord)

"""What is stored of a LoRa gateway or node beside its device, and what its server has to learn of it.

A LoRa server is a gateway that connects by itself; LoRa gateways and nodes are devices behind it that an
app registers. An EUI is unique in the tenant, in whatever case it is written. Codes and keys are
secrets: encrypted here, plain only in a `LoraDevice`.

Source: Huawei 1.5.10, 1.5.11
"""

from collections.abc import Mapping
from enum import Enum
from typing import Any

import msgspec

from ..aws import encryption
from ..store.devices import LORA, LORA_NOTICE, DeviceRecord, LoraNoticeRecord, LoraRecord
from ..store.products import AliasRecord
from ..store.transactions import Transaction
from . import clock, devices, ids
from .devices import Device

TELL = "lora"  # the job that tells a server what it has to learn
EUI_KIND = "eui"
SHARD = "lora"
SHARDS = 4
TOLD_WITHIN = clock.MINUTE  # then the sweep looks whether a notice was delivered
SECRETS = ("access_code", "app_key", "app_session_key", "network_session_key")
PLAIN = ("app_eui", "device_class", "join_type", "dev_addr")


class Role(Enum):
    GATEWAY = "gateway"
    NODE = "node"


class LoraDevice(msgspec.Struct, frozen=True):
    """`server` is the device it was registered for. Holds secrets: for answers and messages only."""

    device: Device
    server: str
    role: Role
    eui: str
    access_code: str | None = None
    app_eui: str | None = None
    device_class: str | None = None
    join_type: str | None = None
    dev_addr: str | None = None
    app_key: str | None = None
    app_session_key: str | None = None
    network_session_key: str | None = None


def eui_alias(eui: str, tenant: str, device: str) -> AliasRecord:
    return AliasRecord(f"{EUI_KIND}#{eui.lower()}", tenant, target=device)


def record(
    device: str, tenant: str, server: str, role: Role, eui: str, values: Mapping[str, str | None]
) -> LoraRecord:
    """`values` are those of PLAIN and SECRETS; empty ones are left out."""
    stored: dict[str, Any] = {name: value for name in PLAIN if (value := values.get(name))}
    for name in SECRETS:
        if value := values.get(name):
            stored[name] = encryption.encrypt(value, tenant, device, name)
    return LoraRecord(device, LORA, tenant=tenant, server=server, role=role.value, eui=eui, **stored)


def lora_of(device: DeviceRecord, held: LoraRecord) -> LoraDevice:
    opened = {
        name: encryption.decrypt(sealed, held.tenant, held.device, name)
        for name in SECRETS
        if (sealed := getattr(held, name))
    }
    return LoraDevice(
        device=devices.device_of(device),
        server=held.server,
        role=Role(held.role),
        eui=held.eui,
        **opened,
        **{name: getattr(held, name) for name in PLAIN},
    )


def notice(held: LoraRecord, *, gone: bool) -> LoraNoticeRecord:
    """For the server, sorted by time."""
    return LoraNoticeRecord(
        held.server,
        LORA_NOTICE + ids.ordered_id(),
        child=held.device,
        role=held.role,
        eui=held.eui,
        gone=gone,
        shard=f"{SHARD}-{int(held.server[-2:], 16) % SHARDS}",
        deadline=clock.now() + TOLD_WITHIN,
    )


def first_notices(server: str, most: int) -> list[LoraNoticeRecord]:
    """The oldest. One AWS call."""
    begins = LoraNoticeRecord.item.startswith(LORA_NOTICE)
    return list(LoraNoticeRecord.query(server, begins, consistent_read=True, limit=most))


def release(change: Transaction, held: LoraRecord, *, tell: bool) -> None:
    """Add to the deletion of a device that its EUI is free and, where `tell`, that its server learns it."""
    change.delete(eui_alias(held.eui, held.tenant, held.device))
    if tell:
        change.put(notice(held, gone=True))

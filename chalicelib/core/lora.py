"""LoRa gateways and nodes: devices behind a LoRa server, which speaks for them.

The server must be online when one is registered or deleted. It is told by a notice that is stored in the
same transaction and repeated until it acknowledges (`lora_sending`): so a crash leaves no device of
which its server never hears, and no server with a device that does not exist. The call does not wait
for the acknowledgement. A deletion by any other way (1.5.5, say) leaves a notice, too.

Source: Huawei 1.5.10 to 1.5.15
"""

from enum import Enum

import msgspec

from ..aws import queues
from ..store.devices import DEVICE, LINK, LORA, DeviceRecord, LinkRecord, LoraRecord, Parts
from ..store.products import AliasRecord
from ..store.transactions import Contention, Transaction, pause
from . import devices, lora_records, products, registration, removal, sending
from .applications import Caller
from .errors import (
    AppKeyMissing,
    AppSessionKeyMissing,
    Busy,
    DeviceAddressMissing,
    DeviceNotFound,
    LoraDeviceExists,
    LoraServerNotFound,
    LoraServerOffline,
    NetworkSessionKeyMissing,
    NodeIdTaken,
    NotLorawan,
    WrongLoraProduct,
)
from .lora_records import LoraDevice, Role, eui_alias
from .products import NodeType
from .registration import NewDevice

PROTOCOL = "lorawan"  # of products; whatever the case
GATEWAY_TYPE = "loragateway"
TRIES = 4


class DeviceClass(Enum):
    A = "classA"
    B = "classB"
    C = "classC"


class JoinType(Enum):
    OTAA = "OTAA"  # over the air, with `app_key`
    ABP = "ABP"  # personalised: both session keys and the device address are known beforehand


class NewLoraDevice(msgspec.Struct, frozen=True):
    """`access_code` is a gateway's gatewaySeq, a node's authCode. The fields after it are a node's."""

    role: Role
    server: str
    product: str
    eui: str
    name: str
    description: str | None = None
    access_code: str | None = None
    app_eui: str | None = None
    device_class: DeviceClass = DeviceClass.A
    join_type: JoinType = JoinType.OTAA
    app_key: str | None = None
    app_session_key: str | None = None
    network_session_key: str | None = None
    dev_addr: str | None = None


class _Stale(Exception):
    """The server has changed since it was read."""


def register(caller: Caller, new: NewLoraDevice) -> LoraDevice:
    """An ordinary device behind the server, whose node id is the EUI, and what makes it a LoRa device.

    Of the keys only those of its join type are kept. It gets credentials like any device, which are told
    nobody: it speaks through its server. Three AWS calls where the product was read seconds ago.

    Raises LoraKeyMissing, LoraServerNotFound, LoraServerOffline, ProductNotFound, NotLorawan,
    WrongLoraProduct, LoraDeviceExists where this server has the EUI already, NodeIdTaken where another
    device of the tenant has it, Busy.
    """
    values = _values(new)
    for attempt in range(TRIES):
        _online_server(caller, new.server)
        _check_product(caller, new)
        try:
            made = _register(caller, new, values)
        except _Stale:
            pause(attempt)
            continue
        except Contention as error:
            raise Busy(new.server) from error
        except NodeIdTaken as error:
            raise _taken(caller, new) from error
        queues.work(lora_records.TELL, server=new.server)
        return made
    raise Busy(new.server)


def get(caller: Caller, device: str, role: Role) -> LoraDevice:
    """Raises DeviceNotFound, also for one of the other role. One AWS call."""
    parts = Parts(device, DEVICE, LORA)
    record, held = parts.get(DEVICE, DeviceRecord), parts.get(LORA, LoraRecord)
    if record is None or held is None or not devices.visible(caller, record) or held.role != role.value:
        raise DeviceNotFound(device)
    return lora_records.lora_of(record, held)


def delete(caller: Caller, device: str, role: Role) -> None:
    """Delete it as any device. Four AWS calls; one more for one whose product is a gateway's.

    Raises DeviceNotFound, also for one of the other role; LoraServerNotFound where its server is deleted;
    LoraServerOffline, Busy.
    """

    def check(record: DeviceRecord, held: LoraRecord | None) -> None:
        if held is None or held.role != role.value:
            raise DeviceNotFound(device)
        if record.gateway != held.server:
            raise LoraServerNotFound(held.server)
        _online_server(caller, held.server)

    removal.delete(caller, device, check=check)


def _values(new: NewLoraDevice) -> dict[str, str | None]:
    """What is kept, by the names of the record. Raises LoraKeyMissing."""
    values = {"access_code": new.access_code or None}
    if new.role is Role.GATEWAY:
        return values
    values |= {
        "app_eui": new.app_eui,
        "device_class": new.device_class.value,
        "join_type": new.join_type.value,
    }
    if new.join_type is JoinType.OTAA:
        if not new.app_key:
            raise AppKeyMissing
        return values | {"app_key": new.app_key}
    if not new.app_session_key:
        raise AppSessionKeyMissing
    if not new.network_session_key:
        raise NetworkSessionKeyMissing
    if not new.dev_addr:
        raise DeviceAddressMissing
    return values | {
        "app_session_key": new.app_session_key,
        "network_session_key": new.network_session_key,
        "dev_addr": new.dev_addr,
    }


def _online_server(caller: Caller, server: str) -> None:
    """Raises LoraServerNotFound, also for what is no direct gateway or is a LoRa device itself;
    LoraServerOffline. One AWS call.
    """
    parts = Parts(server, DEVICE, LINK, LORA)
    record = parts.get(DEVICE, DeviceRecord)
    if record is None or not devices.visible(caller, record) or parts.get(LORA, LoraRecord) is not None:
        raise LoraServerNotFound(server)
    if record.node_type != NodeType.GATEWAY.value or record.gateway != server:
        raise LoraServerNotFound(server)
    if not sending.is_reachable(record, parts.get(LINK, LinkRecord)):
        raise LoraServerOffline(server)


def _check_product(caller: Caller, new: NewLoraDevice) -> None:
    product = products.get(caller.tenant, new.product)
    if (product.protocol_type or "").lower() != PROTOCOL:
        raise NotLorawan(product.id)
    if ((product.device_type or "").lower() == GATEWAY_TYPE) is not (new.role is Role.GATEWAY):
        raise WrongLoraProduct(product.id)


def _register(caller: Caller, new: NewLoraDevice, values: dict[str, str | None]) -> LoraDevice:
    def beside(change: Transaction, record: DeviceRecord) -> list[AliasRecord]:
        held = lora_records.record(record.device, caller.tenant, new.server, new.role, new.eui, values)
        still = devices.alive() & (DeviceRecord.node_type == NodeType.GATEWAY.value)
        change.check(DeviceRecord(new.server, DEVICE), still & (DeviceRecord.gateway == new.server), _Stale())
        change.put(
            eui_alias(new.eui, caller.tenant, record.device),
            AliasRecord.name.does_not_exist(),
            NodeIdTaken(new.eui),
        )
        change.put(held)
        change.put(lora_records.notice(held, gone=False))
        return [eui_alias(new.eui, caller.tenant, "")]

    named = NewDevice(
        new.eui,
        registration.BY_SECRET,
        product=new.product,
        name=new.name,
        description=new.description,
        gateway=new.server,
    )
    device = registration.register(caller, named, beside).device
    return LoraDevice(device, new.server, new.role, new.eui, **values)


def _taken(caller: Caller, new: NewLoraDevice) -> NodeIdTaken:
    """LoraDeviceExists where the caller has registered it for this server already. Two AWS calls."""
    alias = AliasRecord.find(f"{lora_records.EUI_KIND}#{new.eui.lower()}", caller.tenant)
    if alias is None:
        return NodeIdTaken(new.eui)
    parts = Parts(alias.target, DEVICE, LORA)
    record, held = parts.get(DEVICE, DeviceRecord), parts.get(LORA, LoraRecord)
    if record is None or held is None or not devices.visible(caller, record):
        return NodeIdTaken(new.eui)
    same = held.server == new.server and held.role == new.role.value
    return LoraDeviceExists(new.eui) if same else NodeIdTaken(new.eui)

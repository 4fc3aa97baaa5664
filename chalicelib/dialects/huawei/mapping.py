"""Core values as Huawei's answers and pushes write them."""

from typing import Any

from ...core import products
from ...core.devices import Device, ServiceState
from ...core.products import NodeType
from .schema import Wire, required_time


class DeviceInfo(Wire, frozen=True, rename="camel"):
    """Source: Huawei 1.6.1 DeviceInfoQueryDTO and 1.8.1 DeviceInfo"""

    node_id: str | None = None
    name: str | None = None
    description: str | None = None
    manufacturer_id: str | None = None
    manufacturer_name: str | None = None
    mac: str | None = None
    location: str | None = None
    device_type: str | None = None
    model: str | None = None
    sw_version: str | None = None
    fw_version: str | None = None
    hw_version: str | None = None
    protocol_type: str | None = None
    bridge_id: str | None = None
    status: str | None = None
    status_detail: str | None = None
    mute: str | None = None
    supported_security: str | None = None
    is_security: str | None = None
    signal_strength: str | None = None
    sig_version: str | None = None
    serial_number: str | None = None
    battery_level: str | None = None


class QueriedInfo(DeviceInfo, frozen=True, rename="camel"):
    """`imsi` is answered where `select=imsi` asks for it."""

    imsi: str | None = None
    radius_ip: str | None = None


class ServiceInfo(Wire, frozen=True, rename="camel"):
    mute_cmds: list[str] | None = None


class DeviceService(Wire, frozen=True, rename="camel"):
    service_id: str
    service_type: str
    data: dict[str, Any]
    event_time: str
    service_info: ServiceInfo | None = None


class AlarmInfo(Wire, frozen=True, rename="camel"):
    alarm_severity: str | None = None
    alarm_status: bool | None = None
    alarm_time: str | None = None


class QueriedDevice(Wire, frozen=True, rename="camel"):
    """Source: Huawei 1.6.1, 1.6.2"""

    device_id: str
    gateway_id: str
    node_type: str
    create_time: str
    last_modified_time: str
    device_info: QueriedInfo
    services: list[DeviceService] | None = None
    alarm_info: AlarmInfo | None = None


SHARED = (
    "node_id",
    "name",
    "description",
    "manufacturer_id",
    "manufacturer_name",
    "mac",
    "location",
    "device_type",
    "model",
    "sw_version",
    "fw_version",
    "hw_version",
    "protocol_type",
    "status_detail",
    "signal_strength",
    "serial_number",
    "battery_level",
)


def queried_node_type(kind: NodeType) -> str:
    """UNKNOW in queries, UNKNOWN in pushes: each as its own table says."""
    return "UNKNOW" if kind is NodeType.UNKNOWN else kind.value


def flag(value: bool | None) -> str:
    return "TRUE" if value else "FALSE"


def _info(device: Device) -> dict[str, Any]:
    values = {name: getattr(device, name) for name in SHARED}
    return values | {
        "status": device.status.value,
        "mute": flag(device.mute),
        "supported_security": flag(device.is_secure),
        "is_security": flag(device.is_secure),
    }


def device_info(device: Device) -> DeviceInfo:
    return DeviceInfo(**_info(device))


def queried_device(device: Device, states: list[ServiceState], *, imsi: bool = False) -> QueriedDevice:
    return QueriedDevice(
        device_id=device.device,
        gateway_id=device.gateway,
        node_type=queried_node_type(device.node_type),
        create_time=required_time(device.created),
        last_modified_time=required_time(device.modified),
        device_info=QueriedInfo(**_info(device), imsi=device.imsi if imsi else None),
        services=[
            DeviceService(
                state.service, service_type(device, state.service), state.data, required_time(state.at)
            )
            for state in states
        ],
    )


def service_type(device: Device, service: str) -> str:
    """The type the product's model gives the service, its id where there is none."""
    product = products.load(device.product)
    known = products.model_of(product).service(service) if product else None
    return known.type if known and known.type else service

"""Registering, changing and deleting devices. Source: Huawei 1.5.1 to 1.5.7"""

from typing import Annotated, Any

from msgspec import Meta, to_builtins

from ....core import devices, modification, registration, removal, renewal
from ....core import errors as core
from ....core.modification import Changes
from ....core.products import Facts
from ....core.registration import NewDevice
from ....web.operations import Call
from ..api import api
from ..schema import ForApplication, Name256, Psk, Seconds, Text256, Wire

REFRESH_TIMEOUT = 180
NodeId = Name256
Secret = Annotated[str, Meta(pattern=r"^[0-9a-fA-F]{20}$", description="20 hexadecimal digits")]
Info256 = Annotated[str, Meta(min_length=1, max_length=256)]


class DevicePath(Wire, frozen=True, rename="camel"):
    device_id: Text256


class CodeDeviceInfo(Wire, frozen=True, rename="camel"):
    manufacturer_id: Text256 | None = None
    manufacturer_name: Text256 | None = None
    device_type: Text256 | None = None
    model: Text256 | None = None
    protocol_type: Text256 | None = None


class CodeRegistration(Wire, frozen=True, rename="camel"):
    node_id: NodeId
    device_info: CodeDeviceInfo | None = None
    end_user_id: Text256 | None = None
    imsi: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    is_secure: bool | None = None
    psk: Psk | None = None
    timeout: Seconds | None = None
    verify_code: Name256 | None = None
    product_id: Text256 | None = None
    device_name: Text256 | None = None


class CodeRegistered(Wire, frozen=True, rename="camel"):
    device_id: str
    psk: str
    timeout: int
    verify_code: str


class SecretDeviceInfo(CodeDeviceInfo, frozen=True, rename="camel", kw_only=True):
    node_id: NodeId
    name: Text256 | None = None


class SecretRegistration(Wire, frozen=True, rename="camel"):
    device_info: SecretDeviceInfo
    end_user_id: Text256 | None = None
    organization: Text256 | None = None
    region: Text256 | None = None
    timezone: Text256 | None = None
    mqtt_connect: bool | None = None
    product_id: Text256 | None = None
    secret: Secret | None = None


class SecretRegistered(Wire, frozen=True, rename="camel"):
    device_id: str
    psk: str
    secret: str


class CredentialRefresh(Wire, frozen=True, rename="camel"):
    node_id: NodeId | None = None
    timeout: Seconds | None = None
    verify_code: Name256 | None = None


class CredentialRefreshed(Wire, frozen=True, rename="camel"):
    verify_code: str
    timeout: int


class CustomField(Wire, frozen=True, rename="camel"):
    field_name: Text256 | None = None
    field_type: Text256 | None = None
    field_value: Any = None


class DataConfig(Wire, frozen=True, rename="camel"):
    """Days a device's history is kept."""

    data_aging_time: Annotated[int, Meta(ge=0, le=90)] | None = None


class DeviceConfig(Wire, frozen=True, rename="camel"):
    data_config: DataConfig | None = None


class Tag(Wire, frozen=True, rename="camel"):
    tag_name: Annotated[str, Meta(min_length=1, max_length=128)]
    tag_value: Annotated[str, Meta(min_length=1, max_length=1024)]
    tag_type: Annotated[int, Meta(ge=-2147483648, le=2147483647)] | None = None


class Modification(Wire, frozen=True, rename="camel"):
    custom_fields: Annotated[list[CustomField], Meta(max_length=100)] | None = None
    device_config: DeviceConfig | None = None
    device_type: Info256 | None = None
    end_user: Info256 | None = None
    location: Annotated[str, Meta(min_length=1, max_length=1024)] | None = None
    product_id: Info256 | None = None
    manufacturer_id: Info256 | None = None
    manufacturer_name: Info256 | None = None
    model: Info256 | None = None
    mute: Annotated[str, Meta(pattern=r"^(TRUE|FALSE|true|false)$")] | None = None
    name: Info256 | None = None
    organization: Info256 | None = None
    protocol_type: Info256 | None = None
    region: Info256 | None = None
    timezone: Info256 | None = None
    imsi: Annotated[str, Meta(max_length=64)] | None = None
    ip: Annotated[str, Meta(max_length=128)] | None = None
    is_secure: bool | None = None
    psk: Psk | None = None
    tags: Annotated[list[Tag], Meta(max_length=100)] | None = None


class Deletion(ForApplication, frozen=True, rename="camel"):
    cascade: bool = True


class Activation(Wire, frozen=True, rename="camel"):
    device_id: str
    activated: bool
    name: str | None


REGISTRATION_ERRORS = (core.NodeIdTaken, core.ProductNotFound)


@api.post(
    "/iocm/app/reg/v1.1.0/deviceCredentials",
    also=["/iocm/app/reg/v1.1.0/devices"],
    source="Huawei 1.5.1",
    raises=(*REGISTRATION_ERRORS, core.BadVerifyCode),
)
def register_by_code(call: Call[None, ForApplication, CodeRegistration]) -> CodeRegistered:
    """Register a device that shows a verify code.

    A registration whose device does not appear within `timeout` s is deleted; 0, the default, is
    for ever.
    """
    body = call.body
    made = registration.register(
        call.caller,
        NewDevice(
            node_id=body.node_id,
            registration=registration.BY_CODE,
            product=body.product_id,
            facts=_facts(body.device_info),
            psk=body.psk,
            verify_code=body.verify_code,
            timeout=body.timeout or 0,
            name=body.device_name,
            is_secure=body.is_secure,
            imsi=body.imsi,
            end_user=body.end_user_id,
        ),
    )
    return CodeRegistered(made.device.device, made.psk, made.timeout, made.verify_code)


@api.post(
    "/iocm/app/reg/v2.0.0/deviceCredentials",
    source="Huawei 1.5.2",
    raises=REGISTRATION_ERRORS,
)
def register_by_secret(call: Call[None, ForApplication, SecretRegistration]) -> SecretRegistered:
    """Register a device that logs in by MQTT with a secret."""
    body = call.body
    made = registration.register(
        call.caller,
        NewDevice(
            node_id=body.device_info.node_id,
            registration=registration.BY_SECRET,
            product=body.product_id,
            facts=_facts(body.device_info),
            secret=body.secret,
            name=body.device_info.name,
            end_user=body.end_user_id,
            organization=body.organization,
            region=body.region,
            timezone=body.timezone,
        ),
    )
    return SecretRegistered(made.device.device, made.psk, made.secret)


@api.put(
    "/iocm/app/reg/v1.1.0/deviceCredentials/{deviceId}",
    source="Huawei 1.5.3",
    raises=(
        core.DeviceNotFound,
        core.DeviceOnline,
        core.DeviceNotActive,
        core.NodeIdTaken,
        core.BadVerifyCode,
    ),
)
def refresh_credentials(call: Call[DevicePath, ForApplication, CredentialRefresh]) -> CredentialRefreshed:
    """Give an activated device that is offline a new verify code, and a new node id if named.

    The device's MQTT password is then keyed by the verify code. It has `timeout` s (180 by
    default, 0 for ever) to connect with it, or its registration ends.
    """
    body = call.body
    timeout = REFRESH_TIMEOUT if body.timeout is None else body.timeout
    code, lasts = renewal.refresh(call.caller, call.path.device_id, body.node_id, body.verify_code, timeout)
    return CredentialRefreshed(code, lasts)


@api.put(
    "/iocm/app/dm/v1.4.0/devices/{deviceId}",
    also=[f"/iocm/app/dm/{version}/devices/{{deviceId}}" for version in ("v1.1.0", "v1.3.0", "v1.2.0")],
    source="Huawei 1.5.4",
    status=204,
    raises=(core.DeviceNotFound, core.ProductNotFound, core.MacTaken),
)
def modify_device(call: Call[DevicePath, ForApplication, Modification]) -> None:
    """Change what is known of a device; what is not named stays as it is."""
    body = call.body
    config = body.device_config and body.device_config.data_config
    same = {name: getattr(body, name) for name in SAME_NAME}
    modification.modify(
        call.caller,
        call.path.device_id,
        Changes(
            **same,
            product=body.product_id,
            ageing=config.data_aging_time if config else None,
            mute=None if body.mute is None else body.mute.upper() == "TRUE",
            tags=None if body.tags is None else to_builtins(body.tags),
            custom_fields=None if body.custom_fields is None else to_builtins(body.custom_fields),
        ),
    )


SAME_NAME = (
    "device_type",
    "end_user",
    "location",
    "manufacturer_id",
    "manufacturer_name",
    "model",
    "name",
    "organization",
    "protocol_type",
    "region",
    "timezone",
    "imsi",
    "ip",
    "is_secure",
    "psk",
)


@api.delete(
    "/iocm/app/dm/v1.4.0/devices/{deviceId}",
    also=[f"/iocm/app/dm/{version}/devices/{{deviceId}}" for version in ("v1.1.0", "v1.3.0", "v1.2.0")],
    source="Huawei 1.5.5",
    status=204,
    raises=(core.DeviceNotFound,),
)
def delete_device(call: Call[DevicePath, Deletion, None]) -> None:
    """Delete a device; its children too unless `cascade` is false, which makes them direct devices."""
    removal.delete(call.caller, call.path.device_id, cascade=call.query.cascade)


@api.get(
    "/iocm/app/reg/v1.1.0/deviceCredentials/{deviceId}",
    source="Huawei 1.5.7",
    raises=(core.DeviceNotFound,),
)
def query_activation(call: Call[DevicePath, ForApplication, None]) -> Activation:
    """Whether the device has ever connected."""
    device = devices.get(call.caller, call.path.device_id)
    return Activation(device.device, device.activated, device.name)


def _facts(info: CodeDeviceInfo | None) -> Facts:
    if info is None:
        return Facts()
    return Facts(
        info.manufacturer_id, info.manufacturer_name, info.device_type, info.model, info.protocol_type
    )

"""LoRa gateways and nodes. Source: Huawei 1.5.10 to 1.5.15"""

from ....core import authority, lora
from ....core import errors as core
from ....core.lora import DeviceClass, JoinType, NewLoraDevice
from ....core.lora_records import Role
from ....web.operations import Call, Fault
from .. import lora_schema
from ..api import api
from ..lora_schema import ForLoraOwner, LoraGateway, LoraNode, LoraPath, NewGateway, NewNode

GATEWAY = "/api/v3.0/devices/lora/gateway"
NODE = "/api/v3.0/devices/lora/node"

FAULTS = {
    core.ApplicationNotFound: Fault(404, "100203", "The application is not existed."),
    core.MissingCredentials: Fault(500, "100220", "Get AppKey from header failed."),
}
MADE_FAULTS = {**FAULTS, core.ProductNotFound: Fault(400, "106018", "the product not exist.")}
NOT_MADE = (
    core.ProductNotFound,
    core.LoraServerNotFound,
    core.LoraServerOffline,
    core.NotLorawan,
    core.WrongLoraProduct,
    core.LoraDeviceExists,
    core.NodeIdTaken,
    core.Busy,
)
NO_GATEWAY = {**FAULTS, core.DeviceNotFound: Fault(404, "1200003", "The LoRa gateway does not exist.")}
NO_NODE = {**FAULTS, core.DeviceNotFound: Fault(404, "1200002", "The LoRa node does not exist.")}
NOT_DELETED = (core.DeviceNotFound, core.LoraServerNotFound, core.LoraServerOffline, core.Busy)


@api.post(
    GATEWAY,
    source="Huawei 1.5.10",
    status=201,
    raises=NOT_MADE,
    faults={
        **MADE_FAULTS,
        core.LoraDeviceExists: Fault(400, "1200013", "The LoRa gateway already exists."),
        core.WrongLoraProduct: Fault(
            403,
            "1200015",
            "The operation is not allowed. The deviceType of the product model must be LoRaGateway.",
        ),
        core.NodeIdTaken: Fault(
            403, "1200019", "The operation is not allowed. The gatewayEUI is duplicated."
        ),
        core.Busy: Fault(500, "1200001", "Failed to register the LoRa gateway."),
    },
)
def register_lora_gateway(call: Call[None, None, NewGateway]) -> LoraGateway:
    """Register a LoRa gateway for a LoRa server that is online."""
    body = call.body
    made = lora.register(
        authority.acting(call.caller, body.owner_app_id),
        NewLoraDevice(
            Role.GATEWAY,
            server=body.lora_server_id,
            product=body.product_id,
            eui=body.gateway_eui,
            name=body.name,
            access_code=body.gateway_seq,
        ),
    )
    return lora_schema.gateway(made)


@api.post(
    NODE,
    source="Huawei 1.5.11",
    status=201,
    raises=(
        *NOT_MADE,
        core.AppKeyMissing,
        core.AppSessionKeyMissing,
        core.NetworkSessionKeyMissing,
        core.DeviceAddressMissing,
    ),
    faults={
        **MADE_FAULTS,
        core.NodeIdTaken: Fault(403, "1200018", "The operation is not allowed. The devEUI is duplicated."),
        core.LoraDeviceExists: Fault(400, "1200012", "The LoRa node already exists."),
        core.Busy: Fault(500, "1200000", "Failed to register the LoRa node."),
    },
)
def register_lora_node(call: Call[None, None, NewNode]) -> LoraNode:
    """Register a LoRa node for a LoRa server that is online.

    It is of classA and joins by OTAA where the call does not say otherwise.
    """
    body = call.body
    made = lora.register(
        authority.acting(call.caller, body.owner_app_id),
        NewLoraDevice(
            Role.NODE,
            server=body.lora_server_id,
            product=body.product_id,
            eui=body.dev_eui,
            name=body.name,
            description=body.description,
            access_code=body.auth_code,
            app_eui=body.app_eui,
            device_class=body.device_class or DeviceClass.A,
            join_type=body.join_type or JoinType.OTAA,
            app_key=body.app_key,
            app_session_key=body.app_s_key,
            network_session_key=body.nwk_s_key,
            dev_addr=body.dev_addr,
        ),
    )
    return lora_schema.node(made)


@api.get(GATEWAY + "/{deviceId}", source="Huawei 1.5.12", raises=(core.DeviceNotFound,), faults=NO_GATEWAY)
def query_lora_gateway(call: Call[LoraPath, ForLoraOwner, None]) -> LoraGateway:
    """Query a LoRa gateway."""
    caller = authority.acting(call.caller, call.query.owner_app_id)
    return lora_schema.gateway(lora.get(caller, call.path.device_id, Role.GATEWAY))


@api.delete(
    GATEWAY + "/{deviceId}", source="Huawei 1.5.13", status=204, raises=NOT_DELETED, faults=NO_GATEWAY
)
def delete_lora_gateway(call: Call[LoraPath, ForLoraOwner, None]) -> None:
    """Delete a LoRa gateway while its LoRa server is online."""
    caller = authority.acting(call.caller, call.query.owner_app_id)
    lora.delete(caller, call.path.device_id, Role.GATEWAY)


@api.get(NODE + "/{deviceId}", source="Huawei 1.5.14", raises=(core.DeviceNotFound,), faults=NO_NODE)
def query_lora_node(call: Call[LoraPath, ForLoraOwner, None]) -> LoraNode:
    """Query a LoRa node with its keys."""
    caller = authority.acting(call.caller, call.query.owner_app_id)
    return lora_schema.node(lora.get(caller, call.path.device_id, Role.NODE))


@api.delete(NODE + "/{deviceId}", source="Huawei 1.5.15", status=204, raises=NOT_DELETED, faults=NO_NODE)
def delete_lora_node(call: Call[LoraPath, ForLoraOwner, None]) -> None:
    """Delete a LoRa node while its LoRa server is online."""
    caller = authority.acting(call.caller, call.query.owner_app_id)
    lora.delete(caller, call.path.device_id, Role.NODE)

"""Bringing devices in, and gateways' devices. Source: Feiyan 6.9"""

from collections.abc import Mapping
from typing import Any

from ....core import bind_tokens, discovery, joining, network_keys, products, provisioning
from ....core import errors as core
from ....core.bindings import Binding
from ....core.devices import Device
from ....core.discovery import Discovered, Nearby
from ....core.network_keys import Secret
from ....core.products import Product
from ....core.provisioning import Place
from ....web.operations import Call, Fault
from .. import errors, product_mapping
from .. import provisioning_schema as schema
from ..declaring import client, either
from .products import product_by_id

OF_PRODUCT, OF_DEVICE = 3, 4
HEX = 16
NO_DEVICE: Mapping[type[core.PolythingError], Fault] = {core.DeviceNotFound: errors.of(6100)}
UNBOUND: Mapping[type[core.PolythingError], Fault] = {core.NotBound: errors.UNAUTHENTICATED}
BINDING = (
    core.ProductNotFound,
    core.DeviceNotFound,
    core.BoundAlready,
    core.BoundByOther,
    core.TooManyBindings,
    core.TooManyHolders,
    core.HomeNotFound,
    core.RoomNotFound,
    core.Busy,
)


@client("/awss/enrollee/list/get", "1.0.7", source="Feiyan 6.9.1", raises=(core.NothingDiscovers,))
def list_found_devices(call: Call[None, None, schema.FoundPage]) -> schema.FoundDevices:
    """Devices that the person's devices have found in the last ten minutes and the person could bind.

    Four AWS calls, more for a person of more than fifty devices, or where more than 25 were found.
    """
    body = call.body
    released = product_mapping.is_released(body.product_status_env)
    offset = (body.page_num - 1) * body.page_size
    part = discovery.discovered(call.caller, offset, body.page_size, released=released)
    return schema.FoundDevices(part.total, [_found(each) for each in part.items])


def _found(each: Discovered) -> schema.FoundDevice:
    sighting, finder, found = each.sighting, each.finder, each.found
    return schema.FoundDevice(
        gmt_create=sighting.first,
        gmt_modified=sighting.last,
        reg_iot_id=finder.device,
        reg_product_key=_key(each.finder_product),
        reg_device_name=finder.node_id,
        reg_product_name=each.finder_product.name if each.finder_product else "",
        enrollee_iot_id=found.device.device,
        enrollee_product_key=_key(found.product),
        enrollee_device_name=found.device.node_id,
        enrollee_product_name=found.product.name,
        bssid=sighting.bssid,
        ssid=sighting.ssid,
        rssi=sighting.rssi,
        type=int(sighting.router),
        status=0,
    )


@client("/awss/enrollee/product/filter", "1.0.9", source="Feiyan 6.9.2")
def filter_nearby_devices(call: Call[None, None, schema.NearbyDevices]) -> list[schema.BindableDevice]:
    """Of up to 200 devices that an app has found itself, those that the person could bind.

    One AWS call for a hundred, and one for 25 that exist. For one that is named by its product alone up to
    two more.
    """
    body = call.body
    released = product_mapping.is_released(body.product_status_env)
    names = [_name(each) for each in body.iot_devices]
    named = [each for each in names if each is not None]
    own = [name for each, name in zip(body.iot_devices, names, strict=True) if each.reset and name]
    found = discovery.nearby(call.caller, named, also_own=own, released=released)
    shown: dict[Any, schema.BindableDevice] = {}
    for each, name in zip(body.iot_devices, names, strict=True):
        if name is not None and name in found:
            shown[name] = _bindable(found[name].product, found[name])
        elif name is None:
            product = _product_of(call.caller.tenant, each)
            if product is not None and released in (None, products.is_released(product)):
                shown[product.id] = _bindable(product)
    return list(shown.values())


def _name(each: schema.NearbyDevice) -> discovery.Name | None:
    return (each.product_key, each.device_name) if each.product_key and each.device_name else None


def _product_of(tenant: str, each: schema.NearbyDevice) -> Product | None:
    try:
        if each.product_key:
            return products.find_by_short_id(tenant, each.product_key)
        return product_by_id(tenant, each.product_id or "")
    except core.ProductNotFound:
        return None


def _bindable(product: Product, found: Nearby | None = None) -> schema.BindableDevice:
    return schema.BindableDevice(
        product_key=_key(product),
        device_name=found.device.node_id if found else None,
        token=found.token if found else None,
        product_name=product.name,
        net_type=product_mapping.net_number(product),
        node_type=product_mapping.node_number(product),
        category_key=product.category_key or "",
        category_name=product.category_name or "",
        category_id=product.category or 0,
        image=product.image or "",
    )


@client(
    "/awss/token/check",
    "1.0.10",
    source="Feiyan 6.9.3",
    raises=(core.BindTokenNotFound, core.DeviceNotFound, core.InvalidInput),
    faults=NO_DEVICE,
)
def check_token(call: Call[None, None, schema.TokenQuery]) -> schema.NamedDevice:
    """The device that has reported a token. An app asks until it has. Two AWS calls."""
    body = call.body
    if body.device_name and not body.product_key:
        raise core.InvalidInput("productKey", "is missing", missing=True)
    device = bind_tokens.device_of(call.caller, body.token)
    key = _key(products.load(device.product))
    if body.product_key not in (None, key) or body.device_name not in (None, device.node_id):
        raise core.DeviceNotFound(device.device)
    return schema.NamedDevice(device.node_id, key, device.device)


@client(
    "/awss/token/user/bind",
    "1.0.8",
    source="Feiyan 6.9.4",
    raises=(*BINDING, core.BindTokenNotFound),
    faults=NO_DEVICE,
)
def bind_by_token(call: Call[None, None, schema.TokenBinding]) -> schema.BoundDevice:
    """Bind the person to the device that has reported this token, which is good once.

    Three AWS calls where the product was read seconds ago and nobody else is bound; three more for a room.
    """
    body = call.body
    place = _place(body.home_id, body.group_ids)
    bound = provisioning.bind_by_token(call.caller, body.product_key, body.device_name, body.token, place)
    return _bound(bound)


@client(
    "/awss/time/window/user/bind",
    "1.0.8",
    source="Feiyan 6.9.5",
    raises=(*BINDING, core.BindWindowOver),
    faults=NO_DEVICE,
)
def bind_in_window(call: Call[None, None, schema.WindowBinding]) -> schema.BoundDevice:
    """Bind the person to a device that came online less than 1800 s ago.

    Three AWS calls where the product was read seconds ago and nobody else is bound; three more for a room.
    """
    body = call.body
    place = _place(body.home_id, body.group_ids)
    return _bound(provisioning.bind_in_window(call.caller, body.product_key, body.device_name, place))


def _place(home: str | None, groups: Any) -> Place:
    rooms = [each for each in groups if isinstance(each, str) and each] if isinstance(groups, list) else []
    return Place(home or None, rooms[0] if home and rooms else None)


def _bound(bound: tuple[Device, Binding]) -> schema.BoundDevice:
    product = products.load(bound[0].product)
    return schema.BoundDevice(
        iot_id=bound[0].device,
        category_key=(product.category_key if product else None) or "",
        page_router_url=(product.panel if product else None) or "",
    )


@client(
    "/awss/cipher/get",
    "1.0.8",
    source="Feiyan 6.9.6",
    raises=(core.ProductNotFound, core.DeviceNotFound, core.InvalidInput),
    faults=NO_DEVICE,
)
def get_cipher(call: Call[None, None, schema.CipherQuery]) -> str:
    """The key, 32 hex digits, under which a network's password goes to a device; the device makes the same.

    One AWS call with the product's secret where the product was read seconds ago, three with the device's.
    """
    facts, tenant = call.body.device_info_for_cipher, call.caller.tenant
    key = facts.product_key
    if not key and facts.product_id:
        key = _key(product_by_id(tenant, facts.product_id, HEX))
    secret = Secret.DEVICE if facts.cipher_type == OF_DEVICE else Secret.PRODUCT
    name = either("deviceName", facts.device_name) if secret is Secret.DEVICE else None
    address = facts.params.mac if facts.params else None
    return network_keys.derive(
        call.caller, either("productKey", key), name, facts.random, secret, address or None
    )


@client(
    "/thing/gateway/permit",
    "1.0.6",
    source="Feiyan 6.9.7",
    raises=(
        core.NotBound,
        core.ProductNotFound,
        core.DeviceOffline,
        core.DeviceSilent,
        core.InvalidInput,
    ),
    faults=UNBOUND,
)
def permit_joining(call: Call[None, None, schema.GatewayPermit]) -> None:
    """Tell a gateway that the person is bound to for how long it may take devices.

    Nothing is kept for a gateway that is offline. Two AWS calls, one more where a product is named.
    """
    joining.permit(call.caller, call.body.iot_id, call.body.time, call.body.product_key)


@client(
    "/thing/topo/remove",
    "1.0.6",
    source="Feiyan 6.9.8",
    raises=(core.NotBound, core.NotManager, core.DeviceNotFound, core.InvalidInput, core.Busy),
    faults=UNBOUND,
)
def remove_topology(call: Call[None, None, schema.TopologyEnd]) -> None:
    """Take a device from behind a gateway that the person manages. Bindings stay. Three AWS calls."""
    child = either("subIotId", call.body.sub_iot_id, call.body.sub_iotid)
    provisioning.remove_topology(call.caller, call.body.iot_id, child)


@client("/living/awss/token/create", "1.0.0", source="Feiyan 6.9.9")
def create_token(call: Call[None, None, schema.TokenRequest]) -> schema.TokenMade:
    """A token for a device on its way into the network: for 30 minutes and one binding, of this person.

    One AWS call.
    """
    made = bind_tokens.create(call.caller)
    until = str(made.until)
    return schema.TokenMade(made.token, made.random, until, until)


@client(
    "/awss/subdevice/unbind",
    "1.0.7",
    source="Feiyan 6.9.10",
    raises=(core.ProductNotFound, core.DeviceNotFound, core.NotBound, core.InvalidInput, core.Busy),
    faults=NO_DEVICE,
)
def unbind_subdevice(call: Call[None, None, schema.ChildUnbinding]) -> None:
    """End the person's binding to a device behind a gateway; a manager's ends those of all and the topology.

    Seven AWS calls for a manager, five for a member.
    """
    provisioning.unbind_child(call.caller, call.body.product_key, call.body.device_name)


def _key(product: Product | None) -> str:
    return (product.short_id if product else None) or ""

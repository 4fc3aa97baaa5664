"""Finding a tenant's devices by whatever one was told."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta

from ....core import applications, device_search
from ....core import errors as core
from ....core.devices import Device
from ....web.operations import Call
from .. import declaring
from ..schema import Id, TenantPath, Wire, time_of, time_or_none

Text = Annotated[str, Meta(min_length=1, max_length=256)]


class SearchQuery(Wire, frozen=True):
    """`id` is a device's id, node id, number or MAC address, as it is spelt; `name` needs `productId`."""

    id: Text | None = None
    name: Text | None = None
    product_id: Id | None = None


class DeviceShown(Wire, frozen=True, kw_only=True):
    """`number` and `mac` are its ids where a system knows it by an integer or a MAC address."""

    id: str
    application_id: str
    product_id: str
    gateway_id: str
    node_id: str
    status: str
    created: datetime
    number: int | None = None
    mac: str | None = None
    name: str | None = None
    last_seen: datetime | None = None


class DeviceList(Wire, frozen=True):
    devices: list[DeviceShown]


@declaring.get(
    "/tenants/{tenantId}/devices",
    raises=(core.TenantNotFound, core.ProductNotFound, core.InvalidInput, core.ListTooLong),
)
def search_devices(call: Call[TenantPath, SearchQuery, None]) -> DeviceList:
    """Find a tenant's devices by an id of any system, or by a name in a product.

    A number or a MAC address is unique in a product; without one all of the tenant's that have it are found.
    """
    tenant, query = applications.find_tenant(call.path.tenant_id).id, call.query
    if query.id is not None and query.name is None:
        found = device_search.by_id(tenant, query.id, query.product_id)
    elif query.id is None and query.name is not None and query.product_id is not None:
        found = device_search.by_name(tenant, query.product_id, query.name)
    else:
        raise core.InvalidInput("", "give either id, or name with productId")
    return DeviceList([_shown(each) for each in found])


def _shown(found: Device) -> DeviceShown:
    return DeviceShown(
        id=found.device,
        application_id=found.owner,
        product_id=found.product,
        gateway_id=found.gateway,
        node_id=found.node_id,
        status=found.status.value,
        created=time_of(found.created),
        number=found.number,
        mac=found.mac_key,
        name=found.name,
        last_seen=time_or_none(found.last_seen),
    )

"""Device search at the wire."""

import pytest

from chalicelib.core import devices
from tests.support.fleet import Fleet, make_fleet
from tests.support.gateway import Gateway
from tests.support.operators import BASE, add_device, problem


def test_a_device_is_shown_by_all_its_names(root: Gateway, fleet: Fleet) -> None:
    ident = add_device(fleet, "meter-1", mac_key="0A1B2C3D4E5F", name="roof")
    number = devices.get(fleet.caller, ident).number
    url = f"{BASE}/tenants/{fleet.tenant}/devices"
    (shown,) = root.get(f"{url}?id=meter-1").json["devices"]
    assert shown == {
        "id": ident,
        "applicationId": fleet.application,
        "productId": fleet.product.id,
        "gatewayId": ident,
        "nodeId": "meter-1",
        "status": "INACTIVE",
        "created": "2023-11-14T22:13:20Z",
        "number": number,
        "mac": "0A1B2C3D4E5F",
        "name": "roof",
    }
    for query in (
        f"id={ident}",
        f"id={number}",
        "id=0a:1b:2c:3d:4e:5f",
        f"id={number}&productId={fleet.product.id}",
        f"name=roof&productId={fleet.product.id}",
    ):
        assert root.get(f"{url}?{query}").json == {"devices": [shown]}, query
    other = make_fleet("other", model="X")
    assert root.get(f"{BASE}/tenants/{other.tenant}/devices?id={ident}").json == {"devices": []}
    name = f"{BASE}/tenants/{other.tenant}/devices?name=roof&productId={fleet.product.id}"
    assert problem(root.get(name)) == (404, "product-not-found")


@pytest.mark.parametrize("query", ["", "?name=roof", "?id=x&name=roof", "?id=", "?ident=x", "?productId=x"])
def test_what_is_no_search(root: Gateway, fleet: Fleet, query: str) -> None:
    assert problem(root.get(f"{BASE}/tenants/{fleet.tenant}/devices{query}")) == (400, "invalid-input")
    assert problem(root.get(f"{BASE}/tenants/{'f' * 32}/devices?id=x")) == (404, "tenant-not-found")

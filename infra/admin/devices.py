"""`device`: finding one by whatever it is called, and which gateway it hangs on."""

from argparse import Namespace
from typing import TYPE_CHECKING, Any

from infra.admin.answers import Answer, table, time_text
from infra.admin.parsing import Nouns

if TYPE_CHECKING:
    from chalicelib.core.applications import Caller
    from chalicelib.core.devices import Device


def add(nouns: Nouns) -> None:
    verbs = nouns.noun("device", "finding one, and which gateway it hangs on")
    search_ = verbs.verb(
        "search",
        search,
        "find a tenant's devices by an id of any system, or by name",
        "device search --tenant 3f… --id 0a:1b:2c:3d:4e:5f",
    )
    search_.add_argument("--tenant", required=True, metavar="ID")
    one = search_.add_mutually_exclusive_group(required=True)
    one.add_argument("--id", metavar="TEXT", help="device id, node id, number or MAC address")
    one.add_argument("--name", metavar="TEXT", help="needs --product")
    search_.add_argument("--product", metavar="ID", help="only its devices")
    attach_ = verbs.verb(
        "attach",
        attach,
        "make a device the child of a gateway",
        "device attach --application 9a… --gateway c1… --device 77…",
    )
    detach_ = verbs.verb(
        "detach",
        detach,
        "make a gateway's child a direct device again",
        "device detach --application 9a… --device 77…",
    )
    for parser in (attach_, detach_):
        parser.add_argument("--application", required=True, metavar="ID", help="whose devices they are")
        parser.add_argument("--device", required=True, metavar="ID", help="the child")
    attach_.add_argument("--gateway", required=True, metavar="ID")


def search(options: Namespace) -> Answer:
    from chalicelib.core import applications, device_search
    from chalicelib.core.errors import InvalidInput

    tenant = applications.find_tenant(options.tenant)
    if options.id:
        found = device_search.by_id(tenant.id, options.id, options.product)
    elif options.product:
        found = device_search.by_name(tenant.id, options.product, options.name or "")
    else:
        raise InvalidInput("--product", "is missing: a name is looked for in one product", missing=True)
    rows = [
        (one.device, one.node_id, str(one.number or ""), one.mac_key or "", one.status.value, one.name or "")
        for one in found
    ]
    heads = ("ID", "NODE ID", "NUMBER", "MAC", "STATUS", "NAME")
    return Answer(
        [_shown(one) for one in found], table(heads, rows, empty=f"{tenant.name} has no such device")
    )


def _shown(found: "Device") -> dict[str, Any]:
    return {
        "id": found.device,
        "application": found.owner,
        "product": found.product,
        "gateway": found.gateway,
        "nodeId": found.node_id,
        "number": found.number,
        "mac": found.mac_key,
        "name": found.name,
        "status": found.status.value,
        "created": time_text(found.created),
    }


def attach(options: Namespace) -> Answer:
    from chalicelib.core import children

    made = children.attach(_caller(options.application), options.gateway, options.device)
    return _told(made, f"hangs on gateway {made.gateway}")


def detach(options: Namespace) -> Answer:
    from chalicelib.core import children

    return _told(children.detach(_caller(options.application), options.device), "is a direct device")


def _caller(application: str) -> "Caller":
    from chalicelib.core import applications

    found = applications.find(application)
    return applications.Caller(tenant=found.tenant, application=found.id, owner=found.id)


def _told(found: "Device", state: str) -> Answer:
    """`gateway` of a direct device is its own id."""
    value = {"device": found.device, "nodeId": found.node_id, "gateway": found.gateway}
    return Answer(value, f"device {found.device} ({found.node_id}) {state}")

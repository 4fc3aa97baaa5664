"""`device`: which gateway a device hangs on."""

from argparse import Namespace
from typing import TYPE_CHECKING

from infra.admin.answers import Answer
from infra.admin.parsing import Nouns

if TYPE_CHECKING:
    from chalicelib.core.applications import Caller
    from chalicelib.core.devices import Device


def add(nouns: Nouns) -> None:
    verbs = nouns.noun("device", "which gateway a device hangs on")
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

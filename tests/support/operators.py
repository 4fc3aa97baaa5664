"""Operators' calls, and what the audit log holds of them."""

from typing import Any

from chalicelib.core import operators, registration
from chalicelib.core.operators import Scope
from chalicelib.core.registration import NewDevice
from tests.support.fleet import Fleet
from tests.support.gateway import Gateway, Reply

BASE = "/operator/v1"


def operator_with(*scopes: Scope) -> Gateway:
    _, key = operators.create("Ann", scopes, "cli test")
    return Gateway({"Authorization": f"Bearer {key}"})


def audit_of(root: Gateway, **query: Any) -> list[dict[str, Any]]:
    """Newest first."""
    text = "&".join(f"{name}={value}" for name, value in query.items())
    found: list[dict[str, Any]] = root.get(f"{BASE}/audit?{text}").json["entries"]
    return found


def problem(reply: Reply) -> tuple[int, str]:
    """Status and code, once the answer is seen to be a problem."""
    held = reply.json
    assert reply.headers["content-type"] == "application/problem+json"
    assert held["status"] == reply.status
    assert held["type"] == f"urn:polything:problem:{held['code']}"
    assert held["title"]
    return reply.status, held["code"]


def add_device(fleet: Fleet, node_id: str, product: str = "", **more: Any) -> str:
    new = NewDevice(node_id, registration.BY_SECRET, product=product or fleet.product.id, **more)
    return registration.register(fleet.caller, new).device.device

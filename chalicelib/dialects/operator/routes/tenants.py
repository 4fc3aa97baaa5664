"""Tenants: who owns applications, products and devices."""

import base64
import binascii
import re
from datetime import datetime

from ....core import applications
from ....core import errors as core
from ....core.applications import Tenant
from ....web.operations import Call
from .. import declaring
from ..declaring import WRITE
from ..schema import CursorQuery, Name, TenantPath, Wire, time_of

PLACE = re.compile(r"\d{13}#[0-9a-f]{32}")


class NewTenant(Wire, frozen=True):
    """Names need not be unique."""

    name: Name


class TenantShown(Wire, frozen=True):
    id: str
    name: str
    created: datetime


class TenantPage(Wire, frozen=True):
    """The next page has another `cursor`; the last one has none."""

    tenants: list[TenantShown]
    cursor: str | None = None


@declaring.get("/tenants", raises=(core.InvalidInput,))
def list_tenants(call: Call[None, CursorQuery, None]) -> TenantPage:
    """List all tenants, oldest first."""
    found, place = applications.list_tenants(_place(call.query.cursor), call.query.limit)
    cursor = base64.urlsafe_b64encode(place.encode()).decode().rstrip("=") if place else None
    return TenantPage([shown(each) for each in found], cursor)


@declaring.post("/tenants", scopes=(WRITE,), action="tenant.create", makes=True, status=201)
def create_tenant(call: Call[None, None, NewTenant]) -> TenantShown:
    """Make a tenant."""
    return shown(applications.create_tenant(call.body.name))


@declaring.get("/tenants/{tenantId}", raises=(core.TenantNotFound,))
def get_tenant(call: Call[TenantPath, None, None]) -> TenantShown:
    """Show a tenant."""
    return shown(applications.find_tenant(call.path.tenant_id))


def shown(found: Tenant) -> TenantShown:
    return TenantShown(found.id, found.name, time_of(found.created))


def _place(cursor: str | None) -> str:
    if cursor is None:
        return ""
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except (binascii.Error, ValueError):
        text = ""
    if not PLACE.fullmatch(text):
        raise core.InvalidInput("cursor", "is none that was given out")
    return text

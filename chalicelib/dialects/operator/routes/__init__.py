"""The operator's operations, one module per concept."""

from ..api import api
from . import (
    applications,
    audit,
    automations,
    callbacks,
    callers,
    devices,
    encryption,
    operators,
    packages,
    products,
    tenants,
)

__all__ = [
    "api",
    "applications",
    "audit",
    "automations",
    "callbacks",
    "callers",
    "devices",
    "encryption",
    "operators",
    "packages",
    "products",
    "tenants",
]

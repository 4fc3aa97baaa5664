"""Every operation of the dialect: importing this registers them all."""

from .. import notify
from ..api import api
from . import (
    batches,
    commands,
    devices,
    groups,
    lora,
    packages,
    queries,
    security,
    shadows,
    subscriptions,
    upgrades,
)

__all__ = [
    "api",
    "batches",
    "commands",
    "devices",
    "groups",
    "lora",
    "notify",
    "packages",
    "queries",
    "security",
    "shadows",
    "subscriptions",
    "upgrades",
]

"""Every operation of the dialect: importing this registers them all."""

from .. import notify
from ..api import api
from . import batches, commands, devices, groups, queries, security, shadows, subscriptions

__all__ = [
    "api",
    "batches",
    "commands",
    "devices",
    "groups",
    "notify",
    "queries",
    "security",
    "shadows",
    "subscriptions",
]

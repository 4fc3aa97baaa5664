"""Every operation of the dialect: importing this registers them all."""

from .. import notify
from ..api import api
from . import commands, devices, queries, security, shadows, subscriptions

__all__ = ["api", "commands", "devices", "notify", "queries", "security", "shadows", "subscriptions"]

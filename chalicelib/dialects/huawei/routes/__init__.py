"""Every operation of the dialect: importing this registers them all."""

from ..api import api
from . import commands, devices, security

__all__ = ["api", "commands", "devices", "security"]

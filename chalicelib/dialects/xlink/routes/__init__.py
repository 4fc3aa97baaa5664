"""Every operation of the dialect: importing this registers them all."""

from .. import notify
from ..api import api
from . import device_properties, devices, firmwares, points, products, rules, security

__all__ = [
    "api",
    "device_properties",
    "devices",
    "firmwares",
    "notify",
    "points",
    "products",
    "rules",
    "security",
]

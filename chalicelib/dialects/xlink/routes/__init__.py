"""Every operation of the dialect: importing this registers them all."""

from ..api import api
from . import security

__all__ = ["api", "security"]

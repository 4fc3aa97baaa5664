"""The operator's operations, one module per concept."""

from ..api import api
from . import audit, operators

__all__ = ["api", "audit", "operators"]

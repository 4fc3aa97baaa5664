"""The log of the web layer is everyone's."""

from ..logs import logger

__all__ = ["logger"]

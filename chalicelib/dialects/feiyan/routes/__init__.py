"""Every operation of the dialect: importing this registers them all."""

from ..api import api
from . import base, cloud_tokens, sessions

__all__ = ["api", "base", "cloud_tokens", "sessions"]

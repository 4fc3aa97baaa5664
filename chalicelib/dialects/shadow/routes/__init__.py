"""Every operation of the dialect: importing this registers them all."""

from ..api import api
from . import deletions, fields, paths, token

__all__ = ["api", "deletions", "fields", "paths", "token"]

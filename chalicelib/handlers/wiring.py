"""What core leaves open, filled in: which dialect writes for which device."""

from functools import cache
from importlib import import_module

from ..core import downlink
from ..core.downlink import Encoder


@cache
def _encoder(dialect: str) -> Encoder:
    encode: Encoder = import_module(f"chalicelib.dialects.{dialect}.device").encode
    return encode


def wire() -> None:
    """Harmless to repeat."""
    downlink.use(_encoder)

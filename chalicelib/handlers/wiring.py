"""What core leaves open, filled in: which dialect writes for which device."""

from functools import cache
from importlib import import_module

from ..core import downlink
from ..core.downlink import Encoders


@cache
def _encoders(dialect: str) -> Encoders:
    device = import_module(f"chalicelib.dialects.{dialect}.device")
    return Encoders(device.encode, device.encode_desired)


def wire() -> None:
    """Harmless to repeat."""
    downlink.use(_encoders)

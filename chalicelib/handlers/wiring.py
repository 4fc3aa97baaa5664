"""What core leaves open, filled in: which dialect writes for which device."""

from functools import cache
from importlib import import_module

from ..core import downlink
from ..core.downlink import Encoders


@cache
def _encoders(dialect: str) -> Encoders:
    device = import_module(f"chalicelib.dialects.{dialect}.device")
    lora = getattr(device, "encode_lora", None)  # not every system has LoRa servers
    reported = getattr(device, "encode_reported", None)  # nor does every device learn what apps report
    return Encoders(device.encode, device.encode_desired, device.encode_upgrade, lora, reported)


def wire() -> None:
    """Harmless to repeat."""
    downlink.use(_encoders)

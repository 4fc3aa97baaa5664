"""What core leaves open, filled in: which dialect writes for which device, and renders which event."""

from collections.abc import Sequence
from functools import cache
from importlib import import_module

from ..core import downlink, replays
from ..core.callbacks import Notification
from ..core.downlink import Encoders
from ..core.events import Event


@cache
def _encoders(dialect: str) -> Encoders:
    device = import_module(f"chalicelib.dialects.{dialect}.device")
    lora = getattr(device, "encode_lora", None)  # not every system has LoRa servers
    reported = getattr(device, "encode_reported", None)  # nor does every device learn what apps report
    permit = getattr(device, "encode_permit", None)  # nor let devices join a gateway
    return Encoders(device.encode, device.encode_desired, device.encode_upgrade, lora, reported, permit)


def wire() -> None:
    """Harmless to repeat."""
    downlink.use(_encoders)
    replays.use(_rendered)


def _rendered(dialect: str, event: Event) -> Sequence[Notification]:
    told: Sequence[Notification] = import_module(f"chalicelib.dialects.{dialect}.notify").render(event)
    return told

"""Orders of the platform itself, sent as commands of a service that no thing model has.

A dialect whose devices know messages of their own for them writes those (`downlink`); for the others they are
commands as any.
"""

from collections.abc import Mapping
from typing import Any

from ..store.devices import LINK, LinkRecord
from . import commands, thing_access
from .applications import Caller
from .command_states import Command, NewCommand

PLATFORM = "$platform"
KEPT = 30 * 24 * 3600  # s that an order waits for a device
RESET = "reset"  # forget all settings
MESSAGE = "message"  # what an app has to say, for the device to show


def tell(caller: Caller, device: str, content: Mapping[str, Any], dialect: str) -> Command:
    """Have the device show what an app has to say. It is sent at once, and not kept for one that is offline.

    Three AWS calls. Raises DeviceNotFound, NotBound to a person, DeviceZombie, InvalidInput.
    Source: Feiyan 7.3.12
    """
    record, parts = thing_access.read(caller, device, LINK)
    new = NewCommand(device, PLATFORM, MESSAGE, dict(content), dialect, expire=0)
    return commands.order(record, parts.get(LINK, LinkRecord), new)


def reset(device: str, dialect: str, *, keep: bool) -> NewCommand:
    """The order to forget all settings; `keep` has it wait for a device that is offline."""
    return NewCommand(device, PLATFORM, RESET, {}, dialect, expire=KEPT if keep else 0)

"""Who may act on a device: its application, and in an app the people who are bound to it.

A person's binding stands with the device, so it is read together with it and costs no call. To a person a
device that is absent, another application's, or not bound is the same: NotBound.

Source: Feiyan 2 (401 of device control)
"""

from ..store.devices import DEVICE, HOLDER, DeviceRecord, HolderRecord, Parts
from . import devices
from .applications import Caller
from .errors import DeviceNotFound, NotBound
from .users import Person


def user_of(caller: Caller) -> str | None:
    """The person whose binding counts, None where the application acts for itself."""
    return caller.user if isinstance(caller, Person) else None


def items(caller: Caller) -> tuple[str, ...]:
    """What is to be read of a device's collection, beside the device, for `check`."""
    user = user_of(caller)
    return () if user is None else (HOLDER + user,)


def check(caller: Caller, device: str, parts: Parts) -> DeviceRecord:
    """The device that was read with `items`. Raises NotBound to a person, else DeviceNotFound."""
    user, record = user_of(caller), parts.get(DEVICE, DeviceRecord)
    if record is None or not devices.visible(caller, record):
        raise absent(caller, device)
    if user is not None and parts.get(HOLDER + user, HolderRecord) is None:
        raise NotBound(device)
    return record


def read(caller: Caller, device: str, *wanted: str) -> tuple[DeviceRecord, Parts]:
    """The device with some items of its collection, in one AWS call. Raises as `check`."""
    parts = Parts(device, DEVICE, *items(caller), *wanted)
    return check(caller, device, parts), parts


def absent(caller: Caller, device: str) -> NotBound | DeviceNotFound:
    return DeviceNotFound(device) if user_of(caller) is None else NotBound(device)

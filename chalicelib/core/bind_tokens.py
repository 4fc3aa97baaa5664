"""Bind tokens: who shows one has the device at hand.

A token is made by an app for a person, who gives it to the device on its way into the network, or by the
device itself, which tells it to those nearby. Either way the device reports it over its own connection; it
is good for LASTS from then on, or from its making, for one binding. One that a person's app has made binds
that person only. A token belongs to the first device of the application that reports it; in another
application the same text is another token.

The text stands encrypted with the device, for whoever finds the device nearby; the look-up is by a hash.

Source: Feiyan 6.9.3, 6.9.4, 6.9.9
"""

import secrets

import msgspec

from ..aws import encryption
from ..store.codes import BindTokenRecord
from ..store.devices import BIND_TOKEN, DEVICE, DeviceBindTokenRecord, DeviceRecord
from ..store.transactions import Transaction
from . import clock, devices, ids
from .applications import hashed
from .devices import Device
from .errors import BindTokenNotFound, DeviceNotFound, InvalidInput
from .users import Person

LASTS = 30 * clock.MINUTE
LONGEST = 128  # characters
FIELD = "bind-token"  # the encrypted one
DIGITS = 6


class BindToken(msgspec.Struct, frozen=True):
    """`until` in ms. `random` is for devices that learn of a network by its traffic."""

    token: str
    random: str
    until: int


def create(person: Person) -> BindToken:
    """A token with which this person may bind one device. One AWS call. Source: Feiyan 6.9.9"""
    token, until = ids.secret(), clock.now() + LASTS
    record = _key(person.owner, token)
    record.until, record.ttl, record.user = until, _ttl(until), person.user
    change = Transaction()
    change.put(record, BindTokenRecord.name.does_not_exist())
    change.commit()
    return BindToken(token, f"{secrets.randbelow(10**DIGITS):0{DIGITS}d}", until)


class _Known(Exception):
    """There is such a token, and it is good."""


def report(device: str, token: str) -> bool:
    """The device has this token; False where another device has, or the device is gone.

    Two AWS calls, three for a token that an app has made. Harmless to repeat: one that has been used stays
    so. Raises InvalidInput.
    """
    if not 1 <= len(token) <= LONGEST:
        raise InvalidInput("token", f"must have 1 to {LONGEST} characters")
    held = DeviceRecord.find(device, DEVICE)
    if held is None or held.deleted:
        return False
    until = clock.now() + LASTS
    change = Transaction()
    record = _key(held.owner, token)
    record.until, record.ttl, record.device = until, _ttl(until), device
    over = BindTokenRecord.name.does_not_exist() | (BindTokenRecord.until <= clock.now())
    change.put(record, over, _Known())
    change.put(_of_device(held, token, until))
    try:
        change.commit()
    except _Known:
        return _claim(held, token)
    return True


def _claim(held: DeviceRecord, token: str) -> bool:
    """A token that is known already becomes the device's, unless it is another's."""
    record = BindTokenRecord.find(_key(held.owner, token).name)
    if record is None or record.device not in (None, held.device):
        return False
    if record.device == held.device:
        return True
    change = Transaction()
    free = BindTokenRecord.device.does_not_exist() & (BindTokenRecord.until > clock.now())
    change.update(
        _key(held.owner, token),
        [BindTokenRecord.device.set(held.device)],
        free,
        BindTokenNotFound(held.device),
    )
    change.put(_of_device(held, token, int(record.until)))
    try:
        change.commit()
    except BindTokenNotFound:  # another was quicker, or its time is over
        return False
    return True


def device_of(person: Person, token: str) -> Device:
    """The device that has reported this token. Two AWS calls.

    Raises BindTokenNotFound: none has yet, or the token is over, used or another person's. Raises
    DeviceNotFound where the device is gone. Source: Feiyan 6.9.3
    """
    return devices.device_of(_read(person, token)[1])


def read(person: Person, token: str) -> tuple[str, DeviceRecord]:
    """The name of a good token for `spend`, and its device. Two AWS calls. Raises as `device_of`."""
    record, held = _read(person, token)
    return str(record.name), held


def spend(change: Transaction, person: Person, name: str, device: str) -> None:
    """Let the change use up the token; fails with BindTokenNotFound where it is no longer good."""
    good = (BindTokenRecord.device == device) & (BindTokenRecord.until > clock.now())
    good &= BindTokenRecord.used.does_not_exist()
    good &= BindTokenRecord.user.does_not_exist() | (BindTokenRecord.user == person.user)
    used = [BindTokenRecord.used.set(person.user)]
    change.update(BindTokenRecord(name), used, good, BindTokenNotFound(device))
    change.delete(DeviceBindTokenRecord(device, BIND_TOKEN))


def shown(held: DeviceBindTokenRecord | None) -> str | None:
    """The text of a device's token, None where it is over or used."""
    if held is None or int(held.until) <= clock.now():
        return None
    return encryption.decrypt(held.token, held.tenant, held.device, FIELD)


def _read(person: Person, token: str) -> tuple[BindTokenRecord, DeviceRecord]:
    name = _key(person.owner, token).name if 1 <= len(token) <= LONGEST else ""
    record = BindTokenRecord.find(name) if name else None
    if (
        record is None
        or record.device is None
        or int(record.until) <= clock.now()
        or record.used not in (None, person.user)
        or record.user not in (None, person.user)
    ):
        raise BindTokenNotFound(name)
    held = DeviceRecord.find(record.device, DEVICE)
    if held is None or not devices.visible(person, held):
        raise DeviceNotFound(record.device)
    return record, held


def _key(application: str, token: str) -> BindTokenRecord:
    return BindTokenRecord(f"bind#{application}#{hashed(token)}")


def _of_device(held: DeviceRecord, token: str, until: int) -> DeviceBindTokenRecord:
    text = encryption.encrypt(token, held.tenant, held.device, FIELD)
    return DeviceBindTokenRecord(held.device, BIND_TOKEN, tenant=held.tenant, token=text, until=until)


def _ttl(until: int) -> int:
    return until // clock.SECOND + 1

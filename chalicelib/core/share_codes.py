"""Sharing devices with whoever scans a QR code, within half an hour: each who does becomes a member.

The code names nobody, so it may be scanned by several people. Its text is random; what is stored is its
hash. Each binding is made on condition that the code is still good and that its initiator has managed
the device ever since the code was made.

Source: Feiyan 6.6.4, 6.6.5
"""

import secrets
from collections.abc import Sequence

import msgspec

from ..store.codes import ShareCodeRecord
from ..store.devices import DEVICE, HOLDER, DeviceItem
from ..store.reading import find_all
from ..store.transactions import Transaction
from . import bindings, clock, share_answers, share_offers
from .applications import hashed
from .bindings import Role
from .errors import BindRefused, NotManager, ShareCodeNotFound, SharedWithOneself, ShareExpired
from .users import Person

LASTS = 30 * clock.MINUTE
REMEMBERED = clock.DAY  # after that: to tell an expired code from an unknown one
LONGEST = 256  # characters of a code


def create(person: Person, wanted: Sequence[str]) -> str:
    """A code for devices that the person manages. Two AWS calls, and one where products were not read
    seconds ago.

    Raises InvalidInput, NotBound, NotManager, NotShareable.
    """
    chosen = share_offers.chosen_devices(wanted)
    own = HOLDER + person.user
    found = find_all((DeviceItem, each, item) for each in chosen for item in (DEVICE, own))
    sources = share_offers.managed(person, chosen, found)
    since = {device: int(holder.bound) for device, (_, holder) in sources.items()}
    code = secrets.token_urlsafe(24)
    until = clock.now() + LASTS
    record = ShareCodeRecord(
        _name(code),
        user=person.user,
        application=person.owner,
        devices=msgspec.json.encode(since).decode(),
        until=until,
        ttl=(until + REMEMBERED) // clock.SECOND,
    )
    record.save()
    return code


def scan(person: Person, code: str) -> list[str]:
    """Become a member of the code's devices; answers of which. One AWS call, and one a device.

    Those that cannot be had are passed over where others can. Raises ShareCodeNotFound, ShareExpired,
    SharedWithOneself, DeviceNotFound, NotManager, BoundAlready, TooManyHolders, TooManyBindings.
    """
    record = ShareCodeRecord.find(_name(code)) if len(code) <= LONGEST else None
    if record is None or record.application != person.owner:
        raise ShareCodeNotFound("no such code")
    if int(record.until) <= clock.now():
        raise ShareExpired("the code is over")
    if record.user == person.user:
        raise SharedWithOneself(person.user)
    bound, refused = [], None
    for device, since in msgspec.json.decode(record.devices, type=dict[str, int]).items():
        try:
            _join(person, record, device, since)
        except share_answers.OUT_OF_REACH as error:
            refused = refused or error
        else:
            bound.append(device)
    if not bound and refused is not None:
        raise refused
    return bound


def _join(person: Person, record: ShareCodeRecord, device: str, since: int) -> None:
    def beside(change: Transaction) -> None:
        good = ShareCodeRecord.until > clock.now()
        change.check(ShareCodeRecord(record.name), good, ShareExpired("the code is over"))
        share_offers.check_manager(change, record.user, device, since)

    try:
        bindings.bind(person, person.user, device, Role.MEMBER, beside=beside)
    except BindRefused:
        raise NotManager(device) from None  # nobody is


def _name(code: str) -> str:
    return f"share#{hashed(code)}"

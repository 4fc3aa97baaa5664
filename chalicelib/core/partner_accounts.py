"""Accounts of other systems that a person has linked, one a system.

An app logs the person in there and hands us the code that it got. Nobody but that system's own
registered client can exchange the code, so it is taken as it is: the account's id is a hash of it, which
tells one link from another and cannot be used. The code itself is not kept.

Source: Feiyan 6.2.6 to 6.2.8
"""

import msgspec

from ..store.belongings import PARTNER, PartnerRecord
from ..store.transactions import Transaction
from ..store.users import USER, UserRecord
from . import clock, users
from .applications import hashed
from .errors import AccountNotFound, InvalidInput, UserNotFound
from .users import Person

LONGEST = 1024  # characters of a code
ID = 32  # characters of an account's id


class PartnerAccount(msgspec.Struct, frozen=True):
    """`bound` in ms."""

    system: str
    account: str
    bound: int


def bind(person: Person, system: str, code: str) -> PartnerAccount:
    """Link an account, in place of one that is linked. One AWS call. Raises InvalidInput, UserNotFound."""
    if not code.strip() or len(code) > LONGEST:
        raise InvalidInput("authCode", f"must have 1 to {LONGEST} characters", missing=not code.strip())
    account = hashed(f"{person.owner}#{system}#{code}")[:ID]
    record = PartnerRecord(person.user, PARTNER + system, account=account, bound=clock.now())
    change = Transaction()
    change.check(UserRecord(person.user, USER), users.alive(), UserNotFound(person.user))
    change.put(record)
    change.commit()
    return _read(record)


def get(person: Person, system: str) -> PartnerAccount:
    """One AWS call. Raises AccountNotFound where none is linked."""
    record = PartnerRecord.find(person.user, PARTNER + system)
    if record is None:
        raise AccountNotFound(system)
    return _read(record)


def unbind(person: Person, system: str) -> PartnerAccount:
    """What was linked. Two AWS calls. Raises AccountNotFound where none is linked."""
    found = get(person, system)
    change = Transaction()
    same = PartnerRecord.account == found.account
    change.delete(PartnerRecord(person.user, PARTNER + system), same, AccountNotFound(system))
    change.commit()
    return found


def _read(record: PartnerRecord) -> PartnerAccount:
    return PartnerAccount(record.item.removeprefix(PARTNER), record.account, int(record.bound))

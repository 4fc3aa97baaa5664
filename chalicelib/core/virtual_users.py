"""Virtual users: people whom a person knows and who have no login, such as who has a key of a lock.

Each is a few named texts and belongs to the person, whom nobody else can ask for them.

Source: Feiyan 6.6.21 to 6.6.25
"""

from collections.abc import Mapping
from enum import Enum
from typing import Any

import msgspec

from ..store.belongings import VIRTUAL, VIRTUAL_COUNT, VirtualCountRecord, VirtualRecord
from ..store.transactions import ConditionFailed, Transaction, pause
from ..store.users import USER, UserItem, UserRecord
from ..store.walks import HIGHEST
from . import clock, ids, users
from .errors import (
    AttributesMissing,
    Busy,
    InvalidInput,
    TooManyVirtualUsers,
    UserNotFound,
    VirtualUserNotFound,
)
from .users import Person

MOST = 100  # of a person
MOST_ATTRIBUTES = 20  # of a virtual user
LONGEST_NAME = 64  # characters
LONGEST_VALUE = 1024
TRIES = 5
KIND: Any = VirtualCountRecord.kind  # of an item that an update makes


class Edit(Enum):
    """What becomes of the named attributes."""

    ADD = "add"
    UPDATE = "update"
    DELETE = "delete"


class VirtualUser(msgspec.Struct, frozen=True):
    """`created` in ms."""

    id: str
    attributes: dict[str, str]
    created: int


def create(person: Person, attributes: Mapping[str, str]) -> VirtualUser:
    """One AWS call. Raises InvalidInput, TooManyVirtualUsers, UserNotFound."""
    _check(attributes)
    ident, now = ids.ordered_id(), clock.now()
    record = VirtualRecord(person.user, VIRTUAL + ident, attributes=_text(attributes), created=now, version=1)
    change = Transaction()
    change.check(UserRecord(person.user, USER), users.alive(), UserNotFound(person.user))
    change.update(
        VirtualCountRecord(person.user, VIRTUAL_COUNT),
        [VirtualCountRecord.total.add(1), KIND.set(VirtualCountRecord)],
        VirtualCountRecord.total.does_not_exist() | (VirtualCountRecord.total < MOST),
        TooManyVirtualUsers(person.user),
    )
    change.put(record, VirtualRecord.user.does_not_exist())
    change.commit()
    return _read(record)


def get(person: Person, ident: str) -> VirtualUser:
    """One AWS call. Raises VirtualUserNotFound."""
    return _read(_record(person, ident))


def list_all(person: Person) -> list[VirtualUser]:
    """Oldest first, at most MOST. One AWS call."""
    reach = UserItem.item.between(VIRTUAL, VIRTUAL + HIGHEST)
    records = UserItem.query(person.user, reach, consistent_read=True)
    return [_read(each) for each in records if isinstance(each, VirtualRecord)]


def edit(person: Person, ident: str, kind: Edit, attributes: Mapping[str, str]) -> VirtualUser:
    """Change the named attributes; of a deletion only their names matter. Two AWS calls.

    What is there is not added and what is not there not updated: InvalidInput, unless nothing would change.
    Raises also VirtualUserNotFound, AttributesMissing, Busy.
    """
    if not attributes:
        raise AttributesMissing(ident)
    for tried in range(TRIES):
        record = _record(person, ident)
        version, found = int(record.version), _read(record)
        record.attributes = _text(_edited(found.attributes, kind, attributes))
        record.version = version + 1
        change = Transaction()
        change.put(record, VirtualRecord.version == version)
        try:
            change.commit()
        except ConditionFailed:
            pause(tried)
        else:
            return _read(record)
    raise Busy(ident)


def delete(person: Person, ident: str) -> VirtualUser:
    """What it was. Two AWS calls. Raises VirtualUserNotFound."""
    record = _record(person, ident)
    change = Transaction()
    gone = VirtualUserNotFound(ident)
    change.delete(VirtualRecord(person.user, VIRTUAL + ident), VirtualRecord.user.exists(), gone)
    counted = [VirtualCountRecord.total.add(-1)]
    change.update(VirtualCountRecord(person.user, VIRTUAL_COUNT), counted, VirtualCountRecord.total > 0, gone)
    change.commit()
    return _read(record)


def _record(person: Person, ident: str) -> VirtualRecord:
    record = VirtualRecord.find(person.user, VIRTUAL + ident) if ids.is_random_id(ident) else None
    if record is None:
        raise VirtualUserNotFound(ident)
    return record


def _edited(had: dict[str, str], kind: Edit, given: Mapping[str, str]) -> dict[str, str]:
    if kind is Edit.DELETE:
        return {name: value for name, value in had.items() if name not in given}
    for name, value in given.items():
        if kind is Edit.ADD and had.get(name, value) != value:
            raise InvalidInput("attrList", f"names {name}, which is there")
        if kind is Edit.UPDATE and name not in had:
            raise InvalidInput("attrList", f"names {name}, which is not there")
    edited = {**had, **given}
    _check(edited)
    return edited


def _check(attributes: Mapping[str, str]) -> None:
    if len(attributes) > MOST_ATTRIBUTES:
        raise InvalidInput("attrList", f"has more than {MOST_ATTRIBUTES} attributes")
    for name, value in attributes.items():
        if not 0 < len(name) <= LONGEST_NAME or len(value) > LONGEST_VALUE:
            raise InvalidInput(
                "attrList", f"has a key of more than {LONGEST_NAME} or a value of more than {LONGEST_VALUE}"
            )


def _text(attributes: Mapping[str, str]) -> str:
    return msgspec.json.encode(dict(attributes)).decode()


def _read(record: VirtualRecord) -> VirtualUser:
    attributes = msgspec.json.decode(record.attributes, type=dict[str, str])
    return VirtualUser(record.item.removeprefix(VIRTUAL), attributes, int(record.created))

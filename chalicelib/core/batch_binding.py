"""An application binds devices to one of its people, many at once.

Source: Feiyan 7.4.13
"""

from collections.abc import Mapping, Sequence
from enum import Enum

import msgspec

from . import bindings, device_names, provisioning
from .applications import Caller
from .bindings import Mode, Role
from .device_names import Found, Name
from .errors import BoundAlready, BoundByOther, Busy, DeviceNotFound, TooManyBindings, TooManyHolders
from .users import User

MOST = 20  # devices of a call


class Outcome(Enum):
    MANAGER = "manager"
    MEMBER = "member"
    SEIZED = "seized"  # the manager, and others have been unbound
    REFUSED = "refused"  # another manages it
    ABSENT = "absent"
    FULL = "full"  # the person or the device has as many bindings as it may


class Tried(msgspec.Struct, frozen=True):
    """`found` and `mode` are None where there is no such device."""

    outcome: Outcome
    found: Found | None = None
    mode: Mode | None = None


def bind(caller: Caller, user: User, wanted: Sequence[str | Name]) -> list[Tried]:
    """Bind each device, by id or by product and name, in the way of its product. What is bound already stays
    as it is, so a repetition answers the same.

    At most three AWS calls, and one to three a device.
    """
    named = device_names.by_name(caller, [each for each in wanted if not isinstance(each, str)])
    idents = [each if isinstance(each, str) else named.get(each, "") for each in wanted]
    found = device_names.read(caller, idents)
    return [_tried(caller, user, each, found, ident) for each, ident in zip(wanted, idents, strict=True)]


def _tried(caller: Caller, user: User, wanted: str | Name, known: Mapping[str, Found], ident: str) -> Tried:
    found = known.get(ident)
    if found is None or (not isinstance(wanted, str) and found.product.short_id != wanted[0]):
        return Tried(Outcome.ABSENT)
    mode = provisioning.mode_of(found.product)
    try:
        taken = bindings.take(caller, user.id, ident, mode)
    except BoundAlready:
        held = {each.user: each.role for each in bindings.of_device(ident)}
        return Tried(_outcome(held.get(user.id), mode), found, mode)
    except BoundByOther:
        return Tried(Outcome.REFUSED, found, mode)
    except DeviceNotFound:  # deleted meanwhile
        return Tried(Outcome.ABSENT)
    except (TooManyBindings, TooManyHolders, Busy):
        return Tried(Outcome.FULL, found, mode)
    if taken.ended:
        return Tried(Outcome.SEIZED, found, mode)
    return Tried(_outcome(taken.binding.role, mode), found, mode)


def _outcome(role: Role | None, mode: Mode) -> Outcome:
    if role is Role.MANAGER:
        return Outcome.MANAGER
    return Outcome.MEMBER if mode is Mode.SHARED else Outcome.REFUSED

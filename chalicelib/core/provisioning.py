"""Binding a person who has the device at hand: by a token the device has reported, or within a time of its
coming online.

What becomes of a device that has a manager says its product: the person is refused, becomes a member, or
takes the device over (`bindings.Mode`).

Source: Feiyan 6.9.3 to 6.9.5, 6.9.8, 6.9.10
"""

import msgspec

from ..store.devices import DEVICE, HOLDER, DeviceRecord, HolderRecord
from ..store.products import AliasRecord
from ..store.transactions import Transaction
from . import (
    bind_tokens,
    bindings,
    children,
    clock,
    devices,
    home_documents,
    home_rooms,
    households,
    products,
    registration,
    thing_access,
)
from .applications import Caller
from .bindings import Binding, Mode, Role
from .devices import Device
from .errors import BindWindowOver, DeviceNotFound, NotManager
from .products import Product
from .users import Person

WINDOW = 1800 * clock.SECOND  # from a device's coming online


def find(caller: Caller, product: str, name: str) -> Device:
    """The application's device of this name, and of the product with this short id.

    Two AWS calls. Raises ProductNotFound, DeviceNotFound.
    """
    return devices.device_of(_find(caller, product, name))


class Place(msgspec.Struct, frozen=True):
    """Where among a person's homes a device is to stand; without a home in the current one."""

    home: str | None = None
    room: str | None = None  # of the home


ANYWHERE = Place()


def bind_by_token(
    person: Person, product: str, name: str, token: str, place: Place = ANYWHERE
) -> tuple[Device, Binding]:
    """Bind the person to the device that has reported this token; that is used up in the same transaction.

    Three AWS calls where the product was read seconds ago and nobody else is bound; three more for a room.
    Raises BindTokenNotFound, DeviceNotFound, ProductNotFound, HomeNotFound, RoomNotFound, and as
    `bindings.take`. Source: Feiyan 6.9.4
    """
    _check(person, place)
    ident, record = bind_tokens.read(person, token)
    of = products.get(person.tenant, record.product)
    if (of.short_id, record.node_id) != (product, name):
        products.find_by_short_id(person.tenant, product)
        raise DeviceNotFound(name)

    def use(change: Transaction) -> None:
        bind_tokens.spend(change, person, ident, record.device)

    taken = bindings.take(person, person.user, record.device, mode_of(of), place.home, beside=use)
    _enter(person, record.device, place)
    return devices.device_of(record), taken.binding


def bind_in_window(
    person: Person, product: str, name: str, place: Place = ANYWHERE
) -> tuple[Device, Binding]:
    """Bind the person to a device that came online less than WINDOW ago.

    A device behind a gateway has no connection of its own: it counts when it was heard of last. Three AWS
    calls where the product was read seconds ago and nobody else is bound; three more for a room. Raises
    BindWindowOver, DeviceNotFound, ProductNotFound, HomeNotFound, RoomNotFound, and as `bindings.take`.
    Source: Feiyan 6.9.5
    """
    _check(person, place)
    record = _find(person, product, name)
    since = record.last_login if record.gateway == record.device else record.last_seen
    if since is None or clock.now() - int(since) >= WINDOW:
        raise BindWindowOver(record.device)
    of = products.get(person.tenant, record.product)
    taken = bindings.take(person, person.user, record.device, mode_of(of), place.home)
    _enter(person, record.device, place)
    return devices.device_of(record), taken.binding


def mode_of(product: Product) -> Mode:
    """What becomes of who binds a device of this product that has a manager."""
    return Mode(product.share_mode.value) if product.share_mode is not None else Mode.AUTHORIZED


def remove_topology(person: Person, gateway: str, child: str) -> None:
    """Make a device behind a gateway, which the person manages, a direct one.

    Three AWS calls. Raises NotBound, NotManager, DeviceNotFound where the device is not behind the gateway,
    InvalidInput, Busy. Source: Feiyan 6.9.8
    """
    _, parts = thing_access.read(person, gateway)
    holder = parts.get(HOLDER + person.user, HolderRecord)
    if holder is None or holder.role != Role.MANAGER.value:
        raise NotManager(gateway)
    children.detach(person, child, behind=gateway)


def unbind_child(person: Person, product: str, name: str) -> None:
    """End the person's binding to a device; where the person manages it, those of all, and it is behind its
    gateway no more.

    Seven AWS calls for a manager, five for a member. A repetition after a crash finishes it. Raises
    ProductNotFound, DeviceNotFound, NotBound, InvalidInput, Busy. Source: Feiyan 6.9.10
    """
    device = _find(person, product, name).device
    binding = bindings.get(person.user, device)
    if binding.role is Role.MANAGER:
        children.detach(person, device)
    bindings.unbind(person.user, device)


def _check(person: Person, place: Place) -> None:
    """That there is such a room; the home is checked with the binding."""
    if place.home is not None and place.room is not None:
        home_documents.room(households.read(person).home(place.home), place.room)


def _enter(person: Person, device: str, place: Place) -> None:
    if place.home is not None and place.room is not None:
        home_rooms.move(person, place.home, place.room, [device])


def _find(caller: Caller, product: str, name: str) -> DeviceRecord:
    alias = registration.node_alias(name, caller.tenant, "")
    held = AliasRecord.find(alias.name, alias.scope)
    record = DeviceRecord.find(held.target, DEVICE) if held is not None else None
    of = products.load(record.product) if record is not None else None
    if record is None or of is None or of.short_id != product or not devices.visible(caller, record):
        products.find_by_short_id(caller.tenant, product)
        raise DeviceNotFound(name)
    return record

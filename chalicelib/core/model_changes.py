"""What a thing model gains, changes and loses, and telling it.

A thing model belongs to a product, which every application of the tenant may use: so it is told
once for each application, not for each device.

Source: Huawei 1.8.6 to 1.8.8
"""

import msgspec

from ..store.products import ProductRecord
from ..store.transactions import Transaction
from . import events
from .events import EVERYONE, EventType
from .things import ThingModel


class ModelChange(msgspec.Struct, frozen=True):
    """Ids of services."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()


UNCHANGED = ModelChange()


def compare(before: ThingModel, after: ThingModel) -> ModelChange:
    """The order of services says nothing; any part of a service that differs is a change of it."""
    old = {service.id: service for service in before.services}
    new = {service.id: service for service in after.services}
    return ModelChange(
        added=tuple(ident for ident in new if ident not in old),
        changed=tuple(ident for ident in new if ident in old and new[ident] != old[ident]),
        deleted=tuple(ident for ident in old if ident not in new),
    )


def tell(change: Transaction, record: ProductRecord, found: ModelChange) -> None:
    """Add the event to the change of the product, where there is something to tell."""
    if found == UNCHANGED:
        return
    facts = ("id", "manufacturer_id", "manufacturer_name", "device_type", "model", "protocol_type")
    events.emit(
        change,
        EventType.MODEL_CHANGED,
        record.id,
        record.tenant,
        EVERYONE,
        product={name: getattr(record, name) for name in facts},
        services=found,
    )

"""Changing and deleting a product; what is released can be neither, and releasing is for good.

A registration in another process may still trust a product that is deleted at this moment. So some
minutes later a job looks once more, and deletes a device whose product is gone, with its event.

Source: XLink 2, 3
"""

from typing import Any

import msgspec

from ..aws import queues
from ..store.base import as_struct
from ..store.devices import DeviceRecord
from ..store.products import AliasRecord, ProductRecord
from ..store.transactions import ConditionFailed, Transaction, pause
from . import applications, clock, firmwares, model_changes, products, removal, rules, things
from .applications import Caller
from .errors import AlreadyReleased, Busy, DeviceNotFound, InvalidInput, ProductInUse, ProductReleased
from .products import Facts, Product
from .things import ThingModel

CLEAR = "clear-product"
LOOKS_AFTER = 2 * clock.MINUTE  # a registration may have read the product so long before it is through
LOOKS_AGAIN = 10 * clock.SECOND  # the index may still show those that were deleted
DEVICES_AT_ONCE = 100


class Changes(msgspec.Struct, frozen=True):
    """New values; None leaves one as it is."""

    name: str | None = None
    description: str | None = None
    link_type: int | None = None
    released: bool | None = None
    registerable: bool | None = None


def change(tenant: str, product: str, changes: Changes) -> Product:
    """Two AWS calls. Raises ProductNotFound, ProductReleased, AlreadyReleased, InvalidInput, Busy.

    Source: XLink 3
    """
    values = {name: value for name, value in msgspec.structs.asdict(changes).items() if value is not None}
    if not values.get("name", "x").strip():
        raise InvalidInput("name", "is empty", missing=True)

    def plan(record: ProductRecord, _change: Transaction) -> dict[str, Any]:
        if record.released:
            raise AlreadyReleased(product) if changes.released else ProductReleased(product)
        return values

    return products.revise(tenant, product, plan)


def delete(tenant: str, product: str) -> None:
    """Four AWS calls. Raises ProductNotFound, ProductReleased, ProductInUse, Busy. Source: XLink 2"""
    for attempt in range(products.TRIES):
        record = _deletable(tenant, product)
        # first, because a crash after the deletion must not lose it; where nothing is deleted it does nothing
        queues.work(CLEAR, LOOKS_AFTER // clock.SECOND, tenant=tenant, product=product)
        try:
            _delete(record)
        except ConditionFailed:  # released or changed meanwhile
            pause(attempt)
            continue
        products.forget()
        return
    raise Busy(product)


def check_deletable(tenant: str, product: str) -> Product:
    """The product, where `delete` would take it now. Two AWS calls. Raises as `delete`."""
    return as_struct(Product, _deletable(tenant, product))


def _deletable(tenant: str, product: str) -> ProductRecord:
    record = products.record_of(tenant, product)
    if record.released:
        raise ProductReleased(product)
    if _devices(product, 1):
        raise ProductInUse(product)
    return record


def clear(tenant: str, product: str) -> None:
    """The background job: what still belongs to a product that is gone. Harmless to repeat.

    Deletes its firmware versions, the rules that forward its devices' data, and devices that were
    registered while it was deleted.
    """
    if ProductRecord.find(product) is not None:
        return  # it was not deleted after all
    firmwares.erase(product)
    for each in applications.list_applications(tenant):
        rules.erase(each.id, product)
    found = _devices(product, DEVICES_AT_ONCE)
    for device in found:
        try:
            removal.delete(Caller(tenant, device.owner, device.owner), device.device)
        except DeviceNotFound:
            continue  # deleted meanwhile, or its registration is over
    if len(found) == DEVICES_AT_ONCE:
        queues.work(CLEAR, LOOKS_AGAIN // clock.SECOND, tenant=tenant, product=product)


def _devices(product: str, most: int) -> list[DeviceRecord]:
    """Of any owner. One AWS call; the index may lag by seconds."""
    return list(DeviceRecord.by_product.query(product, limit=most))


def _delete(record: ProductRecord) -> None:
    """With its other ids and its event. Raises ConditionFailed where it is not as it was read."""
    gone = Transaction()
    gone.delete(ProductRecord(record.id), ProductRecord.modified == record.modified)
    for kind, value in ((products.SHORT_KIND, record.short_id), (products.NUMBER_KIND, record.number)):
        if value is not None:
            text = value if isinstance(value, str) else str(int(value))
            gone.delete(AliasRecord(f"{kind}#{text}", products.EVERYWHERE), AliasRecord.target == record.id)
    for name in products.model_keys(as_struct(Facts, record)):
        gone.delete(AliasRecord(name, record.tenant), AliasRecord.target == record.id)
    lost = model_changes.compare(things.decode(record.things), ThingModel())
    model_changes.tell(gone, record, lost)
    gone.commit()

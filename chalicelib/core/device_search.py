"""Finding devices of a tenant by whatever an operator was told: an id of any system, or a name."""

import re
from collections.abc import Iterable

from ..store.devices import DEVICE, DeviceRecord
from ..store.products import AliasRecord
from ..store.reading import Key, find_all
from ..store.walks import Walk, WalkTooLong
from . import devices, ids, products, registration
from .devices import Device
from .errors import InvalidInput, ListTooLong

MOST_NUMBER = 2**31 - 1
MOST_HOLDERS = 90  # devices of all tenants that have one number or one MAC address
MOST_NAMED = 100  # devices of one name that are answered
NUMBER = re.compile(r"[1-9][0-9]{0,9}")
SEPARATORS = str.maketrans("", "", ":-. ")


def by_id(tenant: str, text: str, product: str | None = None) -> list[Device]:
    """Those whose id, node id, number or MAC address this is.

    An id is one device's, and so is a node id in a tenant; a number or a MAC address is unique in its product
    only. Two AWS calls; without a product one more for what may be a number or a MAC address.
    """
    found = find_all(_direct(tenant, text, product))
    wanted = {text} if ids.is_random_id(text) else set()
    wanted |= {str(each.target) for each in found.values() if isinstance(each, AliasRecord)}
    if product is None:
        for alias in _in_product(text, ""):
            holders = AliasRecord.query(alias.name, limit=MOST_HOLDERS, consistent_read=True)
            wanted |= {str(each.target) for each in holders}
    return _visible(tenant, wanted, product)


def by_name(tenant: str, product: str, name: str) -> list[Device]:
    """Those of a product that are named so, as registered, `MOST_NAMED` at most.

    AWS calls: the product where it was not read seconds ago, a query per megabyte of the product's index
    (some 2,500 devices), a batch read. Raises ProductNotFound, ListTooLong.
    """
    if not name:
        raise InvalidInput("name", "is empty", missing=True)
    products.get(tenant, product)
    walk = Walk(
        DeviceRecord,
        product,
        DeviceRecord.listing,
        index="by_product",
        holds=DeviceRecord.name == name,
    )
    found: list[str] = []
    try:
        for batch, _ in walk.batches(None):
            found += [each.device for each in batch]
            if len(found) >= MOST_NAMED:
                break
    except WalkTooLong as error:
        raise ListTooLong(f"{product} has too many devices to look for a name") from error
    return [each for each in _visible(tenant, found[:MOST_NAMED], product) if each.name == name]


def _direct(tenant: str, text: str, product: str | None) -> Iterable[Key]:
    """What can be read by key: at most three items."""
    aliases = [registration.node_alias(text, tenant, "")]
    if product is not None:
        aliases += _in_product(text, product)
    return [(AliasRecord, each.name, each.scope) for each in aliases]


def _in_product(text: str, product: str) -> list[AliasRecord]:
    """Aliases of a number and of a MAC address, where the text may be one."""
    found = []
    if NUMBER.fullmatch(text) and int(text) <= MOST_NUMBER:
        found.append(registration.number_alias(int(text), product, ""))
    mac = text.translate(SEPARATORS).upper()
    if registration.MAC_KEY.fullmatch(mac):
        found.append(registration.mac_alias(mac, product, ""))
    return found


def _visible(tenant: str, wanted: Iterable[str], product: str | None) -> list[Device]:
    keys: list[Key] = [(DeviceRecord, each, DEVICE) for each in sorted(wanted)]
    if not keys:
        return []
    records = [each for each in find_all(keys).values() if isinstance(each, DeviceRecord)]
    mine = [
        each
        for each in records
        if each.tenant == tenant
        and not each.deleted
        and not devices.expired(each)
        and product in (None, each.product)
    ]
    return sorted(map(devices.device_of, mine), key=lambda each: (each.created, each.device))

"""Products: what devices of one make have in common, with their thing model.

A product read seconds ago is used again within a process: operators change models rarely, and a
report must not pay a read for it.
"""

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from threading import Lock
from typing import Any

import msgspec
from pynamodb.expressions.update import Action

from ..aws import encryption
from ..store.base import as_struct
from ..store.products import AliasRecord, ProductRecord
from ..store.reading import find_all
from ..store.transactions import ConditionFailed, Transaction, pause
from . import clock, ids, layouts, model_changes, points, things
from .errors import Busy, InvalidInput, ProductExists, ProductNotFound
from .things import ThingModel

FRESH = 30 * clock.SECOND
CACHED = 500
TRIES = 5
SHORT_KIND, NUMBER_KIND = "short", "number"  # aliases: a product's ids elsewhere to product
EVERYWHERE = "*"  # these are unique over all tenants
KEY = "key"  # the encrypted field
MODEL_KIND = "model"  # alias: tenant and "manufacturer|device type|model" to product


class NodeType(Enum):
    ENDPOINT = "ENDPOINT"
    GATEWAY = "GATEWAY"
    UNKNOWN = "UNKNOWN"


class NetType(Enum):
    """How devices of a product reach the cloud, or their gateway."""

    LORA = "lora"
    WIFI = "wifi"
    ZIGBEE = "zigbee"
    BLUETOOTH = "bluetooth"
    CELLULAR = "cellular"
    ETHERNET = "ethernet"
    OTHER = "other"


class ShareMode(Enum):
    """What becomes of a person who binds a device that has a manager."""

    AUTHORIZED = "authorized"  # refused: the manager has to share it
    SHARED = "shared"  # is a member
    SEIZED = "seized"  # is the manager, and all others are unbound


class Facts(msgspec.Struct, frozen=True):
    """What a vendor's profile says of a product beside its thing model."""

    manufacturer_id: str | None = None
    manufacturer_name: str | None = None
    device_type: str | None = None
    model: str | None = None
    protocol_type: str | None = None


class Product(msgspec.Struct, frozen=True):
    """Times in ms. `things` and `layout` are JSON text; `model_of` parses the first.

    `short_id` and `number` are the product's ids in systems whose ids are shorter, unique over all
    tenants. `key` is its own secret, encrypted; `key_of` reads it. A released one stays as it is.
    """

    id: str
    tenant: str
    name: str
    node_type: NodeType
    things: str
    created: int
    modified: int
    manufacturer_id: str | None = None
    manufacturer_name: str | None = None
    device_type: str | None = None
    model: str | None = None
    protocol_type: str | None = None
    layout: str | None = None
    short_id: str | None = None
    number: int | None = None
    key: str | None = None
    description: str | None = None
    link_type: int | None = None
    released: bool | None = None
    registerable: bool | None = None
    share_mode: ShareMode | None = None
    category: int | None = None
    category_key: str | None = None
    category_name: str | None = None
    net_type: NetType | None = None
    image: str | None = None
    panel: str | None = None
    guides: str | None = None
    child_product: str | None = None
    children: int | None = None


Values = Mapping[str, Any]  # of a product's attributes, by name

_loaded: dict[str, tuple[int, Product]] = {}
_parsed: dict[tuple[str, int], ThingModel] = {}
_lock = Lock()


def create(
    tenant: str,
    name: str,
    model: ThingModel,
    facts: Facts = Facts(),  # noqa: B008 - frozen
    node_type: NodeType = NodeType.ENDPOINT,
    layout: str | None = None,
    **more: Any,
) -> Product:
    """`more` are `description`, `link_type`, `released` and `registerable`. One AWS call.

    Raises ProductExists where the tenant has a product of these manufacturer, type and model.
    """
    if not name.strip():
        raise InvalidInput("name", "is empty", missing=True)
    if layout is not None:
        layouts.parse(layout)
    model = points.numbered(model)
    for _ in range(TRIES):
        try:
            return _create(tenant, name, model, facts, node_type, layout, more)
        except _Taken:
            continue  # a random id has come up before: another will not
    raise Busy(name)


class _Taken(Exception):
    """Another product has this random id."""


def _create(
    tenant: str,
    name: str,
    model: ThingModel,
    facts: Facts,
    node_type: NodeType,
    layout: str | None,
    more: Mapping[str, Any],
) -> Product:
    at = clock.now()
    ident, short_id, number = ids.random_id(), ids.short_id(), ids.number()
    record = ProductRecord(
        ident,
        tenant=tenant,
        listing=ids.listing_key(at, ident),
        name=name,
        node_type=node_type.value,
        things=things.encode(model),
        layout=layout,
        created=at,
        modified=at,
        short_id=short_id,
        number=number,
        key=encryption.encrypt(ids.product_key(), tenant, ident, KEY),
        **{key: value for key, value in msgspec.structs.asdict(facts).items() if value is not None},
        **more,
    )
    change = Transaction()
    change.put(record, ProductRecord.id.does_not_exist())
    for kind, text in ((SHORT_KIND, short_id), (NUMBER_KIND, str(number))):
        other_id = AliasRecord(f"{kind}#{text}", EVERYWHERE, target=ident)
        change.put(other_id, AliasRecord.name.does_not_exist(), _Taken())
    model_changes.tell(change, record, model_changes.compare(ThingModel(), model))
    for alias in model_keys(facts):
        change.put(
            AliasRecord(alias, tenant, target=ident), AliasRecord.name.does_not_exist(), ProductExists(name)
        )
    change.commit()
    return as_struct(Product, record)


def get(tenant: str, product: str) -> Product:
    """Raises ProductNotFound, also for another tenant's. One AWS call, none when read seconds ago."""
    found = load(product)
    if found is None or found.tenant != tenant:
        raise ProductNotFound(product)
    return found


def find(product: str) -> Product:
    """As it is now, whoever asks: for operators. One AWS call. Raises ProductNotFound."""
    record = ProductRecord.find(product)
    if record is None:
        raise ProductNotFound(product)
    return as_struct(Product, record)


def fresh(tenant: str, product: str) -> Product:
    """As it is now, whatever this process remembers. One AWS call. Raises ProductNotFound as `get`."""
    return as_struct(Product, record_of(tenant, product))


def load(product: str) -> Product | None:
    now = clock.now()
    held = _loaded.get(product)
    if held is not None and 0 <= now - held[0] < FRESH:
        return held[1]
    record = ProductRecord.find(product)
    if record is None:
        return None
    found = as_struct(Product, record)
    with _lock:
        if len(_loaded) >= CACHED:
            _loaded.clear()
        _loaded[product] = (now, found)
    return found


def load_all(wanted: Iterable[str]) -> dict[str, Product]:
    """As `load`, of many: no AWS call for those read seconds ago, one a hundred others."""
    now = clock.now()
    known = {each: _loaded.get(each) for each in wanted}
    found = {each: held[1] for each, held in known.items() if held is not None and 0 <= now - held[0] < FRESH}
    missing = [each for each in known if each not in found]
    for at in range(0, len(missing), 100):
        for record in find_all((ProductRecord, each, None) for each in missing[at : at + 100]).values():
            if isinstance(record, ProductRecord):
                found[record.id] = as_struct(Product, record)
    with _lock:
        if len(_loaded) + len(missing) > CACHED:
            _loaded.clear()
        _loaded.update({each: (now, found[each]) for each in missing if each in found})
    return found


def find_by_model(tenant: str, facts: Facts) -> Product:
    """The tenant's product of this manufacturer, device type and model. Raises ProductNotFound."""
    for alias in model_keys(facts):
        record = AliasRecord.find(alias, tenant)
        if record is not None:
            return get(tenant, record.target)
    raise ProductNotFound(facts.model or "")


def find_by_number(tenant: str, number: int) -> Product:
    """Raises ProductNotFound, also for another tenant's. At most two AWS calls."""
    return _find_by_alias(tenant, number_alias(number).name)


def number_alias(number: int, product: str = "") -> AliasRecord:
    return AliasRecord(f"{NUMBER_KIND}#{number}", EVERYWHERE, target=product)


def find_by_short_id(tenant: str, short_id: str) -> Product:
    """Raises ProductNotFound, also for another tenant's. At most two AWS calls."""
    return _find_by_alias(tenant, f"{SHORT_KIND}#{short_id}")


def _find_by_alias(tenant: str, name: str) -> Product:
    record = AliasRecord.find(name, EVERYWHERE)
    if record is None:
        raise ProductNotFound(name)
    return get(tenant, record.target)


def is_released(product: Product) -> bool:
    """Also one of which nobody has said that it is in development, as operators' products are."""
    return product.released is not False


def key_of(product: Product) -> str:
    """The product's own secret: XLink's product key, CTWing's MasterKey. 16 letters and digits."""
    if product.key is None:
        raise ProductNotFound(product.id)
    return encryption.decrypt(product.key, product.tenant, product.id, KEY)


def set_model(tenant: str, product: str, model: ThingModel) -> Product:
    """Replace the thing model, and tell what that changes. Raises ProductNotFound, InvalidInput, Busy."""
    things.encode(model)
    return edit_model(tenant, product, lambda _product, _model: model)


def edit_model(tenant: str, product: str, edit: Callable[[Product, ThingModel], ThingModel]) -> Product:
    """Put what `edit` makes of the product's present model in its place, and tell what that changes.

    `edit` is asked again where another came between; what it raises is passed on. Properties keep
    their numbers as data points. Two AWS calls. Raises ProductNotFound, InvalidInput, Busy.
    """

    def plan(record: ProductRecord, change: Transaction) -> Values:
        before = things.decode(record.things)
        model = points.numbered(edit(as_struct(Product, record), before), before)
        model_changes.tell(change, record, model_changes.compare(before, model))
        return {"things": things.encode(model)}

    return revise(tenant, product, plan)


def set_layout(tenant: str, product: str, layout: str | None) -> Product:
    """Replace the binary field layout, or take it away. Raises ProductNotFound, InvalidInput."""
    if layout is not None:
        layouts.parse(layout)
    return revise(tenant, product, lambda _record, _change: {"layout": layout})


def revise(tenant: str, product: str, plan: Callable[[ProductRecord, Transaction], Values]) -> Product:
    """Write the values that `plan` gives for the product as it is, None for none, and what it adds.

    `plan` is asked again where another came between, so what it judges holds in the write, too; what it
    raises is passed on. Two AWS calls. Raises ProductNotFound, Busy.
    """
    for attempt in range(TRIES):
        record = record_of(tenant, product)
        change = Transaction()
        values = dict(plan(record, change))
        values["modified"] = max(clock.now(), int(record.modified) + 1)
        change.update(
            ProductRecord(product),
            [_set(name, value) for name, value in values.items()],
            ProductRecord.modified == record.modified,
        )
        try:
            change.commit()
        except ConditionFailed:
            pause(attempt)
            continue
        forget()
        for name, value in values.items():
            setattr(record, name, value)
        return as_struct(Product, record)
    raise Busy(product)


def record_of(tenant: str, product: str) -> ProductRecord:
    """As it is now. One AWS call. Raises ProductNotFound, also for another tenant's."""
    record = ProductRecord.find(product)
    if record is None or record.tenant != tenant:
        raise ProductNotFound(product)
    return record


def _set(name: str, value: Any) -> Action:
    attribute = getattr(ProductRecord, name)
    action: Action = attribute.remove() if value is None else attribute.set(value)
    return action


def list_products(tenant: str) -> list[Product]:
    """Oldest first."""
    keys = [record.id for record in ProductRecord.by_tenant.query(tenant)]
    found = {record.id: as_struct(Product, record) for record in ProductRecord.batch_get(keys)}
    return [found[key] for key in keys if key in found]


def model_of(product: Product) -> ThingModel:
    """The parsed thing model; parsed once per version and process."""
    key = (product.id, product.modified)
    model = _parsed.get(key)
    if model is None:
        model = things.decode(product.things)
        with _lock:
            if len(_parsed) >= CACHED:
                _parsed.clear()
            _parsed[key] = model
    return model


def forget() -> None:
    """Empty this process's memory of products."""
    with _lock:
        _loaded.clear()
        _parsed.clear()


def model_keys(facts: Facts) -> list[str]:
    """By manufacturer id and, where there is none, by manufacturer name."""
    if not facts.model:
        return []
    makers = [maker for maker in (facts.manufacturer_id, facts.manufacturer_name) if maker]
    return ["#".join((MODEL_KIND, maker, facts.device_type or "", facts.model)) for maker in makers]

"""Making devices in numbers: a batch of devices, each with its certificate (product, name, secret).

A batch has positions from 0 on. Which device a position is, and its secret, follow from the batch's own key,
so a batch is durable with one item for it and one for each of its lanes, whatever its size, and its
certificates can be listed as soon as it is accepted. Jobs register the devices then, lane by lane:
`core/production_work.py`. Reading certificates is in `core/certificates.py`.

Of a batch of gateways a position is a gateway or one of the devices behind it, each gateway first.

Source: Feiyan 7.2.3, 7.2.4, 7.2.5, 7.2.7
"""

import hashlib
import hmac
from collections.abc import Sequence
from enum import Enum

import msgspec

from ..aws import encryption, queues
from ..logs import logger
from ..store.production import LaneRecord, ProductionRecord
from ..store.products import AliasRecord
from ..store.reading import Key, find_all
from ..store.transactions import Transaction
from . import clock, ids, products, registration
from .applications import Caller
from .errors import (
    BatchGenerated,
    BatchNotFound,
    InvalidInput,
    NoValidName,
    ProductNotReleased,
)
from .memberships import batched
from .products import NodeType, Product

PRODUCE = "produce"
MOST = 10_000  # devices, or gateways, of a batch
MOST_NAMES = 1_000  # names of an uploaded list
LANE = 200  # positions of a lane at least
MOST_LANES = 50  # of a batch: it is stored as one transaction
SHARDS = 4
TAKEN_UP_AFTER = 5 * clock.MINUTE
READ_AT_ONCE = 100
FIELD = "production"  # the encrypted one


class Refusal(Enum):
    MALFORMED = "malformed"
    REPEATED = "repeated"  # stands in the list before
    TAKEN = "taken"  # a device of the tenant has it


class Refused(msgspec.Struct, frozen=True):
    name: str
    reason: Refusal


class Batch(msgspec.Struct, frozen=True):
    """What was accepted. `created` in ms.

    `amount` counts devices, or gateways with what is behind them. `generated` is false for a list of
    names that waits for its word.
    """

    id: str
    product: str
    amount: int
    generated: bool
    created: int
    refused: tuple[Refused, ...] = ()


class Positions:
    """What stands at each position of a batch."""

    def __init__(self, record: ProductionRecord) -> None:
        self._key = bytes.fromhex(encryption.decrypt(record.key, record.tenant, record.id, FIELD))
        self._names: list[str] | None = msgspec.json.decode(record.names) if record.names else None
        self.products = (str(record.product), str(record.child_product or ""))
        self.group = 1 + int(record.children or 0)  # a gateway with what is behind it
        self.count = int(record.amount) * self.group

    def device(self, at: int) -> str:
        """The id, 32 hex digits."""
        return self._drawn("device", at)

    def secret(self, at: int) -> str:
        return self._drawn("secret", at)

    def name(self, at: int) -> str:
        return self._names[at] if self._names is not None else self.device(at)

    def gateway(self, at: int) -> int | None:
        """The position of the gateway it is behind, None for what is direct."""
        within = at % self.group
        return at - within if within else None

    def product(self, at: int) -> str:
        return self.products[1 if at % self.group else 0]

    def _drawn(self, what: str, at: int) -> str:
        return hmac.digest(self._key, f"{what}#{at}".encode(), hashlib.sha256)[:16].hex()


def generate(caller: Caller, product: str, amount: int) -> str:
    """Accept a batch of devices that are named by their ids; answers the batch.

    One AWS call where the product was read seconds ago, and one for every ten lanes. Raises
    ProductNotFound, ProductNotReleased, InvalidInput. Source: Feiyan 7.2.3
    """
    _check_amount(amount)
    found = _released(caller, product)
    return _accept(_record(caller, found, amount))


def generate_gateways(caller: Caller, product: str, amount: int) -> str:
    """Accept a batch of gateways, each with as many devices behind it as its product says.

    One AWS call, and one for every ten lanes, where the products were read seconds ago. Raises
    ProductNotFound, ProductNotReleased, InvalidInput. Source: Feiyan 7.2.7
    """
    _check_amount(amount)
    found = _released(caller, product)
    if found.node_type is not NodeType.GATEWAY:
        raise InvalidInput("product", "is of no gateways")
    record = _record(caller, found, amount)
    record.children = 0
    if found.child_product and found.children:
        below = _released(caller, found.child_product)
        if below.node_type is NodeType.GATEWAY:
            raise InvalidInput("product", "has gateways behind gateways")
        record.child_product, record.children = below.id, found.children
    return _accept(record)


def upload(caller: Caller, product: str, names: Sequence[str]) -> Batch:
    """Keep the names that a device may have, and say what is wrong with the others.

    No device is made before `generate_named`. One AWS call where the product was read seconds ago, and
    one for every hundred names. Raises ProductNotFound, ProductNotReleased, InvalidInput.
    Source: Feiyan 7.2.4
    """
    if not names:
        raise InvalidInput("names", "is empty", missing=True)
    if len(names) > MOST_NAMES:
        raise InvalidInput("names", f"has more than {MOST_NAMES} entries")
    found = _released(caller, product)
    valid, refused = _judged(caller.tenant, names)
    record = _record(caller, found, len(valid))
    record.names = msgspec.json.encode(valid).decode()
    record.refused = msgspec.json.encode(refused).decode() if refused else None
    change = Transaction()
    change.put(record, ProductionRecord.id.does_not_exist())
    change.commit()
    told = {"batch": record.id, "count": len(valid), "failures": len(refused)}
    logger().info("names of devices to make", extra=told)
    return batch_of(record)


def generate_named(caller: Caller, product: str, batch: str) -> str:
    """Have the devices made whose names were uploaded; answers the batch.

    Two AWS calls where the product was read seconds ago, and one for the jobs. Of two at once one gets
    BatchGenerated. A name that another device gets first is skipped. Raises BatchNotFound,
    BatchGenerated, NoValidName, ProductNotFound, ProductNotReleased. Source: Feiyan 7.2.5
    """
    record = record_of(caller, batch)
    if record.product != product or record.names is None:
        raise BatchNotFound(batch)
    _released(caller, product)
    if record.lanes:
        raise BatchGenerated(batch)
    if not record.amount:
        raise NoValidName(batch)
    return _accept(record)


def get(caller: Caller, batch: str) -> Batch:
    """One AWS call. Raises BatchNotFound, also for another application's."""
    return batch_of(record_of(caller, batch))


def record_of(caller: Caller, batch: str) -> ProductionRecord:
    """One AWS call. Raises BatchNotFound, also for another application's."""
    record = ProductionRecord.find(batch) if ids.is_random_id(batch) else None
    # the table holds other operations, too: those have no key
    if record is None or not record.key or (record.tenant, record.owner) != (caller.tenant, caller.owner):
        raise BatchNotFound(batch)
    return record


def batch_of(record: ProductionRecord) -> Batch:
    refused = msgspec.json.decode(record.refused or "[]", type=tuple[Refused, ...])
    return Batch(
        record.id, record.product, int(record.amount), bool(record.lanes), int(record.created), refused
    )


def lane_name(batch: str, number: int) -> str:
    return f"{batch}#{number}"


def lane_size(count: int) -> int:
    """Positions of each lane but the last; as many lanes as that makes, MOST_LANES at most."""
    return max(LANE, -(-count // MOST_LANES))


def _check_amount(amount: int) -> None:
    if not 1 <= amount <= MOST:
        raise InvalidInput("amount", f"must be 1 to {MOST}")


def _released(caller: Caller, product: str) -> Product:
    """No AWS call where it was read seconds ago. One that was released at this moment is read anew."""
    found = products.get(caller.tenant, product)
    if not products.is_released(found):
        found = products.fresh(caller.tenant, product)
    if not products.is_released(found):
        raise ProductNotReleased(product)
    return found


def _record(caller: Caller, product: Product, amount: int) -> ProductionRecord:
    ident = ids.ordered_id()
    return ProductionRecord(
        ident,
        tenant=caller.tenant,
        owner=caller.owner,
        creator=caller.application,
        product=product.id,
        key=encryption.encrypt(ids.secret() + ids.secret(), caller.tenant, ident, FIELD),
        amount=amount,
        lanes=0,
        created=clock.now(),
    )


def _judged(tenant: str, names: Sequence[str]) -> tuple[list[str], list[Refused]]:
    """Those that are free, in their order, and the others. One AWS call for every hundred names."""
    refused: list[Refused] = []
    wanted: dict[str, None] = {}
    for name in names:
        if not registration.MQTT_NODE_ID.fullmatch(name):
            refused.append(Refused(name, Refusal.MALFORMED))
        elif name in wanted:
            refused.append(Refused(name, Refusal.REPEATED))
        else:
            wanted[name] = None
    taken = taken_names(tenant, list(wanted))
    refused += [Refused(name, Refusal.TAKEN) for name in wanted if name in taken]
    return [name for name in wanted if name not in taken], refused


def taken_names(tenant: str, names: Sequence[str]) -> set[str]:
    """Those that a device of the tenant has. One AWS call for every hundred names."""
    taken: set[str] = set()
    for some in batched(names, READ_AT_ONCE):
        keys: dict[Key, str] = {}
        for name in some:
            alias = registration.node_alias(name, tenant, "")
            keys[AliasRecord, alias.name, alias.scope] = name
        taken |= {keys[key] for key in find_all(keys)}
    return taken


def _accept(record: ProductionRecord) -> str:
    """Store the batch with its lanes, and have them worked."""
    count = int(record.amount) * (1 + int(record.children or 0))
    size = lane_size(count)
    starts = range(0, count, size)
    stored, record.lanes = bool(record.names), len(starts)
    change = Transaction()
    if stored:
        change.update(
            ProductionRecord(record.id),
            [ProductionRecord.lanes.set(record.lanes)],
            ProductionRecord.lanes == 0,
            BatchGenerated(record.id),
        )
    else:
        change.put(record, ProductionRecord.id.does_not_exist())
    deadline = clock.now() + TAKEN_UP_AFTER
    for number, start in enumerate(starts):
        lane = LaneRecord(
            lane_name(record.id, number),
            batch=record.id,
            next=start,
            end=min(start + size, count),
            shard=shard(number),
            deadline=deadline,
        )
        change.put(lane, LaneRecord.id.does_not_exist())
    change.commit()
    jobs = [queues.job_message(PRODUCE, lane=lane_name(record.id, n)) for n in range(len(starts))]
    queues.send(queues.WORK, jobs)
    logger().info("devices to make", extra={"batch": record.id, "count": count, "parts": len(starts)})
    return str(record.id)


def shard(number: int) -> str:
    """Apart from those of other operations, which are in the same index."""
    return f"{PRODUCE}#{number % SHARDS}"

"""Importing thousands of devices by their MAC addresses.

The list is stored in parts of a hundred, all in one transaction, before the call is answered; then a job a
part registers what does not exist, as many devices a transaction as it holds. A part is deleted once
it is done, so that what is left can be seen, and a job that comes twice finds nothing to do. Two jobs
of one part do no harm: a MAC address is taken once. The sweep sends the jobs that a crash has lost.

Source: XLink 21
"""

from collections.abc import Iterable, Sequence

from ..aws import queues
from ..logs import logger
from ..store.imports import ImportRecord
from ..store.products import AliasRecord
from ..store.reading import Key, find_all
from ..store.transactions import ConditionFailed, Contention, Transaction, pause
from . import clock, credentials, ids, products, registration
from .applications import Caller
from .errors import InvalidInput, MacTaken, NodeIdTaken, ProductNotFound
from .memberships import batched
from .products import Product
from .registration import BY_SECRET, MAC_KEY, NewDevice

IMPORT = "import"
MOST = 10_000  # devices of a list
PART = 100  # devices of a job; a list is a transaction of its parts
AT_ONCE = 16  # devices of a transaction: six items each, and two totals
TAKEN_UP_AFTER = 5 * clock.MINUTE
SHARDS = 4
DIGITS = 12
SWEPT_AT_ONCE = 100  # parts a shard; more the next minute
TRIES = 8


def accept(caller: Caller, product: str, mac_keys: Sequence[str]) -> str:
    """Store the list, and have it worked; answers the import's id.

    One AWS call, where the product was read seconds ago, and one for every thousand devices. Raises
    ProductNotFound, InvalidInput.
    """
    if not mac_keys:
        raise InvalidInput("", "the list is empty", missing=True)
    if len(mac_keys) > MOST:
        raise InvalidInput("", f"the list has more than {MOST} entries")
    for at, each in enumerate(mac_keys):
        if not MAC_KEY.fullmatch(each):
            raise InvalidInput(f"[{at}]", "must be 12 hex digits")
    products.get(caller.tenant, product)
    parts = list(batched(dict.fromkeys(mac_keys), PART))
    ident, now = ids.ordered_id(), clock.now()
    change = Transaction()
    for number, names in enumerate(parts):
        record = ImportRecord(
            f"{ident}#{number}",
            import_=ident,
            part=number,
            parts=len(parts),
            tenant=caller.tenant,
            owner=caller.owner,
            creator=caller.application,
            product=product,
            names="".join(names),
            created=now,
            shard=_shard(number),
            deadline=now + TAKEN_UP_AFTER,
        )
        change.put(record, ImportRecord.id.does_not_exist())
    change.commit()
    jobs = [queues.job_message(IMPORT, part=f"{ident}#{number}") for number in range(len(parts))]
    queues.send(queues.WORK, jobs)
    logger().info("devices to import", extra={"import": ident, "count": sum(map(len, parts))})
    return ident


def _shard(number: int) -> str:
    """Apart from those of the operations on groups, which are in the same index."""
    return f"{IMPORT}#{number % SHARDS}"


def perform(part: str) -> None:
    """The background job. Harmless to repeat, and to do twice at a time. Raises Contention.

    Three AWS calls, and one for every AT_ONCE new devices.
    """
    record = ImportRecord.find(part)
    if record is None:
        return
    caller = Caller(record.tenant, record.creator, record.owner)
    names = [record.names[at : at + DIGITS] for at in range(0, len(record.names), DIGITS)]
    told = {"import": record.import_, "part": int(record.part), "parts": int(record.parts)}
    try:
        product = products.get(record.tenant, record.product)
    except ProductNotFound:
        logger().warning("product of an import is gone", extra=told)
    else:
        added = _add(caller, product, names, int(record.part))
        logger().info("devices imported", extra={**told, "added": added, "known": len(names) - added})
    record.delete()


def _add(caller: Caller, product: Product, names: list[str], worker: int) -> int:
    """Register those that do not exist; answers how many."""
    missing, added = _missing(product, names), 0
    for attempt in range(TRIES):
        try:
            for some in batched(missing, AT_ONCE):
                _register(caller, product, some, worker)
                added += len(some)
        except (MacTaken, NodeIdTaken, registration.Taken, ConditionFailed):
            pause(attempt)  # by another job, or a random number has come up before
            missing = _missing(product, missing)
        else:
            return added
    raise Contention(product.id)


def _missing(product: Product, names: Iterable[str]) -> list[str]:
    """One AWS call."""
    keys: dict[Key, str] = {}
    for name in names:
        alias = registration.mac_alias(name, product.id, "")
        keys[AliasRecord, alias.name, alias.scope] = name
    found = find_all(keys)
    return [name for key, name in keys.items() if key not in found]


def _register(caller: Caller, product: Product, names: list[str], worker: int) -> None:
    change = Transaction()
    for name in names:
        new = NewDevice(None, BY_SECRET, product=product.id, mac_key=name)
        registration.add(change, caller, new, product, ids.secret(), credentials.new_psk())
    registration.count(change, caller.owner, product.id, len(names), worker)
    change.commit()


def sweep() -> int:
    """Send the jobs of parts that are overdue again; answers how many. One AWS call a shard, two a part."""
    now, seen = clock.now(), 0
    for number in range(SHARDS):
        overdue = ImportRecord.deadline <= now
        for due in ImportRecord.by_deadline.query(_shard(number), overdue, limit=SWEPT_AT_ONCE):
            queues.work(IMPORT, part=due.id)
            seen += _wait(due.id, now + TAKEN_UP_AFTER)
    return seen


def _wait(part: str, until: int) -> bool:
    """False where the part is done."""
    change = Transaction()
    change.update(ImportRecord(part), [ImportRecord.deadline.set(until)], ImportRecord.id.exists())
    try:
        change.commit()
    except ConditionFailed:
        return False
    return True

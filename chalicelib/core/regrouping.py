"""Adding and removing up to a thousand members as a whole.

What a transaction holds is done in one. More is an operation: its record is stored, the devices are
claimed portion by portion, then one transaction decides it and counts, then the claims are cleared
up. A portion is claimed only while the operation is open, in order of device id, so that of two that
want the same device one always gets it. Whatever dies in between, the sweep has it taken up again
with the same result; a device that waits for an operation nobody works refuses it.

Source: Huawei 1.11.7, 1.11.8
"""

from collections.abc import Iterable, Sequence

import msgspec

from ..aws import queues
from ..store.groups import GroupCountRecord, GroupRecord, OperationRecord, counted
from ..store.products import AliasRecord
from ..store.transactions import ConditionFailed, Transaction, pause
from . import claims, clock, ids, memberships
from .applications import Caller
from .claims import Kind
from .errors import Busy, GroupNameTaken, PolythingError, TooManyGroups
from .memberships import ABORTED, COMMITTED, OPEN

REGROUP = "regroup"
AT_ONCE = 48  # devices of a transaction: two items each, four of the group or one of the operation
CLEARED_AT_ONCE = 100
MOST_GROUPS = 10_000  # of an application
TAKEN_UP_AFTER = clock.MINUTE  # longer than the function that answers the app may run
KEPT = 7 * clock.DAY
SHARDS = 4
NUMBER_KIND, EVERYWHERE = "group number", "*"  # alias: a group's integer, unique over all tenants
TRIES = claims.TRIES


class NumberTaken(Busy):
    """Another group has this random number."""


class Founding(msgspec.Struct, frozen=True):
    """A group to be made with its members."""

    id: str
    number: int
    tenant: str
    owner: str
    creator: str
    name: str
    most: int
    created: int
    description: str | None = None


def change(
    caller: Caller, kind: Kind, group: str, wanted: Sequence[str], founding: Founding | None = None
) -> None:
    """Make the devices members, or end that; all of them or none. Who is a member already may join.

    AWS calls: two for up to AT_ONCE devices, one more where they join a group that exists. For more:
    two for every AT_ONCE, two for every hundred to clear up, and three or four.

    Raises DeviceNotFound, MembershipRefused, GroupNotFound, GroupFull, GroupNameTaken, NumberTaken,
    TooManyGroups, Busy.
    """
    operation = _operation(caller, kind, group, sorted(set(wanted)), founding)
    if len(_devices(operation)) <= AT_ONCE:
        _at_once(operation)
    else:
        operation.save(OperationRecord.id.does_not_exist())
        perform(operation)


def _operation(
    caller: Caller, kind: Kind, group: str, wanted: list[str], founding: Founding | None
) -> OperationRecord:
    now, ident = clock.now(), ids.random_id()
    return OperationRecord(
        ident,
        tenant=caller.tenant,
        owner=caller.owner,
        group=group,
        kind=kind.value,
        state=OPEN,
        devices=msgspec.json.encode(wanted).decode(),
        created=now,
        shard=shard(ident),
        deadline=now + TAKEN_UP_AFTER,
        founding=msgspec.json.encode(founding).decode() if founding else None,
    )


def shard(ident: str) -> str:
    return str(int(ident[-2:], 16) % SHARDS)


def _devices(operation: OperationRecord) -> list[str]:
    found: list[str] = msgspec.json.decode(operation.devices)
    return found


def _at_once(operation: OperationRecord) -> None:
    for tried in range(TRIES):
        writes = Transaction()
        try:
            changed = claims.claim(writes, operation, _devices(operation))
            if changed or operation.founding:
                _decide(writes, operation, changed)
            writes.commit()
        except ConditionFailed:
            pause(tried)
        else:
            return
    raise Busy(operation.group)


def perform(operation: OperationRecord) -> None:
    """Do an operation, or the rest of one. Raises what refuses it, once that is cleared up.

    Harmless to repeat, and to do twice at a time.
    """
    refusal: PolythingError | None = None
    if operation.state == OPEN:
        try:
            _commit(operation, sum(_claimed(operation, some) for some in _portions(operation, AT_ONCE)))
            operation.state = COMMITTED
        except (PolythingError, ConditionFailed) as error:
            operation.state = _outcome(operation)
            if operation.state == ABORTED:
                refusal = error if isinstance(error, PolythingError) else Busy(operation.group)
    _clear_up(operation)
    if refusal is not None:
        raise refusal


def _portions(operation: OperationRecord, size: int) -> Iterable[list[str]]:
    return memberships.batched(_devices(operation), size)


def _outcome(operation: OperationRecord) -> str:
    """Of one that cannot be gone on with: refused now, unless another has decided it."""
    if memberships.abort(operation.id):
        return ABORTED
    record = OperationRecord.find(operation.id)
    return str(record.state) if record is not None else ABORTED


def _claimed(operation: OperationRecord, portion: list[str]) -> int:
    """Claim a portion; answers how many of it the operation changes. Raises Busy."""
    for tried in range(TRIES):
        writes = Transaction()
        still_open = OperationRecord.state == OPEN
        writes.check(OperationRecord(operation.id), still_open, _Decided(operation.id))
        try:
            changed = claims.claim(writes, operation, portion, operation.id)
            if len(writes) > 1:
                writes.commit()
        except _Decided:
            raise
        except ConditionFailed:
            pause(tried)
        else:
            return changed
    raise Busy(operation.group)


class _Decided(ConditionFailed):
    """The operation is not open any more."""


def _decide(writes: Transaction, operation: OperationRecord, changed: int) -> None:
    """Add to the change what it means for the group that so many members change."""
    if not operation.founding:
        amount = changed if operation.kind == Kind.JOIN.value else -changed
        memberships.count(writes, operation.group, amount)
    else:
        _found(writes, operation.founding, changed)


def _found(writes: Transaction, founding: str, members: int) -> None:
    """Add the new group, its name and the application's count of groups to the change."""
    new = msgspec.json.decode(founding, type=Founding)
    facts = {k: v for k, v in msgspec.structs.asdict(new).items() if v is not None}
    made = GroupRecord(**facts, listing=ids.listing_key(new.created, new.id), members=members)
    writes.put(made, GroupRecord.id.does_not_exist())
    name_it(writes, new.owner, new.name, new.id)
    free = AliasRecord.name.does_not_exist()
    writes.put(number_alias(new.number, new.id), free, NumberTaken(new.name))
    count = GroupCountRecord.count_
    writes.update(
        GroupCountRecord(counted(new.owner)),
        [count.add(1)],
        count.does_not_exist() | (count < MOST_GROUPS),
        TooManyGroups(new.owner),
    )


def alias(owner: str, name: str, group: str = "") -> AliasRecord:
    return AliasRecord(f"group#{name}", owner, target=group)


def number_alias(number: int, group: str = "") -> AliasRecord:
    return AliasRecord(f"{NUMBER_KIND}#{number}", EVERYWHERE, target=group)


def name_it(writes: Transaction, owner: str, name: str, group: str) -> None:
    """Add to the change that the group has this name. Fails with GroupNameTaken."""
    writes.put(alias(owner, name, group), AliasRecord.name.does_not_exist(), GroupNameTaken(name))


def _commit(operation: OperationRecord, changed: int) -> None:
    for tried in range(TRIES):
        writes = Transaction()
        actions = [OperationRecord.state.set(COMMITTED)]
        still_open = OperationRecord.state == OPEN
        writes.update(OperationRecord(operation.id), actions, still_open, _Decided(operation.id))
        try:
            if changed or operation.founding:
                _decide(writes, operation, changed)
            writes.commit()
        except _Decided:
            raise
        except ConditionFailed:
            pause(tried)
        else:
            return
    raise Busy(operation.group)


def _clear_up(operation: OperationRecord) -> None:
    """Take the operation's id out of the members' items, then let it rest."""
    for portion in _portions(operation, CLEARED_AT_ONCE):
        claims.clear(operation, portion)
    OperationRecord(operation.id).update(
        [
            OperationRecord.shard.remove(),
            OperationRecord.deadline.remove(),
            OperationRecord.ttl.set((clock.now() + KEPT) // clock.SECOND),
        ],
        OperationRecord.state == operation.state,
    )


def take_up(operation: str) -> None:
    """The background job: go on with an operation whose worker died. Harmless to repeat."""
    record = OperationRecord.find(operation)
    if record is None or record.deadline is None:
        return
    try:
        perform(record)
    except PolythingError:
        return  # refused as a whole, and cleared up: nobody waits for the answer


def sweep() -> int:
    """Have each operation taken up that is overdue; answers how many. One AWS call a shard and job."""
    now, seen = clock.now(), 0
    for number in range(SHARDS):
        for due in OperationRecord.by_deadline.query(str(number), OperationRecord.deadline <= now):
            queues.work(REGROUP, operation=due.id)
            seen += 1
    return seen

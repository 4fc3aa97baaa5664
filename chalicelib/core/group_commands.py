"""Commands to the devices of a group that are of one product.

Such a command is a batch task: the members are looked for in the background, and each gets a command
of its own. It is none of the ten tasks that an application may have at a time: nobody names it or
waits for its end, and flow control bounds how many are made.

Source: CTWing (level 3)
"""

import msgspec

from ..aws import queues
from ..store.batches import BatchRecord
from ..store.groups import GroupRecord
from ..store.products import AliasRecord
from ..store.reading import Key, find_all
from ..store.transactions import Transaction
from . import batch_ends, batches, commands, products, regrouping, thing_values
from .applications import Caller
from .batches import NewBatch, Order, Target, TargetKind
from .command_states import DEFAULT_EXPIRE, IMMEDIATE_LASTS
from .errors import GroupNotFound, ProductNotFound
from .member_search import Place
from .product_claims import Claim


class NewGroupCommand(msgspec.Struct, frozen=True):
    """`group` is its number. `expire` in s: None is the default, 0 immediate."""

    group: int
    order: Order
    dialect: str
    expire: int | None = None


class GroupCommand(msgspec.Struct, frozen=True):
    """`created` in ms."""

    id: str
    created: int


def create(caller: Caller, new: NewGroupCommand, claim: Claim) -> GroupCommand:
    """Accept a command to those members of a group that are of the claimed product.

    Each member's command waits in its queue, as a single one does; an immediate one no longer than a
    single one may take to leave. Three AWS calls. Raises ProductNotFound, WrongSecret, GroupNotFound,
    ServiceNotFound, CommandTypeNotFound, InvalidInput.
    """
    product_id, group = _ids(claim.number, new.group)
    if product_id is None:
        raise ProductNotFound(str(claim.number))
    product = products.get(caller.tenant, product_id)
    claim.check(product)
    if group is None:
        raise GroupNotFound(str(new.group))
    order = new.order
    thing_values.check_command(products.model_of(product), order.service, order.method, order.paras)
    commands.encoded(order.paras)
    record = batches.new_record(caller, _task(new, group, product.id))
    record.uncounted = True
    record.place = msgspec.json.encode(Place((group,))).decode()
    change = Transaction()
    mine = (GroupRecord.tenant == caller.tenant) & (GroupRecord.owner == caller.owner)
    alive = mine & GroupRecord.deleted.does_not_exist()
    change.check(GroupRecord(group), alive, GroupNotFound(str(new.group)))
    change.put(record, BatchRecord.batch.does_not_exist())
    change.commit()
    queues.work(batch_ends.FAN_OUT, batch=record.batch)
    return GroupCommand(record.batch, int(record.created))


def _ids(product: int, group: int) -> tuple[str | None, str | None]:
    """Ids of what has these numbers, whoever's it is. One AWS call."""
    numbers = (products.number_alias(product), regrouping.number_alias(group))
    keys: list[Key] = [(AliasRecord, each.name, each.scope) for each in numbers]
    first, second = map(find_all(keys).get, keys)
    return (
        first.target if isinstance(first, AliasRecord) else None,
        second.target if isinstance(second, AliasRecord) else None,
    )


def _task(new: NewGroupCommand, group: str, product: str) -> NewBatch:
    expire = DEFAULT_EXPIRE if new.expire is None else new.expire
    return NewBatch(
        name=f"group {new.group}",
        timeout=expire or IMMEDIATE_LASTS,
        target=Target(TargetKind.GROUP_IDS, groups=(group,), product=product),
        order=new.order,
        dialect=new.dialect,
    )

"""What an operation does to one device's member item: claiming it, and clearing the claim up.

`core/regrouping.py` says in which order.
"""

from enum import Enum

from pynamodb.expressions.condition import Condition

from ..store.devices import DEVICE, MEMBER, DeviceItem, DeviceRecord, MemberRecord
from ..store.groups import GroupRecord, OperationRecord
from ..store.transactions import ConditionFailed, Transaction, pause
from . import clock, devices, memberships
from .errors import Busy, DeviceNotFound, MembershipRefused
from .memberships import COMMITTED, Standing, Standings

TRIES = 40  # some eight seconds: longer than an operation of others takes to be decided


class Kind(Enum):
    JOIN = "join"
    LEAVE = "leave"


def claim(
    writes: Transaction, operation: OperationRecord, portion: list[str], mark: str | None = None
) -> int:
    """Add to the change what makes the portion's devices join or leave; answers how many.

    With `mark` they do so once that operation is committed, and those it has claimed before are
    counted in. Two AWS calls at most. Raises MembershipRefused, and ConditionFailed where another
    operation has not decided; fails with DeviceNotFound, ConditionFailed.
    """
    members = _members(portion)
    mine = {each.device for each in members.values() if mark and each.operation == mark}
    standings = Standings(
        (each for each in members.values() if each.device not in mine), GroupRecord(operation.group)
    )
    changed = len(mine)
    for device in portion:
        if device not in mine:
            member = members.get(device)
            changed += _place(writes, operation, device, member, _decided(standings, member), mark)
    return changed


def _place(
    writes: Transaction,
    operation: OperationRecord,
    device: str,
    member: MemberRecord | None,
    standing: Standing,
    mark: str | None,
) -> bool:
    """Add one device's part; False where it is as wanted already."""
    inside = standing is Standing.IN and member is not None and member.group == operation.group
    joining = operation.kind == Kind.JOIN.value
    if joining and inside:
        return False
    if standing is Standing.IN if joining else not inside:
        raise MembershipRefused(device)
    same, key = memberships.unchanged(member), MemberRecord(device, MEMBER)
    if joining:
        writes.check(DeviceRecord(device, DEVICE), _owned(operation), DeviceNotFound(device))
        writes.put(MemberRecord(device, MEMBER, group=operation.group, operation=mark), same)
    elif mark:
        writes.update(key, [MemberRecord.operation.set(mark), MemberRecord.leaving.set(True)], same)
    else:
        writes.delete(key, same)
    return True


def _owned(operation: OperationRecord) -> Condition:
    """Condition: the device is one that the operation's application may see."""
    lasting = DeviceRecord.deadline.does_not_exist() | (DeviceRecord.deadline > clock.now())
    owned: Condition = (
        devices.alive()
        & (DeviceRecord.tenant == operation.tenant)
        & (DeviceRecord.owner == operation.owner)
        & lasting
    )
    return owned


def _members(portion: list[str]) -> dict[str, MemberRecord]:
    """One AWS call."""
    keys = [(device, MEMBER) for device in portion]
    found = DeviceItem.batch_get(keys, consistent_read=True)
    return {record.device: record for record in found if isinstance(record, MemberRecord)}


def _decided(standings: Standings, member: MemberRecord | None) -> Standing:
    """Raises ConditionFailed where it is to be asked again; an operation left by its worker is refused."""
    standing = standings.of(member)
    if member is not None and standing is Standing.UNDECIDED:
        if standings.overdue(member):
            memberships.abort(member.operation)
        raise ConditionFailed(member.device)
    return standing


def clear(operation: OperationRecord, portion: list[str]) -> None:
    """Take a decided operation's id out of the members' items. Two AWS calls for up to a hundred."""
    joining = operation.kind == Kind.JOIN.value
    stays = joining is (operation.state == COMMITTED)
    still_marked = MemberRecord.operation == operation.id
    at_rest = [MemberRecord.operation.remove(), MemberRecord.leaving.remove()]
    for tried in range(TRIES):
        writes = Transaction()
        for device, member in _members(portion).items():
            key = MemberRecord(device, MEMBER)
            if member.operation == operation.id and stays:
                writes.update(key, at_rest, still_marked)
            elif member.operation == operation.id:
                writes.delete(key, still_marked)
        try:
            writes.commit()
        except ConditionFailed:  # a member was deleted, or joined another group, meanwhile
            pause(tried)
        else:
            return
    raise Busy(operation.group)

"""Device groups and their members. Source: Huawei 1.11"""

from typing import Annotated, Any

from msgspec import Meta

from ....core import authority, groups
from ....core import errors as core
from ....core.applications import Caller
from ....core.groups import Group
from ....web.operations import Call, Fault
from .. import errors
from ..api import api
from ..schema import ForApplication, PageNo, Text256, Wire

BASE = "/iocm/app/devgroup/v1.3.0/devGroups"
LIST_SIZE = 1
MEMBERS_SIZE = 10

NOT_AUTHORIZED = Fault(200, "100217", "The application hasn't been authorized.")
NO_APPLICATION = Fault(200, "100203", "The application is not existed.")
FAULTS = {core.NotAuthorized: NOT_AUTHORIZED, core.ApplicationNotFound: NO_APPLICATION}
MADE_FAULTS = {
    **FAULTS,
    core.GroupFull: Fault(400, "100609", "Too much devices to add."),
    core.DeviceNotFound: Fault(400, "50400", "The input is invalid. A device is not existed."),
    core.MembershipRefused: Fault(400, "50400", "The input is invalid. A device is in another group."),
}
BAD_MEMBER = Fault(400, "100604", "The device group request parameter is invalid.")
MEMBER_FAULTS = {core.DeviceNotFound: BAD_MEMBER, core.MembershipRefused: BAD_MEMBER}
CHANGING = (core.GroupNotFound, core.GroupFull, core.Busy)

Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9]{1,50}$", description="1 to 50 letters and digits")]
Description = Annotated[str, Meta(max_length=1024)]
MaxDevNum = Annotated[int, Meta(ge=0, le=2147483647, description="0 is no limit")]
GroupId = Annotated[str, Meta(min_length=1, max_length=256)]
DeviceId = Annotated[str, Meta(min_length=1, max_length=256)]


class ForOwner(ForApplication, frozen=True, rename="camel"):
    """`accessAppId` names the application whose groups are meant; `appId` is taken too."""

    access_app_id: Text256 | None = None


class GroupPath(Wire, frozen=True, rename="camel"):
    dev_group_id: GroupId


class GroupCreation(Wire, frozen=True, rename="camel"):
    """At most 1,000 `deviceIds`, and not more than `maxDevNum`."""

    name: Name
    description: Description | None = None
    app_id: Text256 | None = None
    max_dev_num: MaxDevNum | None = None
    device_ids: list[DeviceId] | None = None


class GroupChange(Wire, frozen=True, rename="camel"):
    """Without `maxDevNum` the group has no limit; without `description` it keeps its own."""

    name: Name
    description: Description | None = None
    max_dev_num: MaxDevNum | None = None


class ChangedGroup(Wire, frozen=True, rename="camel"):
    name: str
    description: str | None
    id: str
    app_id: str
    max_dev_num: int
    cur_dev_num: int


class CreatedGroup(ChangedGroup, frozen=True, rename="camel"):
    device_ids: list[str]


class QueriedGroup(ChangedGroup, frozen=True, rename="camel"):
    creator: str


class GroupsQuery(ForOwner, frozen=True, rename="camel"):
    page_no: PageNo = 0
    page_size: Annotated[int, Meta(ge=1, le=500)] = LIST_SIZE
    name: Text256 | None = None


class GroupList(Wire, frozen=True, rename="camel"):
    total_count: int
    page_no: int
    page_size: int
    list: list[QueriedGroup]


class MembersQuery(ForOwner, frozen=True, rename="camel", kw_only=True):
    dev_group_id: GroupId
    page_no: PageNo = 0
    page_size: Annotated[int, Meta(ge=1, le=1000)] = MEMBERS_SIZE


class MemberList(Wire, frozen=True, rename="camel"):
    total_count: int
    page_no: int
    page_size: int
    device_ids: list[str]


class Members(Wire, frozen=True, rename="camel"):
    """At most 1,000 `deviceIds`; all of them or none."""

    dev_group_id: GroupId
    device_ids: Annotated[list[DeviceId], Meta(min_length=1)]


@api.post(
    BASE,
    source="Huawei 1.11.1",
    raises=(
        core.GroupNameTaken,
        core.TooManyGroups,
        core.GroupFull,
        core.DeviceNotFound,
        core.MembershipRefused,
        core.Busy,
    ),
    faults=MADE_FAULTS,
)
def create_group(call: Call[None, ForOwner, GroupCreation]) -> CreatedGroup:
    """Make a group with its first members; a device belongs to one group at most."""
    body = call.body
    caller = authority.acting(call.caller, body.app_id or call.query.access_app_id)
    devices = body.device_ids or []
    made = groups.create(caller, body.name, body.description, body.max_dev_num or 0, devices)
    return CreatedGroup(**_facts(made), device_ids=devices)


@api.delete(
    f"{BASE}/{{devGroupId}}",
    source="Huawei 1.11.2",
    raises=(core.GroupNotFound, core.Busy),
    faults=FAULTS,
)
def delete_group(call: Call[GroupPath, ForOwner, None]) -> None:
    """Delete a group; its members are free at once."""
    groups.delete(_caller(call), call.path.dev_group_id)


@api.put(
    f"{BASE}/{{devGroupId}}",
    source="Huawei 1.11.3",
    raises=(*CHANGING, core.GroupNameTaken),
    faults=FAULTS,
)
def modify_group(call: Call[GroupPath, ForOwner, GroupChange]) -> ChangedGroup:
    """Change a group's name, description and limit."""
    body = call.body
    changed = groups.modify(
        _caller(call), call.path.dev_group_id, body.name, body.description, body.max_dev_num or 0
    )
    return ChangedGroup(**_facts(changed))


@api.get(BASE, source="Huawei 1.11.4", raises=(core.ListTooLong,), faults=FAULTS)
def query_groups(call: Call[None, GroupsQuery, None]) -> GroupList:
    """Groups by page, the newest first; with `name` the one of exactly that name."""
    asked = call.query
    page = groups.page(_caller(call), asked.name, asked.page_no, asked.page_size)
    return GroupList(page.total, page.number, page.size, [_queried(group) for group in page.items])


@api.get(
    f"{BASE}/{{devGroupId}}",
    source="Huawei 1.11.5",
    raises=(core.GroupNotFound,),
    faults=FAULTS,
)
def query_group(call: Call[GroupPath, ForOwner, None]) -> QueriedGroup:
    """A group; `creator` is the application that made it."""
    return _queried(groups.get(_caller(call), call.path.dev_group_id))


@api.get(
    "/iocm/app/dm/v1.2.0/devices/ids",
    source="Huawei 1.11.6",
    raises=(core.GroupNotFound, core.ListTooLong),
    faults={core.InvalidInput: errors.INPUT},
)
def query_members(call: Call[None, MembersQuery, None]) -> MemberList:
    """The members of a group by page."""
    asked = call.query
    page = groups.members(_caller(call), asked.dev_group_id, asked.page_no, asked.page_size)
    return MemberList(page.total, page.number, page.size, page.items)


@api.post(
    "/iocm/app/dm/v1.1.0/devices/addDevGroupTagToDevices",
    source="Huawei 1.11.7",
    raises=(*CHANGING, core.DeviceNotFound, core.MembershipRefused),
    faults=MEMBER_FAULTS,
)
def add_members(call: Call[None, ForOwner, Members]) -> Members:
    """Make devices members of a group: all of them, or none."""
    groups.add(_caller(call), call.body.dev_group_id, call.body.device_ids)
    return call.body


@api.post(
    "/iocm/app/dm/v1.1.0/devices/deleteDevGroupTagFromDevices",
    source="Huawei 1.11.8",
    raises=(*CHANGING, core.MembershipRefused),
    faults=MEMBER_FAULTS,
)
def remove_members(call: Call[None, ForOwner, Members]) -> None:
    """Take devices out of their group: all of them, or none."""
    groups.remove(_caller(call), call.body.dev_group_id, call.body.device_ids)


def _caller(call: Call[Any, Any, Any]) -> Caller:
    return authority.acting(call.caller, call.query.access_app_id)


def _facts(group: Group) -> dict[str, Any]:
    return {
        "name": group.name,
        "description": group.description,
        "id": group.id,
        "app_id": group.owner,
        "max_dev_num": group.most,
        "cur_dev_num": group.members,
    }


def _queried(group: Group) -> QueriedGroup:
    return QueriedGroup(**_facts(group), creator=group.creator)

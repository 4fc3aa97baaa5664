"""Virtual users. What is said of a Taobao account, its origin or a scene is taken and not kept.

Source: Feiyan 6.6.21 to 6.6.25
"""

from typing import Annotated

from msgspec import Meta

from ....core import errors as core
from ....core import virtual_users
from ....core.virtual_users import Edit, VirtualUser
from ....web.operations import Call
from ..declaring import client
from ..schema import PageNo, Wire

EDITS = {1: Edit.ADD, 2: Edit.UPDATE, 3: Edit.DELETE}

Text = Annotated[str, Meta(max_length=256)]


class Attribute(Wire, frozen=True):
    attr_key: Annotated[str, Meta(min_length=1, max_length=virtual_users.LONGEST_NAME, examples=["name"])]
    attr_value: Annotated[str, Meta(max_length=virtual_users.LONGEST_VALUE)] = ""


Attributes = Annotated[list[Attribute], Meta(max_length=100)]


class Origin(Wire, frozen=True, kw_only=True):
    user_id: Text | None = None
    user_type: Text | None = None
    origin: Text | None = None


class NewVirtualUser(Origin, frozen=True, kw_only=True):
    attr_list: Attributes | None = None
    scene_id: Text | None = None


class VirtualUserNamed(Origin, frozen=True, kw_only=True):
    virtual_user_id: Annotated[str, Meta(min_length=1, max_length=64)]


class VirtualUserEdit(VirtualUserNamed, frozen=True, kw_only=True):
    """`opType`: 1 adds attributes, 2 updates, 3 deletes them."""

    op_type: int
    attr_list: Attributes


class VirtualUserPage(Origin, frozen=True, kw_only=True):
    page_no: PageNo
    page_size: Annotated[int, Meta(ge=1, le=virtual_users.MOST, examples=[10])]
    scene_id: Text | None = None


class Virtual(Wire, frozen=True):
    user_id: str
    attr_list: list[Attribute]


class Virtuals(Wire, frozen=True):
    total: int
    page_no: int
    page_size: int
    data: list[Virtual]


@client(
    "/uc/virtual/user/create",
    "1.0.6",
    source="Feiyan 6.6.21",
    raises=(core.TooManyVirtualUsers, core.UserNotFound),
)
def create_virtual_user(call: Call[None, None, NewVirtualUser]) -> Virtual:
    """Make a virtual user of the person's, of whom there are at most 100. One AWS call."""
    return _shown(virtual_users.create(call.caller, _given(call.body.attr_list or [])))


@client("/uc/virtual/user/delete", "1.0.6", source="Feiyan 6.6.22", raises=(core.VirtualUserNotFound,))
def delete_virtual_user(call: Call[None, None, VirtualUserNamed]) -> Virtual:
    """Delete a virtual user; answers what it was. Two AWS calls."""
    return _shown(virtual_users.delete(call.caller, call.body.virtual_user_id))


@client(
    "/uc/virtual/user/update",
    "1.0.6",
    source="Feiyan 6.6.23",
    raises=(core.VirtualUserNotFound, core.UnknownEdit, core.AttributesMissing, core.Busy),
)
def update_virtual_user(call: Call[None, None, VirtualUserEdit]) -> Virtual:
    """Change attributes of a virtual user. Two AWS calls."""
    body = call.body
    kind = EDITS.get(body.op_type)
    if kind is None:
        raise core.UnknownEdit(str(body.op_type))
    given = _given(body.attr_list)
    return _shown(virtual_users.edit(call.caller, body.virtual_user_id, kind, given))


@client("/uc/virtual/user/list", "1.0.6", source="Feiyan 6.6.24")
def list_virtual_users(call: Call[None, None, VirtualUserPage]) -> Virtuals:
    """The person's virtual users, oldest first. One AWS call."""
    body = call.body
    found = virtual_users.list_all(call.caller)
    low = (body.page_no - 1) * body.page_size
    page = [_shown(each) for each in found[low : low + body.page_size]]
    return Virtuals(len(found), body.page_no, body.page_size, page)


@client("/uc/virtual/user/query", "1.0.6", source="Feiyan 6.6.25", raises=(core.VirtualUserNotFound,))
def query_virtual_user(call: Call[None, None, VirtualUserNamed]) -> Virtual:
    """One virtual user. One AWS call."""
    return _shown(virtual_users.get(call.caller, call.body.virtual_user_id))


def _given(attributes: list[Attribute]) -> dict[str, str]:
    return {each.attr_key: each.attr_value for each in attributes}


def _shown(found: VirtualUser) -> Virtual:
    return Virtual(found.id, [Attribute(name, value) for name, value in found.attributes.items()])

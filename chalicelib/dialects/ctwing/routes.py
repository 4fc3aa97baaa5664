"""CTWing's operations. Source: CTWing aep_device_command_lwm_profile"""

import msgspec

from ...core import commands, group_commands
from ...core import errors as core
from ...core.applications import Caller
from ...core.batches import Order
from ...core.commands import NewCommand
from ...core.group_commands import NewGroupCommand
from ...core.product_claims import Claim
from ...web.operations import Call, HeadedCall
from .api import api
from .schema import (
    DEFAULT_TTL,
    CommandAnswer,
    CommandBody,
    CommandHeaders,
    CommandQuery,
    CommandResult,
    Content,
)

__all__ = ["api"]

SAVED = "指令已保存"
GROUP = 3  # the level; 1 and 2 are a device's


@api.get("/echo", source="CTWing, published clients", public=True)
def echo(call: Call[None, None, None]) -> None:
    """Tell the time.

    The header `x-ag-timestamp` of the answer is the server's, in ms.
    """


@api.post(
    "/aep_device_command_lwm_profile/commandLwm2mProfile",
    source="CTWing 1, CreateCommandLwm2mProfile 20191231141545",
    raises=(
        core.WrongSecret,
        core.ProductNotFound,
        core.DeviceNotFound,
        core.GroupNotFound,
        core.ServiceNotFound,
        core.CommandTypeNotFound,
        core.TooManyPending,
        core.DeviceZombie,
        core.Busy,
    ),
)
def create_command(call: HeadedCall[None, CommandQuery, CommandBody, CommandHeaders]) -> CommandAnswer:
    """Command a device, or those devices of a group that are of the product.

    It waits until the device is online or reports, for `ttl` seconds at most; 0 sends it at once.
    """
    body = call.body
    claim = Claim(body.product_id, call.headers.master_key or call.query.master_key)
    ttl = DEFAULT_TTL if body.ttl is None else body.ttl
    device, group = _target(body)
    if group:
        ident, created = _to_group(call.caller, group, body.command, ttl, claim)
    else:
        ident, created = _to_device(call.caller, device, body.command, ttl, claim)
    result = CommandResult(
        command_id=ident,
        command=_text(body.command),
        command_status=SAVED,
        device_id=device,
        product_id=body.product_id,
        create_by=body.operator,
        create_time=created,
    )
    return CommandAnswer(0, "ok", result)


def _text(content: Content) -> str:
    whole = Content(content.service_id, content.method, content.paras or {})
    return msgspec.json.encode(whole).decode()


def _target(body: CommandBody) -> tuple[str, int]:
    """The device or the group, by level; the other is empty. Raises InvalidInput."""
    device, group = body.device_id or "", body.device_group_id or 0
    wanted, other = ("deviceGroupId", "deviceId") if body.level == GROUP else ("deviceId", "deviceGroupId")
    given = {"deviceId": device, "deviceGroupId": group}
    if given[other]:
        raise core.InvalidInput(other, "must be empty at this level")
    if not given[wanted]:
        raise core.InvalidInput(wanted, "is missing", missing=True)
    return device, group


def _to_device(caller: Caller, device: str, content: Content, ttl: int, claim: Claim) -> tuple[str, int]:
    new = NewCommand(
        device=device,
        service=content.service_id,
        method=content.method,
        paras=content.paras or {},
        dialect=api.name,
        expire=ttl,
    )
    made = commands.create(caller, new, claim=claim)
    return commands.public_id(made), made.created


def _to_group(caller: Caller, group: int, content: Content, ttl: int, claim: Claim) -> tuple[str, int]:
    order = Order(content.service_id, content.method, content.paras or {})
    made = group_commands.create(caller, NewGroupCommand(group, order, api.name, ttl), claim)
    return made.id, made.created

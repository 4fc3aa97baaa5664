"""Forwarding rules. Source: XLink 16 to 19"""

from typing import Annotated

from msgspec import Meta, field

from ....core import errors as core
from ....core import products, rules
from ....core.rules import Channel, Destination, Rule
from ....web.operations import Call
from ..api import api
from ..schema import Id, ProductPath, Wire

CHANNELS = {1: Channel.HTTP, 2: Channel.QUEUE}
NUMBERS = {channel: number for number, channel in CHANNELS.items()}

DataType = Annotated[
    int,
    Meta(
        ge=1,
        le=7,
        description="1 online, 2 offline, 3 activated, 4 pass-through, 5 sync, 6 user online, 7 user offline",
    ),
]
Token = Annotated[str, Meta(max_length=250, pattern="^[!-~]*$")]


class RulePath(ProductPath, frozen=True):
    dispatch_id: Id


class RuleTarget(Wire, frozen=True):
    """`type` 1 is an external URL, 2 the operator's queue, which needs neither URL nor token."""

    type: Annotated[int, Meta(ge=1, le=2)]
    url: Annotated[str, Meta(max_length=1024)] = ""
    token: Token = ""


class RuleForm(Wire, frozen=True):
    data_type: Annotated[list[DataType], Meta(max_length=100)]
    destination: RuleTarget


class RuleShown(Wire, frozen=True):
    """Numbers of `data_type` are text, as the documents print them."""

    id: str
    data_type: list[str]
    destination: RuleTarget


class RuleList(Wire, frozen=True):
    count: int
    rules: list[RuleShown] = field(name="list")


@api.post(
    "/v2/product/{product_id}/dds",
    source="XLink 16",
    raises=(core.InvalidInput, core.ProductNotFound, core.CallbackRefused, core.TooManyRules),
)
def create_rule(call: Call[ProductPath, None, RuleForm]) -> RuleShown:
    """Add a rule: which data of the product's devices are forwarded, and where to.

    It holds for the devices of the application that makes it. Users' coming and going is accepted, and
    forwarded once there are app users.
    """
    product = products.get(call.caller.tenant, call.path.product_id)
    return _shown(rules.create(call.caller, api.name, product.id, _kinds(call.body), _to(call.body)))


@api.get("/v2/product/{product_id}/dds_list", source="XLink 17", raises=(core.ProductNotFound,))
def list_rules(call: Call[ProductPath, None, None]) -> RuleList:
    """List the caller's rules of a product, oldest first."""
    product = products.get(call.caller.tenant, call.path.product_id)
    found = [_shown(each) for each in rules.list_rules(call.caller, api.name, product.id)]
    return RuleList(len(found), found)


@api.put(
    "/v2/product/{product_id}/dds/{dispatch_id}",
    source="XLink 18",
    raises=(core.InvalidInput, core.ProductNotFound, core.SubscriptionNotFound, core.CallbackRefused),
)
def change_rule(call: Call[RulePath, None, RuleForm]) -> RuleShown:
    """Change a rule, which counts within a minute."""
    product = products.get(call.caller.tenant, call.path.product_id)
    ident, kinds, to = call.path.dispatch_id, _kinds(call.body), _to(call.body)
    rules.replace(call.caller, api.name, product.id, ident, kinds, to)
    return RuleShown(ident, sorted(kinds), _target(to))


@api.delete(
    "/v2/product/{product_id}/dds/{dispatch_id}",
    source="XLink 19",
    raises=(core.ProductNotFound, core.SubscriptionNotFound),
)
def delete_rule(call: Call[RulePath, None, None]) -> None:
    """Delete a rule; nothing that waits for it is sent."""
    product = products.get(call.caller.tenant, call.path.product_id)
    rules.delete(call.caller, api.name, product.id, call.path.dispatch_id)


def _kinds(body: RuleForm) -> set[str]:
    if not body.data_type:
        raise core.InvalidInput("data_type", "is empty", missing=True)
    return {str(each) for each in body.data_type}


def _to(body: RuleForm) -> Destination:
    given = body.destination
    if CHANNELS[given.type] is Channel.QUEUE:
        return Destination(Channel.QUEUE)
    if not given.url:
        raise core.InvalidInput("destination.url", "is empty", missing=True)
    return Destination(Channel.HTTP, given.url, given.token)


def _shown(rule: Rule) -> RuleShown:
    return RuleShown(rule.id, list(rule.notify_types), _target(rule.destination))


def _target(to: Destination) -> RuleTarget:
    return RuleTarget(NUMBERS[to.channel], to.url, to.token)

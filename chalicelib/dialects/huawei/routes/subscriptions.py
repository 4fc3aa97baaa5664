"""Subscriptions to what is pushed. Source: Huawei 1.7"""

from typing import Annotated, Literal

from msgspec import Meta

from ....core import authority, subscriptions
from ....core import errors as core
from ....core.applications import Caller
from ....core.subscriptions import HTTP, Subscription
from ....web.operations import Call, Fault
from .. import errors
from ..api import api
from ..schema import ForApplication, PageNo, Text256, Url1024, Wire

PATH = "/iocm/app/sub/v1.2.0/subscriptions"
CHANNELS = (HTTP, "MQTTS")

BusinessType = Literal[
    "deviceAdded",
    "bindDevice",
    "deviceInfoChanged",
    "deviceDataChanged",
    "deviceDatasChanged",
    "deviceCapabilitiesChanged",
    "deviceCapabilitiesAdded",
    "deviceCapabilitiesDeleted",
    "deviceDeleted",
    "messageConfirm",
    "commandRsp",
    "ruleEvent",
    "deviceDesiredPropertiesModifyStatusChanged",
]
ManagementType = Literal[
    "swUpgradeStateChangeNotify",
    "swUpgradeResultNotify",
    "fwUpgradeStateChangeNotify",
    "fwUpgradeResultNotify",
]


class SubscriptionPath(Wire, frozen=True, rename="camel"):
    subscription_id: Text256


class OwnerQuery(Wire, frozen=True, rename="camel"):
    """`ownerFlag` says whose callbackUrl it is where one application subscribes for another.

    `true`, the default: the caller's; it rests while the caller is not authorised. `false`: the
    owner's, and stays.
    """

    owner_flag: Text256 | None = None
    app_id: Text256 | None = None


class BusinessSubscription(Wire, frozen=True, rename="camel"):
    """Some clients send `callbackurl`."""

    notify_type: BusinessType
    callback_url: Url1024 | None = None
    callbackurl: Url1024 | None = None
    app_id: Text256 | None = None


class ManagementSubscription(Wire, frozen=True, rename="camel"):
    """Some clients send `callbackurl`."""

    notify_type: ManagementType
    callback_url: Url1024 | None = None
    callbackurl: Url1024 | None = None
    app_id: Text256 | None = None


class SubscriptionAnswer(Wire, frozen=True, rename="camel"):
    subscription_id: str
    notify_type: str
    callback_url: str


class ListQuery(ForApplication, frozen=True, rename="camel"):
    notify_type: Text256 | None = None
    page_no: PageNo = 0
    page_size: Annotated[int, Meta(ge=1, le=2147483647)] = 10


class SubscriptionList(Wire, frozen=True, rename="camel"):
    total_count: int
    page_no: int
    page_size: int
    subscriptions: list[SubscriptionAnswer]


class BulkDeletion(ForApplication, frozen=True, rename="camel"):
    notify_type: Text256 | None = None
    callback_url: Url1024 | None = None
    callbackurl: Url1024 | None = None
    channel: Annotated[str, Meta(max_length=32)] = HTTP


@api.post(
    PATH,
    also=["/iocm/app/sub/v1.1.0/subscribe"],
    source="Huawei 1.7.1",
    status=201,
    raises=(core.CallbackRefused, core.SubscriptionExists, core.TooManySubscriptions),
)
def subscribe_business_data(call: Call[None, OwnerQuery, BusinessSubscription]) -> SubscriptionAnswer:
    """Subscribe to notifications about devices and commands.

    The URL must name its port, resolve, and lead to a public host.
    """
    owners = (call.query.owner_flag or "").lower() == "false"
    return _answer(_created(call.caller, call.body, owners=owners))


@api.post(
    "/iodm/app/sub/v1.1.0/subscribe",
    source="Huawei 1.7.2",
    raises=(core.CallbackRefused, core.SubscriptionExists, core.TooManySubscriptions),
    faults={
        core.CallbackRefused: Fault(400, "100222", "Internal server error."),
        core.InvalidInput: Fault(400, "100228", "The application input is invalid."),
        core.MissingCredentials: Fault(500, "100229", "Get AppKey from header failed."),
        core.TooManySubscriptions: Fault(500, "100244", "register out route fail."),
        core.NotAuthorized: errors.NO_APPLICATION,
    },
)
def subscribe_management_data(call: Call[None, ForApplication, ManagementSubscription]) -> None:
    """Subscribe to notifications about upgrades. The answer is empty, as documented."""
    _created(call.caller, call.body)


@api.get(f"{PATH}/{{subscriptionId}}", source="Huawei 1.7.3", raises=(core.SubscriptionNotFound,))
def query_subscription(call: Call[SubscriptionPath, ForApplication, None]) -> SubscriptionAnswer:
    """Query one subscription."""
    return _answer(subscriptions.get(call.caller, api.name, call.path.subscription_id))


@api.get(PATH, source="Huawei 1.7.4", raises=(core.ListTooLong,))
def query_subscriptions(call: Call[None, ListQuery, None]) -> SubscriptionList:
    """List the subscriptions, or those of one notify type, oldest first."""
    query = call.query
    found, total = subscriptions.list_page(
        call.caller, api.name, query.notify_type, query.page_no, query.page_size
    )
    return SubscriptionList(total, query.page_no, query.page_size, [_answer(one) for one in found])


@api.delete(
    f"{PATH}/{{subscriptionId}}", source="Huawei 1.7.5", status=204, raises=(core.SubscriptionNotFound,)
)
def delete_subscription(call: Call[SubscriptionPath, ForApplication, None]) -> None:
    """Delete one subscription; nothing is pushed for it from then on."""
    subscriptions.delete(call.caller, api.name, call.path.subscription_id)


@api.delete(PATH, source="Huawei 1.7.6", status=204, raises=(core.SubscriptionNotFound,))
def delete_subscriptions(call: Call[None, BulkDeletion, None]) -> None:
    """Delete all subscriptions, or those of one notify type, URL or channel.

    Without `channel` it is HTTP; a channel that is neither HTTP nor MQTTS deletes nothing.
    """
    query = call.query
    if query.channel not in CHANNELS:
        return
    url = query.callback_url or query.callbackurl
    subscriptions.delete_many(call.caller, api.name, query.notify_type, url, query.channel)


def _created(
    caller: Caller, body: BusinessSubscription | ManagementSubscription, *, owners: bool = False
) -> Subscription:
    meant = authority.acting(caller, body.app_id)
    url = body.callback_url or body.callbackurl
    if url is None:
        raise core.InvalidInput("callbackUrl", "is missing", missing=True)
    return subscriptions.create(meant, api.name, body.notify_type, url, owners=owners)


def _answer(found: Subscription) -> SubscriptionAnswer:
    return SubscriptionAnswer(found.id, found.notify_type, found.url)

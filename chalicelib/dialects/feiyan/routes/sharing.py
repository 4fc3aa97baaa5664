"""Sharing devices with other people, by QR code or by name.

Scenes are not served yet: a call that names one is answered 2081, and shares nothing.

Source: Feiyan 6.6.4 to 6.6.10, 6.6.16, 6.6.17, 6.6.26, 6.6.27
"""

from collections.abc import Iterable, Sequence
from typing import Annotated

from msgspec import Meta

from ....core import (
    binding_lists,
    bindings,
    device_names,
    home_devices,
    products,
    share_answers,
    share_codes,
    share_offers,
    share_records,
    users,
)
from ....core import errors as core
from ....core.binding_lists import Wanted
from ....core.bindings import Role
from ....core.products import Product
from ....core.share_records import Share
from ....core.users import Person, User
from ....web.operations import Call
from ....web.request import Request
from .. import envelope, sharing_schema
from ..declaring import client, either
from ..errors import CHINESE
from ..schema import DeviceName, IotId, ProductKey, Wire
from ..sharing_schema import (
    MOST_NOTICES,
    AskedDevice,
    Confirmation,
    Notices,
    NoticesRequest,
    QrKey,
    QrRequest,
    Records,
    RecordsNamed,
    RecordsRequest,
    Scanned,
    SharedAnswer,
    SharedDevices,
    SharedDevicesQuery,
    SharedQuestion,
    ShareRequest,
)

PREFIX = "THING_SHARE_"  # of a QR code's text
OFFERING = (core.SceneNotFound, core.NotBound, core.NotManager, core.NotShareable)
JOINING = (core.DeviceNotFound, core.NotManager, core.BoundAlready, core.TooManyBindings, core.TooManyHolders)
SETTLED = (core.ShareNotFound, core.ShareAgreed, core.ShareRefused, core.ShareCanceled, core.ShareExpired)


@client("/uc/generateShareQrCode", "1.0.6", source="Feiyan 6.6.4", raises=OFFERING)
def generate_share_qr_code(call: Call[None, None, QrRequest]) -> QrKey:
    """Make a QR code for up to 20 devices that the person manages, good for 30 minutes.

    Two AWS calls, and one where products were not read seconds ago.
    """
    return QrKey(PREFIX + share_codes.create(call.caller, _wanted(call.body)))


@client(
    "/uc/scanBindByShareQrCode",
    "1.0.8",
    source="Feiyan 6.6.5",
    raises=(core.ShareCodeNotFound, core.ShareExpired, core.SharedWithOneself, *JOINING),
)
def scan_bind_by_share_qr_code(call: Call[None, None, QrKey]) -> Scanned:
    """Become a member of the devices of a QR code.

    It may be scanned by several people. Devices that cannot be had any more are left out where others can.
    One AWS call, and one a device.
    """
    return Scanned(share_codes.scan(call.caller, call.body.qr_key.strip().removeprefix(PREFIX)))


@client(
    "/uc/shareDevicesAndScenes",
    "1.0.8",
    source="Feiyan 6.6.6",
    raises=(
        *OFFERING,
        core.SharedWithOneself,
        core.UserNotFound,
        core.ReceiverNotFound,
        core.BoundAlready,
        core.ShareRepeated,
    ),
)
def share_devices_and_scenes(call: Call[None, None, ShareRequest]) -> None:
    """Offer up to 20 devices to another person, who has a week to answer.

    Three or four AWS calls.
    """
    wanted = _wanted(call.body)
    share_offers.offer(call.caller, wanted, _receiver(call.caller, call.body))


@client("/uc/getShareNoticeList", "1.0.9", source="Feiyan 6.6.7", raises=(core.ListTooLong,))
def get_share_notice_list(call: Call[None, None, NoticesRequest]) -> Notices:
    """What the person has offered and was offered in the last 90 days, newest first.

    Some three AWS calls a page, and one for each 33 open offers of it.
    """
    body, english = call.body, _english(call.request)
    size = min(body.page_size, MOST_NOTICES)
    page = share_records.notices(call.caller, body.page_no - 1, size, batches=body.group_by == "BATCH")
    known = _products(share for notice in page.items for share in notice.shares)
    lines = [sharing_schema.line(each, known, english=english) for each in page.items]
    return Notices(page.total, body.page_no, size, lines)


@client(
    "/living/user/device/shared/record/query",
    "1.0.0",
    source="Feiyan 6.6.8",
    raises=(core.ShareNotFound,),
)
def query_share_records(call: Call[None, None, RecordsRequest]) -> Records:
    """The records of one batch. One AWS call, two where some are open."""
    body, english = call.body, _english(call.request)
    found = share_records.of_batch(call.caller, body.batch_id)
    low = (body.page_no - 1) * body.page_size
    page = found[low : low + body.page_size]
    known = _products(page)
    records = [sharing_schema.record(each, known, english=english) for each in page]
    return Records(len(found), body.page_no, body.page_size, records)


@client("/uc/cancelShare", "1.0.7", source="Feiyan 6.6.9", raises=(core.NotInitiator, *SETTLED, core.Busy))
def cancel_share(call: Call[None, None, RecordsNamed]) -> None:
    """Take back what nobody has answered. Two AWS calls."""
    share_answers.cancel(call.caller, shares=call.body.record_id_list or (), batch=call.body.batch_id)


@client(
    "/uc/confirmShare",
    "1.0.7",
    source="Feiyan 6.6.10",
    raises=(*SETTLED, *JOINING, core.Busy),
)
def confirm_share(call: Call[None, None, Confirmation]) -> None:
    """Agree to what is offered (1), and become a member, or refuse it (0): up to 10 records, or a batch.

    A record whose device cannot be had any more stays as it is where others can. Two AWS calls to refuse;
    to agree one, and one a record.
    """
    body = call.body
    agree = body.agree == 1
    share_answers.answer(call.caller, agree=agree, shares=body.record_id_list or (), batch=body.batch_id)


@client("/uc/clearShareNoticeList", "1.0.6", source="Feiyan 6.6.16")
def clear_share_notice_list(call: Call[None, None, None]) -> None:
    """Empty the person's own list; what is offered stays so. One AWS call."""
    share_records.clear(call.caller)


@client(
    "/living/user/device/shared/batch/get",
    "1.0.0",
    source="Feiyan 6.6.17",
    raises=(core.NotBound, core.NotManager),
)
def get_shared_devices(call: Call[None, None, SharedQuestion]) -> list[SharedAnswer]:
    """Whether devices that the person manages are shared with another. Two to four AWS calls."""
    person, wanted = call.caller, _named(call.caller, call.body.device_list)
    shared = share_records.members(person, wanted, call.body.target_identity_id)
    found = device_names.read(person, wanted)
    answers: list[SharedAnswer] = []
    for each in wanted:
        if each not in found:
            raise core.NotBound(each)
        device, product = found[each].device, found[each].product
        answers.append(SharedAnswer(each, product.short_id or "", device.node_id, shared[each]))
    return answers


@client("/living/user/device/shared/query", "1.0.2", source="Feiyan 6.6.26")
def query_shared_devices(call: Call[None, None, SharedDevicesQuery]) -> SharedDevices:
    """The devices that others share with the person, in the person's order, with what they reported last.

    Three AWS calls a page, one more where products were not read seconds ago.
    """
    person, body = call.caller, call.body
    offset, wanted = (body.page_no - 1) * body.page_size, Wanted(role=Role.MEMBER)
    part = binding_lists.of_person(person, person.user, wanted, offset, body.page_size)
    found = {each.device.device: each.device for each in part.items}
    states = home_devices.read_states(found, body.property_identifiers)
    items = [sharing_schema.device(each, states.get(each.device.device, [])) for each in part.items]
    return SharedDevices(part.total, body.page_no, body.page_size, items)


class Reorder(Wire, frozen=True):
    """The device by `iotId`, or else by `productKey` and `deviceName`; `targetOrder` counts from 0 among the
    devices that others share with the person.
    """

    target_order: Annotated[int, Meta(ge=0, le=1_000_000)]
    iot_id: IotId | None = None
    product_key: ProductKey | None = None
    device_name: DeviceName | None = None


@client(
    "/living/user/device/shared/reorder",
    "1.0.0",
    source="Feiyan 6.6.27",
    raises=(core.NotBound, core.Busy),
)
def reorder_shared_device(call: Call[None, None, Reorder]) -> None:
    """Move a shared device in the person's own list. Two AWS calls, with the device's name three."""
    body = call.body
    asked = AskedDevice(body.iot_id, None, body.product_key, body.device_name)
    (device,) = _named(call.caller, [asked])
    bindings.place(call.caller.user, {device: body.target_order}, Role.MEMBER)


def _wanted(body: QrRequest) -> list[str]:
    """The devices to share. Raises SceneNotFound where scenes are named."""
    if body.scene_id_list:
        raise core.SceneNotFound(body.scene_id_list[0])
    return body.iot_id_list or []


def _receiver(person: Person, body: ShareRequest) -> User:
    if body.target_identity_id:
        return users.get(person, body.target_identity_id)
    login = either("targetIdentityId", body.account_attr)
    kind = either("accountAttrType", body.account_attr_type)
    if ("@" in login) is not (kind == "EMAIL"):
        raise core.ReceiverNotFound(login)
    return users.find_by_login(person.owner, login, body.mobile_location_code)


def _named(person: Person, asked: Sequence[AskedDevice]) -> list[str]:
    """Ids of the devices; no AWS call where all are named by them, else two or three. Raises NotBound."""
    names = [
        (
            either("iotId", each.iot_id, each.product_id, each.product_key),
            either("deviceName", each.device_name),
        )
        for each in asked
        if not each.iot_id and not each.product_id
    ]
    found = device_names.named(person, names) if names else {}
    wanted: list[str] = []
    for each in asked:
        ident = each.iot_id or each.product_id
        if ident is None:
            held = found.get((each.product_key or "", each.device_name or ""))
            if held is None:
                raise core.NotBound(each.device_name)
            ident = held.device.device
        wanted.append(ident)
    return wanted


def _products(shares: Iterable[Share]) -> dict[str, Product]:
    return products.load_all({each.product for each in shares})


def _english(request: Request) -> bool:
    return not (envelope.opened(request).request.language or CHINESE).lower().startswith(CHINESE)

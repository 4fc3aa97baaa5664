"""What calls and answers about sharing hold. Source: Feiyan 6.6.4 to 6.6.10, 6.6.16, 6.6.17, 6.6.26"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from ...core.binding_lists import Bound
from ...core.products import NodeType, Product
from ...core.share_records import Notice, Share, State
from ...core.thing_calls import PropertyState
from . import home_mapping, mapping
from .home_schema import PropertyShown
from .schema import DeviceName, Identifier, IotId, PageNo, ProductKey, Wire

MOST_NOTICES = 200  # a page; more are not refused
MOST_RECORDS = 20  # a page of a batch
MOST_ASKED = 50  # devices of one question

Ident = Annotated[str, Meta(min_length=1, max_length=128)]
Devices = Annotated[list[IotId], Meta(max_length=100)]
Scenes = Annotated[list[Ident], Meta(max_length=100)]

STATUS: Mapping[State, int] = {
    State.OFFERED: -1,
    State.AGREED: 0,
    State.REFUSED: 1,
    State.CANCELED: 2,
    State.EXPIRED: 3,
    State.SEIZED: 4,
    State.DELETED: 5,
    State.UNBOUND: 6,
}
# What has become of it, in Chinese and in English.
ENDS: Mapping[State, tuple[str, str]] = {
    State.OFFERED: ("待确认", "waiting for an answer"),
    State.AGREED: ("已同意", "agreed"),
    State.REFUSED: ("已拒绝", "refused"),
    State.CANCELED: ("已取消", "canceled"),
    State.EXPIRED: ("已过期", "expired"),
    State.SEIZED: ("设备已被他人绑定", "the device is another person's by now"),
    State.DELETED: ("设备已删除", "the device was deleted"),
    State.UNBOUND: ("发起者已解绑设备", "the initiator has unbound the device"),
}


class QrRequest(Wire, frozen=True):
    """`groupId` is taken and means nothing: the devices are named."""

    iot_id_list: Devices | None = None
    scene_id_list: Scenes | None = None
    group_id: Ident | None = None


class QrKey(Wire, frozen=True):
    qr_key: Annotated[str, Meta(min_length=1, max_length=512, examples=["THING_SHARE_Xq1fB3"])]


class Scanned(Wire, frozen=True):
    """Devices that the scan has bound."""

    iot_id_list: list[str]


class ShareRequest(QrRequest, frozen=True, kw_only=True):
    """To `targetIdentityId`, or else to whom `accountAttr` names: a phone number or an e-mail address, as
    `accountAttrType` says. `autoAccept` changes nothing: the receiver answers.
    """

    account_attr: Annotated[str, Meta(max_length=254)] | None = None
    account_attr_type: Literal["MOBILE", "EMAIL"] | None = None
    mobile_location_code: Annotated[str, Meta(max_length=8, examples=["86"])] | None = None
    target_identity_id: Ident | None = None
    auto_accept: bool | None = None


class NoticesRequest(Wire, frozen=True):
    """A page of more than 200 is one of 200. With BATCH an offer of several devices is one line."""

    page_no: PageNo
    page_size: Annotated[int, Meta(ge=1, le=1_000_000, examples=[100])]
    group_by: Literal["NONE", "BATCH"] | None = None


class RecordsRequest(Wire, frozen=True):
    batch_id: Ident
    page_no: PageNo
    page_size: Annotated[int, Meta(ge=1, le=MOST_RECORDS, examples=[20])]


class RecordsNamed(Wire, frozen=True):
    """`batchId` stands for all its records that nobody has answered, and counts where both are given."""

    record_id_list: Annotated[list[Ident], Meta(max_length=100)] | None = None
    batch_id: Ident | None = None


class Confirmation(RecordsNamed, frozen=True, kw_only=True):
    agree: Literal[0, 1]


class AskedDevice(Wire, frozen=True):
    """By `iotId` (or `productId`), or else by `productKey` and `deviceName`."""

    iot_id: IotId | None = None
    product_id: IotId | None = None
    product_key: ProductKey | None = None
    device_name: DeviceName | None = None


class SharedQuestion(Wire, frozen=True):
    target_identity_id: Ident
    device_list: Annotated[list[AskedDevice], Meta(min_length=1, max_length=MOST_ASKED)]


class SharedAnswer(Wire, frozen=True):
    iot_id: str
    product_key: str
    device_name: str
    shared: bool


class SharedDevicesQuery(Wire, frozen=True):
    """`propertyIdentifiers` are the properties to show, all of them without it."""

    page_no: PageNo
    page_size: Annotated[int, Meta(ge=1, le=50, examples=[50])]
    property_identifiers: Annotated[list[Identifier], Meta(max_length=200)] | None = None


class SharedDevice(Wire, frozen=True, omit_defaults=True):
    """`panelPageRouteUrl` is a camera's."""

    iot_id: str
    device_name: str
    product_key: str
    product_name: str
    product_image: str
    product_model: str
    category_key: str
    category_image: str
    nick_name: str
    net_type: str
    thing_type: str
    status: Annotated[int, Meta(examples=[1])]
    node_type: str
    description: str
    property_list: list[PropertyShown]
    protocol: str
    panel_page_route_url: str | None = None


class SharedDevices(Wire, frozen=True):
    total: int
    page_no: int
    page_size: int
    items: list[SharedDevice]


class BatchInfo(Wire, frozen=True):
    record_count: int


class Record(Wire, frozen=True, kw_only=True):
    """A share as one of its two sides sees it. Times in ms.

    `status`: -1 open, 0 agreed, 1 refused, 2 canceled, 3 expired, 4 taken over by another person, 5 the
    device was deleted, 6 its initiator has unbound it.
    """

    initiator_alias: str
    receiver_alias: str
    target_id: str | UnsetType = UNSET
    target_type: str
    product_image: str
    device_name: str | UnsetType = UNSET
    is_receiver: int
    gmt_create: int
    gmt_modified: int
    record_id: str | UnsetType = UNSET
    batch_id: str
    status: int
    description: str
    category_image: str
    product_name: str
    node_type: str | None = None
    initiator_identity_id: str
    receiver_identity_id: str


class NoticeLine(Record, frozen=True, kw_only=True):
    """A batch of several records has `batchInfo` in place of what is one record's."""

    batch_info: BatchInfo | None = None


class Notices(Wire, frozen=True):
    total: int
    page_no: int
    page_size: int
    data: list[NoticeLine]


class Records(Wire, frozen=True):
    total: int
    page_no: int
    page_size: int
    data: list[Record]


def device(found: Bound, states: list[PropertyState]) -> SharedDevice:
    of, product = found.device, found.product
    category = (product.category_key if product else None) or ""
    return SharedDevice(
        **mapping.device_facts(of, product),
        category_key=category,
        nick_name=(found.binding.nickname if found.binding else None) or of.name or "",
        node_type=mapping.node_type(of),
        description=of.description or "",
        property_list=home_mapping.properties(states),
        protocol=home_mapping.protocol(of.protocol_type, product),
        panel_page_route_url=(product.panel or "") if product and category == home_mapping.CAMERA else None,
    )


def record(share: Share, of: Mapping[str, Product], *, english: bool) -> Record:
    return Record(
        **_common(share, share.state, of, english=english),  # type: ignore[arg-type]
        target_id=share.device,
        device_name=share.node_id,
        record_id=share.id,
    )


def line(notice: Notice, of: Mapping[str, Product], *, english: bool) -> NoticeLine:
    first = notice.shares[0]
    common = _common(first, notice.state, of, english=english, of_batch=notice.shares)
    if len(notice.shares) > 1:
        return NoticeLine(**common, batch_info=BatchInfo(len(notice.shares)))  # type: ignore[arg-type]
    return NoticeLine(
        **common,  # type: ignore[arg-type]
        target_id=first.device,
        device_name=first.node_id,
        record_id=first.id,
    )


def _common(
    share: Share,
    state: State,
    of: Mapping[str, Product],
    *,
    english: bool,
    of_batch: Sequence[Share] = (),
) -> dict[str, object]:
    product = of.get(share.product)
    image = (product.image if product else None) or ""
    return {
        "initiator_alias": share.initiator_alias,
        "receiver_alias": share.receiver_alias,
        "target_type": "DEVICE",
        "product_image": image,
        "is_receiver": int(share.received),
        "gmt_create": share.created,
        "gmt_modified": max([share.modified, *(each.modified for each in of_batch)]),
        "batch_id": share.batch,
        "status": STATUS[state],
        "description": _description(share, state, english=english),
        "category_image": image,
        "product_name": product.name if product else "",
        "node_type": "GATEWAY" if share.node_type == NodeType.GATEWAY.value else "DEVICE",
        "initiator_identity_id": share.initiator,
        "receiver_identity_id": share.receiver,
    }


def _description(share: Share, state: State, *, english: bool) -> str:
    chinese_end, english_end = ENDS[state]
    if english:
        way = (
            f"Shared with you by {share.initiator_alias}"
            if share.received
            else f"Shared with {share.receiver_alias}"
        )
        return f"{way}: {english_end}"
    if share.received:
        return f"{share.initiator_alias}向您共享设备，{chinese_end}"
    return f"向{share.receiver_alias}共享设备，{chinese_end}"

"""Shapes of what a cloud asks about people. A name that has no value is left out."""

from typing import Annotated, Literal

from msgspec import Meta

from .binding_schema import IdentityId, Owned, StatusCode
from .schema import DeviceName, IotId, Ms, PageNo, ProductKey, Wire
from .thing_schema import NamedThing

OpenId = Annotated[str, Meta(min_length=1, max_length=1024, description="the person's id in another system")]
AppKey = Annotated[str, Meta(min_length=1, max_length=64, description="an app key of the project")]
Limit = Annotated[int, Meta(ge=1, le=100, examples=[20])]
Offset = Annotated[int, Meta(ge=0, le=1_000_000, examples=[0])]
Login = Annotated[str, Meta(max_length=254)]
LocationCode = Annotated[str, Meta(max_length=8, examples=["86"])]


class OpenIdQuery(Wire, frozen=True):
    open_id: OpenId
    open_id_app_key: AppKey


class IdentityQuery(Wire, frozen=True):
    identity_id: IdentityId


class IdentityOpenId(Wire, frozen=True):
    identity_id: IdentityId
    open_id_app_key: AppKey


class Whom(Wire, frozen=True):
    """A person by `identityId`, which wins, or by `openId` and `openIdAppKey`."""

    identity_id: IdentityId | None = None
    open_id: OpenId | None = None
    open_id_app_key: AppKey | None = None


class Account(Wire, frozen=True, omit_defaults=True):
    """Times in ms. `scopeId` is the project; `loginId` the same as `identityId`.

    `onlineStatus` is 1 where the person has logged in within the life of a session.
    """

    identity_id: str
    login_id: str
    tenant_id: str
    scope_id: str
    status: Annotated[str, Meta(examples=["0"])]
    login_source: str
    gmt_create: Ms
    gmt_modified: Ms
    online_status: Annotated[int, Meta(examples=[1])]
    last_login_time: Ms | None = None
    create_app_key: str | None = None
    nick_name: str | None = None
    login_name: str | None = None
    phone: str | None = None
    email: str | None = None
    avatar_url: str | None = None
    gender: str | None = None
    creator: str | None = None
    modifier: str | None = None
    sub_identity_limit_code: str | None = None


class AccountsQuery(Wire, frozen=True):
    offset: Offset
    count: Limit


class DevicesQuery(Whom, frozen=True, kw_only=True):
    limit: Limit = 100
    offset: Offset = 0


class UserDevice(Wire, frozen=True, omit_defaults=True):
    identity_id: str
    iot_id: str
    product_key: str
    device_name: str
    product_name: str
    product_image: str
    product_model: str
    category_image: str
    net_type: str
    thing_type: str
    status: StatusCode
    owned: Owned
    nick_name: str | None = None


class UserDevices(Wire, frozen=True):
    """An answer within the answer, as the vendor has it."""

    code: Annotated[int, Meta(examples=[200])]
    message: Annotated[str, Meta(examples=["success"])]
    data: list[UserDevice]


class UserUnbinding(Whom, frozen=True, kw_only=True):
    iot_id: IotId | None = None
    product_key: ProductKey | None = None
    device_name: DeviceName | None = None

    @property
    def thing(self) -> NamedThing:
        return NamedThing(self.iot_id, self.product_key, self.device_name)


class UnboundDevice(Wire, frozen=True, omit_defaults=True):
    iot_id: str
    product_key: str
    device_name: str
    success: bool
    message: str | None = None


class DeviceUsersQuery(Wire, frozen=True):
    iot_id: IotId
    page_no: PageNo
    page_size: Limit


class AccountDevice(Wire, frozen=True, omit_defaults=True):
    identity_id: str
    iot_id: str
    product_key: str
    device_name: str
    product_name: str
    owned: Owned
    nick_name: str | None = None


class DeviceUsers(Wire, frozen=True):
    total: int
    account_dev_list: list[AccountDevice]


class AccountUpdate(Wire, frozen=True):
    open_id_app_key: AppKey
    nick_name: Annotated[str, Meta(max_length=256)]
    open_id: OpenId | None = None
    identity_id: IdentityId | None = None


class Nothing(Wire, frozen=True):
    pass


class RegionQuery(Wire, frozen=True):
    """One of `phone`, `email` and `openId`."""

    phone: Login | None = None
    phone_location_code: LocationCode | None = None
    email: Login | None = None
    open_id: OpenId | None = None


class AccountRegionQuery(Wire, frozen=True):
    type: Literal["COUNTRY_CODE", "PHONE", "EMAIL", "GOOGLE_AUTHCODE", "THIRD_AUTHCODE"]
    country_code: Annotated[str, Meta(max_length=16, examples=["CN"])] | None = None
    phone: Login | None = None
    email: Login | None = None
    auth_code: Annotated[str, Meta(max_length=4096)] | None = None
    phone_location_code: LocationCode | None = None


class AccountRegion(Wire, frozen=True):
    """The same for everybody: a deployment is one region.

    `apiGatewayEndpoint` and `oaApiGatewayEndpoint` are the host of this call. Nothing answers at a push
    endpoint. `mqttEndpoint` is empty where the deployment has not been told its own.
    """

    region_id: str
    short_region_id: str
    region_english_name: str
    mqtt_endpoint: str
    api_gateway_endpoint: str
    oa_api_gateway_endpoint: str
    push_channel_endpoint: str


class Distribution(Wire, frozen=True):
    product_key: ProductKey
    device_names: Annotated[list[DeviceName], Meta(min_length=1, max_length=100)]
    binding_check: bool
    push_device_region_switch: bool


class Distributed(Wire, frozen=True):
    """`resultCode` is "0" done, "28612" bound to a person, "28505" no such product, "6100" no such device."""

    product_key: str
    device_name: str
    succeed: bool
    result_code: Annotated[str, Meta(examples=["0"])]


class BatchBinding(Whom, frozen=True, kw_only=True):
    project_id: Annotated[str, Meta(min_length=1, max_length=64)]
    device_list: Annotated[list[NamedThing], Meta(min_length=1, max_length=20)]


class BindResult(Wire, frozen=True, omit_defaults=True):
    """`bindCode`: 0 manager; 1 refused, another manages it; of a product whose devices are shared 2 member,
    3 manager; of one whose devices are taken over 4 manager, 5 manager and others unbound; 7 no such device;
    8 not allowed, for the person or the device has as many bindings as it may.
    """

    bind_code: Annotated[int, Meta(examples=[0])]
    iot_id: str | None = None
    product_key: str | None = None
    device_name: str | None = None

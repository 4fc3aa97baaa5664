"""What is said of products. Source: Feiyan 6.3, 7.2"""

from typing import Annotated, Literal

from msgspec import Meta, field

from .declaring import Beside
from .schema import IotId, Ms, PageNo, ProductKey, Wire

StatusEnv = Literal["dev", "release"]
Origin = Annotated[str, Meta(max_length=256, description="nothing is done with it")]
NetType = Annotated[
    int,
    Meta(description="0 LoRa, 3 Wi-Fi, 4 ZigBee, 5 Bluetooth, 6 cellular, 7 Ethernet, 8 other", examples=[3]),
]
NodeType = Annotated[int, Meta(description="0 device, 1 gateway", examples=[0])]
ReleaseStatus = Annotated[int, Meta(description="0 in development, 1 released", examples=[1])]
StatusName = Annotated[
    str, Meta(description="DEVELOPMENT_STATUS, RELEASE_STATUS", examples=["RELEASE_STATUS"])
]
ProductId = Annotated[int, Meta(description="the product as an integer", examples=[87634])]
PAGE = 100


class ProductOfThing(Wire, frozen=True):
    iot_id: IotId


class ProductOfKey(Wire, frozen=True):
    """Spelled `productkey` in the documents. Names are not translated."""

    product_key: ProductKey | None = None
    productkey: ProductKey | None = None
    origin: Origin | None = None
    user_type: Origin | None = None
    user_id: Origin | None = None
    language: Origin | None = None
    replace_origin: bool | None = None


class OfCategory(Wire, frozen=True):
    category_id: Annotated[int, Meta(ge=0, le=2**63 - 1, examples=[61])]


class OfProduct(Wire, frozen=True):
    product_key: ProductKey


class OfStatus(Wire, frozen=True):
    product_status_env: StatusEnv | None = None


class OfProductId(Wire, frozen=True):
    product_id: Annotated[str, Meta(min_length=1, max_length=32, examples=["5800041"])]


class ProductKeyShown(Wire, frozen=True):
    product_key: str


class Page(Wire, frozen=True):
    page_no: PageNo
    page_size: Annotated[int, Meta(ge=1, le=PAGE, examples=[10])]


class ProductFacts(Wire, frozen=True, kw_only=True):
    """Times in ms. `categoryId` is 0 and a text empty where the operator has said nothing."""

    product_key: str
    data_format: Annotated[str, Meta(examples=["ALINK_FORMAT"])]
    net_type: Annotated[str, Meta(examples=["NET_WIFI"])]
    product_secret: str
    node_type: Annotated[str, Meta(examples=["DEVICE"])]
    name: str
    region: Annotated[str, Meta(examples=["cn-shanghai"])]
    category_id: int
    gmt_create: Ms
    gmt_modified: Ms
    product_id: ProductId
    rbac_tenant_id: str
    image: str
    product_model: str


class ProductDetail(ProductFacts, frozen=True, kw_only=True):
    domain: str
    owner_domain: str
    category_key: str
    category_name: str
    access_method: Annotated[str, Meta(examples=["DATA_DIRECT"])]
    creator: str
    modifier: str
    aliyun_commodity_code: str
    connect_mode: str
    tenant_id: str


class AppProduct(ProductDetail, frozen=True, kw_only=True):
    status: StatusName


class CategoryProduct(ProductDetail, frozen=True, kw_only=True):
    status: ReleaseStatus


class CloudProduct(ProductFacts, frozen=True, kw_only=True):
    status: StatusName


class ListedProduct(ProductFacts, frozen=True, kw_only=True):
    status: ReleaseStatus


class SetUpProduct(Wire, frozen=True, kw_only=True):
    """A product whose devices can be brought in. Times in ms."""

    gmt_create: Ms
    gmt_modified: Ms
    name: str
    category_id: int
    description: str
    tenant_id: str
    region: str
    status: ReleaseStatus
    product_key: str
    net_type: NetType
    data_format: Annotated[int, Meta(description="0 the product's own format, 1 Alink", examples=[1])]
    node_type: NodeType
    category_key: str
    category_name: str
    image: str
    access_method: Annotated[int, Meta(examples=[0])]


class GuideShown(Wire, frozen=True, kw_only=True):
    """One way to bring a device in; a lower `order` is tried first."""

    id: int
    product_key: str
    dn_guide_icon: str
    dn_copywriting: str
    button_copywriting: str
    help_title: str
    help_icon: str
    help_copywriting: str
    strategy: str
    order: int
    alert_message: str
    gmt_create: Ms
    gmt_modified: Ms


class Amount(Wire, frozen=True):
    product_key: ProductKey
    amount: Annotated[int, Meta(examples=[100])]


class Names(Wire, frozen=True):
    product_key: ProductKey
    device_names: Annotated[list[Annotated[str, Meta(max_length=128)]], Meta(max_length=1000)]


class BatchMade(Beside, frozen=True):
    """The batch stands in `data`, where published examples have it, and under the name of the table."""

    data: str
    batch_id: str


class BatchOfNames(Wire, frozen=True):
    product_key: ProductKey
    batch_id: Annotated[str, Meta(min_length=1, max_length=64)]


class CertificatesPage(Wire, frozen=True):
    apply_id: Annotated[str, Meta(min_length=1, max_length=64)]
    page_no: PageNo
    page_size: Annotated[int, Meta(ge=1, le=200, examples=[100])]


class CertificateShown(Wire, frozen=True):
    """`activeTime` is null before the first contact, else ms as text. `deviceId` is the device's name."""

    iot_id: str
    product_key: str
    device_name: str
    device_secret: str
    active_time: str | None
    status: Annotated[int, Meta(description="0 never connected, 1 online, 3 offline, 8 disabled")]
    device_id: str


class Certificates(Wire, frozen=True):
    total_num: int
    page_no: int
    page_size: int
    items: list[CertificateShown]


class RecorderPage(Wire, frozen=True):
    batch_id: Annotated[str, Meta(min_length=1, max_length=64)]
    product_key: ProductKey
    page_no: PageNo
    page_size: Annotated[int, Meta(ge=1, le=20, examples=[10])]


class Triple(Wire, frozen=True):
    iot_id: str
    product_key: str
    device_name: str
    device_secret: str


class Recorder(Wire, frozen=True):
    """A video recorder with the cameras behind it."""

    ipc_num: int
    nvr_device_cert_info: Triple
    sub_device_cert_list: list[Triple]


class Recorders(Wire, frozen=True):
    """`total` and `totalNum` are the same."""

    total: int
    total_num: int
    page_no: int
    page_size: int
    certificates: list[Recorder] = field(name="NvrDeviceCertList")


class ProjectPage(Wire, frozen=True):
    page_no: PageNo
    page_size: Annotated[int, Meta(ge=1, le=20, examples=[10])]


class Project(Wire, frozen=True):
    """An application with its tenant's products. `gmtCreate` in ms."""

    tenant_id: str
    project_id: str
    isolation_id: str
    name: str
    description: str
    product_count: int
    app_count: Annotated[int, Meta(description="keys")]
    account_count: int
    develop_count: int
    publish_count: int
    gmt_create: Ms
    share: Annotated[bool, Meta(examples=[False])]


class Projects(Wire, frozen=True):
    total: int
    page_no: int
    page_size: int
    data: list[Project]

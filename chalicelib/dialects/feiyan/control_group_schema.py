"""What is said of control groups. Source: Feiyan 6.8.21 to 6.8.33"""

from typing import Annotated, Any

from msgspec import Meta

from .home_schema import HomeId, Identifiers, IotIds, Name, PagedHome, Place
from .schema import Identifier, Ms, PageNo, ProductKey, Wire

ControlGroupId = Annotated[str, Meta(min_length=1, max_length=64, description="the control group's id")]
LargePageSize = Annotated[int, Meta(ge=1, le=50, examples=[10])]
Values = Annotated[dict[str, Any], Meta(examples=[{"PowerSwitch": 1}], description="by identifier")]


class NewControlGroup(Wire, frozen=True):
    """2 to 100 devices of the product that are in the home, and in no other group."""

    home_id: HomeId
    name: Name
    product_key: ProductKey
    iot_id_list: IotIds
    enable_local_control: bool = False


class ControlGroupKey(Wire, frozen=True):
    home_id: HomeId
    control_group_id: ControlGroupId


class ControlGroupKeys(Wire, frozen=True):
    home_id: HomeId
    control_group_id_list: Annotated[list[ControlGroupId], Meta(max_length=100)]


class ControlGroupChange(ControlGroupKey, frozen=True):
    name: Name


class ControlGroup(Wire, frozen=True):
    control_group_id: str
    name: str
    product_key: str
    product_image: str
    create_millis: Ms


class ControlGroupPage(Wire, frozen=True):
    total: int
    page_no: int
    page_size: int
    data: list[ControlGroup]


class MemberQuery(PagedHome, frozen=True, kw_only=True):
    control_group_id: ControlGroupId
    property_identifiers: Identifiers | None = None


class ControlGroupFilling(ControlGroupKey, frozen=True):
    iot_id_list: IotIds


class ProductQuery(Wire, frozen=True):
    home_id: HomeId
    page_no: PageNo
    page_size: LargePageSize


class GroupableProduct(Wire, frozen=True):
    product_key: str
    product_name: str
    product_image: str


class GroupableProductPage(Wire, frozen=True):
    total: int
    page_no: int
    page_size: int
    data: list[GroupableProduct]


class ControlGroupMove(ControlGroupKey, frozen=True):
    target_order: Place


class ControlGroupValues(Wire, frozen=True):
    control_group_id: ControlGroupId
    items: Values


class ControlGroupInvocation(Wire, frozen=True):
    control_group_id: ControlGroupId
    identifier: Identifier
    args: Values

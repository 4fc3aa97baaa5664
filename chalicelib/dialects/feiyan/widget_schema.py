"""Widgets. Source: Feiyan 6.5"""

from typing import Annotated, Any

from msgspec import Meta, field

from .schema import DeviceName, IotId, ProductKey, Wire


class ComponentProperty(Wire, frozen=True):
    property_identifier: Annotated[str, Meta(min_length=1, max_length=512)]


class Component(Wire, frozen=True):
    """`iotId` counts, the names are the app's own. `properties` are identifiers, or objects that have one."""

    iot_id: IotId | None = None
    device_id: IotId | None = None
    product_key: ProductKey | None = None
    device_name: DeviceName | None = None
    product_name: Annotated[str, Meta(max_length=256)] | None = None
    properties: (
        Annotated[
            list[ComponentProperty | Annotated[str, Meta(min_length=1, max_length=512)]], Meta(max_length=50)
        ]
        | None
    ) = None


class Components(Wire, frozen=True):
    """The list may stand in another list."""

    component_product_list: Annotated[
        list[Component | Annotated[list[Component], Meta(max_length=100)]], Meta(max_length=100)
    ]


class PropertyShown(Wire, frozen=True):
    """`propertyValue` is text, null where the device has never reported it."""

    property_identifier: str
    property_name: str
    property_value: str | None
    property_data_type: str


class ComponentShown(Wire, frozen=True):
    product_key: str
    device_name: str
    iot_id: str
    properties: list[PropertyShown]
    nick_name: str | None
    product_name: str
    icon_url: str
    device_status: int


class ComponentQuery(Wire, frozen=True):
    """All properties of the device, whatever `query` says."""

    product_key: ProductKey
    iot_id: IotId
    query: Any = None


class PropertyChoice(Wire, frozen=True):
    """`dataType` and `propertyDataType` are the same."""

    product_key: str
    property_name: str
    property_identifier: str
    property_value: str | None
    property_data_type: str
    data_type: str
    added_component: bool = field(name="added_component")

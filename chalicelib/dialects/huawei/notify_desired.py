"""What Huawei's platform pushes of desired values. Source: Huawei 1.8.14"""

from typing import Any

import msgspec

from ...core.callbacks import Notification
from ...core.events import Event
from .api import api
from .schema import Wire

KIND = "deviceDesiredPropertiesModifyStatusChanged"


class DesiredStatusChanged(Wire, frozen=True, rename="camel"):
    """`status` is DELIVERED or FAILED."""

    notify_type: str
    device_id: str
    service_id: str
    properties: dict[str, Any]
    status: str


api.webhook(
    KIND,
    DesiredStatusChanged,
    source="Huawei 1.8.14",
    summary="A device took over desired values of a service, or did not in time.",
)


def render(event: Event) -> list[Notification]:
    """One for each service and call."""
    return [
        Notification(
            KIND,
            msgspec.json.encode(
                DesiredStatusChanged(KIND, event.source, one["service"], one["properties"], one["status"])
            ),
        )
        for one in event.data["changes"]
    ]

"""Letting devices join a gateway: it is told for how long it may take them.

Nothing is stored: a gateway that is not there is not told later, because who asks stands before it.

Source: Feiyan 6.9.7
"""

from ..aws import iot
from ..aws.iot import Outcome
from ..store.devices import LINK, LinkRecord
from . import downlink, products, sending, thing_access
from .applications import Caller
from .downlink import PermitDownlink
from .errors import DeviceOffline, DeviceSilent, InvalidInput
from .products import NodeType

FOREVER, NEVER = 0, 65_535  # s
CONFIRM_WITHIN = 2  # s


def permit(caller: Caller, gateway: str, seconds: int, product: str | None = None) -> None:
    """Tell the gateway to take devices for so many seconds; FOREVER and NEVER mean that. `product`, a short
    id, narrows it to devices of one.

    Two AWS calls, one more where a product is named. Raises NotBound, DeviceNotFound, InvalidInput
    where it is no gateway or cannot be told, ProductNotFound, DeviceOffline, DeviceSilent where it did not
    acknowledge.
    """
    record, parts = thing_access.read(caller, gateway, LINK)
    if record.node_type != NodeType.GATEWAY.value:
        raise InvalidInput("gateway", "is no gateway")
    if not FOREVER <= seconds <= NEVER:
        raise InvalidInput("time", f"must be {FOREVER} to {NEVER} seconds")
    if product is not None:
        products.find_by_short_id(caller.tenant, product)
    link = parts.get(LINK, LinkRecord)
    if link is None or not sending.is_reachable(record, link):
        raise DeviceOffline(gateway)
    message = downlink.encode_permit(link.dialect, PermitDownlink(seconds, product, link.topic_id))
    if message is None:
        raise InvalidInput("gateway", "has no message for it")
    outcome = iot.send(link.client, message.topic, message.payload, within=CONFIRM_WITHIN)
    if outcome is Outcome.NO_CONNECTION:
        raise DeviceOffline(gateway)
    if outcome is Outcome.UNCONFIRMED:
        raise DeviceSilent(gateway)

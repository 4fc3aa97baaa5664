"""An application ends all bindings to a device, and to what is behind it.

Source: Feiyan 7.4.4
"""

import msgspec

from ..aws import queues
from . import bindings, children, clock, device_names, devices, products
from .applications import Caller
from .binding_ends import Reason
from .devices import Device
from .errors import Busy
from .products import NodeType, Product

UNBIND_BEHIND = "unbind-behind"
CHILDREN_AT_ONCE = 100  # of a gateway, before the call answers and by each job


class Ended(msgspec.Struct, frozen=True):
    """`done` is False where others kept changing the bindings."""

    device: Device
    product: Product | None
    done: bool


def unbind(caller: Caller, device: str) -> list[Ended]:
    """The device first, then the first CHILDREN_AT_ONCE of what is behind it; more in the background.

    Three AWS calls, of a gateway three more and two a device behind it. Raises DeviceNotFound.
    """
    found, now = devices.get(caller, device), clock.now()
    ended = [Ended(found, products.load(found.product), _end(device))]
    if found.node_type is NodeType.GATEWAY:
        below = sorted(children.children_of(device))
        some = below[:CHILDREN_AT_ONCE]
        for ident, child in device_names.read(caller, some).items():
            ended.append(Ended(child.device, child.product, _end(ident)))
        if len(below) > len(some):
            queues.work(UNBIND_BEHIND, gateway=device, before=now, after=some[-1])
    return ended


def perform(gateway: str, before: int, after: str) -> None:
    """The background job: end bindings no younger than `before` (ms) to what is behind the gateway, ids
    beyond `after`. Harmless to repeat. Two AWS calls a device.
    """
    below = [each for each in sorted(children.children_of(gateway)) if each > after]
    for each in below[:CHILDREN_AT_ONCE]:
        holders = bindings.of_device(each)
        if holders and holders[0].bound <= before:
            bindings.end_all(each, Reason.BY_APPLICATION)
    if len(below) > CHILDREN_AT_ONCE:
        queues.work(UNBIND_BEHIND, gateway=gateway, before=before, after=below[CHILDREN_AT_ONCE - 1])


def _end(device: str) -> bool:
    try:
        bindings.end_all(device, Reason.BY_APPLICATION)
    except Busy:
        return False
    return True

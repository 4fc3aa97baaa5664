"""Bindings, as the cloud of a project sees and changes them. Source: Feiyan 7.4"""

from ....core import batch_binding, binding_lists, bindings, device_names, forced_unbinding, products
from ....core import errors as core
from ....core.applications import Caller
from ....core.batch_binding import Outcome, Tried
from ....core.binding_ends import Reason
from ....core.binding_lists import Bound, Held, Holding, Wanted
from ....core.bindings import Mode
from ....core.device_names import Found
from ....core.forced_unbinding import Ended
from ....core.users import User
from ....web.operations import Call
from .. import cloud_user_schema as schema
from .. import mapping, thing_mapping
from ..declaring import cloud, either
from ..thing_schema import NamedThing
from .cloud_users import user_of

BUSY = "others keep changing its bindings"
DONE, BOUND, NO_PRODUCT, NO_DEVICE = "0", "28612", "28505", "6100"
BIND_CODES: dict[tuple[Outcome, Mode | None], int] = {
    (Outcome.MANAGER, Mode.AUTHORIZED): 0,
    (Outcome.MEMBER, Mode.SHARED): 2,
    (Outcome.MANAGER, Mode.SHARED): 3,
    (Outcome.MANAGER, Mode.SEIZED): 4,
    (Outcome.SEIZED, Mode.SEIZED): 5,
}
OTHERWISE = {Outcome.REFUSED: 1, Outcome.ABSENT: 7, Outcome.FULL: 8}


@cloud("/cloud/device/queryByUser", "1.0.6", source="Feiyan 7.4.2", raises=(core.UserNotFound,))
def list_user_devices(call: Call[None, None, schema.DevicesQuery]) -> schema.UserDevices:
    """The devices a person is bound to, in the person's order. Three AWS calls, whatever their number, four
    by open id.
    """
    body = call.body
    user = user_of(call.caller, body)
    part = binding_lists.of_person(call.caller, user.id, Wanted(), body.offset, body.limit)
    return schema.UserDevices(200, "success", [_device(user, each) for each in part.items])


def _device(user: User, found: Bound) -> schema.UserDevice:
    binding = found.binding
    return schema.UserDevice(
        **mapping.device_facts(found.device, found.product),
        identity_id=user.id,
        owned=mapping.owned(binding.role),
        nick_name=binding.nickname,
    )


@cloud(
    "/cloud/user/device/unbind",
    "1.0.5",
    source="Feiyan 7.4.3",
    raises=(core.UserNotFound, core.DeviceNotFound, core.NotBound, core.Busy),
)
def unbind_user(call: Call[None, None, schema.UserUnbinding]) -> str:
    """End a person's binding; a manager's ends with everybody's. Three AWS calls; by names up to three
    more, by open id one.
    """
    body = call.body
    user = user_of(call.caller, body)
    bindings.unbind(user.id, body.iot_id or _named(call.caller, body.thing), Reason.BY_APPLICATION)
    return ""


def _named(caller: Caller, thing: NamedThing) -> str:
    """The project's device of this product and name. Raises DeviceNotFound."""
    name = either("iotId", thing.product_key), either("deviceName", thing.device_name)
    found = device_names.named(caller, [name]).get(name)
    if found is None:
        raise core.DeviceNotFound(name[1])
    return found.device.device


@cloud(
    "/living/cloud/user/binding/device/unbind", "1.0.1", source="Feiyan 7.4.4", raises=(core.DeviceNotFound,)
)
def unbind_device(call: Call[None, None, NamedThing]) -> list[schema.UnboundDevice]:
    """End all bindings to a device and, of a gateway, to what is behind it; also where nobody is bound.

    Three AWS calls; of a gateway three more and two for each device behind it. The first hundred of these
    are in the answer, more end in the background.
    """
    ended = forced_unbinding.unbind(call.caller, thing_mapping.device_of(call.caller, call.body))
    return [_unbound(each) for each in ended]


def _unbound(ended: Ended) -> schema.UnboundDevice:
    names = mapping.device_names(ended.device, ended.product)
    del names["product_name"]
    return schema.UnboundDevice(**names, success=ended.done, message=None if ended.done else BUSY)


@cloud("/living/user/device/binding/query", "1.0.0", source="Feiyan 7.4.6", raises=(core.DeviceNotFound,))
def list_device_users(call: Call[None, None, schema.DeviceUsersQuery]) -> schema.DeviceUsers:
    """The people bound to a device, the manager first. Two AWS calls."""
    body = call.body
    found = binding_lists.of_device(call.caller, body.iot_id)
    offset = (body.page_no - 1) * body.page_size
    shown = found.held[offset : offset + body.page_size]
    return schema.DeviceUsers(len(found.held), [_user(found, each) for each in shown])


def _user(found: Holding, held: Held) -> schema.AccountDevice:
    return schema.AccountDevice(
        **mapping.device_names(found.device, found.product),
        identity_id=held.user.id,
        owned=mapping.owned(held.binding.role),
        nick_name=held.binding.nickname,
    )


@cloud("/living/cloud/device/region/distribute", "1.0.0", source="Feiyan 7.4.12")
def distribute(call: Call[None, None, schema.Distribution]) -> list[schema.Distributed]:
    """Whether devices are where this deployment is, which they are: it has one region, so nothing is moved
    and no device is told. At most a hundred; two AWS calls, one more for each fifty after the first.
    """
    body = call.body
    names = [(body.product_key, name) for name in body.device_names]
    found = device_names.named(call.caller, names)
    missing = NO_DEVICE if found or _known(call.caller, body.product_key) else NO_PRODUCT
    return [_distributed(name, found.get(name), missing, check=body.binding_check) for name in names]


def _known(caller: Caller, product_key: str) -> bool:
    try:
        products.find_by_short_id(caller.tenant, product_key)
    except core.ProductNotFound:
        return False
    return True


def _distributed(
    name: tuple[str, str], found: Found | None, missing: str, *, check: bool
) -> schema.Distributed:
    code = DONE
    if found is None:
        code = missing
    elif check and found.manager is not None:
        code = BOUND
    return schema.Distributed(name[0], name[1], code == DONE, code)


@cloud(
    "/living/cloud/user/binding/device/batch/bind",
    "1.0.1",
    source="Feiyan 7.4.13",
    raises=(core.UserNotFound, core.ApplicationNotFound),
)
def bind_devices(call: Call[None, None, schema.BatchBinding]) -> list[schema.BindResult]:
    """Bind up to twenty devices to a person, each in the way of its product. One that is bound to the
    person already is answered as if it had been now.

    At most five AWS calls, and one to three a device.
    """
    body = call.body
    if body.project_id != call.caller.owner:
        raise core.ApplicationNotFound(body.project_id)
    user = user_of(call.caller, body)
    wanted = [
        each.iot_id or (either("iotId", each.product_key), either("deviceName", each.device_name))
        for each in body.device_list
    ]
    tried = batch_binding.bind(call.caller, user, wanted)
    return [_result(each, result) for each, result in zip(body.device_list, tried, strict=True)]


def _result(asked: NamedThing, tried: Tried) -> schema.BindResult:
    code = OTHERWISE.get(tried.outcome)
    if code is None:
        code = BIND_CODES[tried.outcome, tried.mode]
    if tried.found is None:
        return schema.BindResult(code, asked.iot_id, asked.product_key, asked.device_name)
    device, product = tried.found.device, tried.found.product
    return schema.BindResult(code, device.device, product.short_id, device.node_id)

"""People and their devices: lists both ways, names, order, the end of bindings.

A person sees the devices of the app's project only; a device of another, or one the person is not bound
to, is answered as one that is not bound.

Source: Feiyan 6.6
"""

from ....core import binding_ends, binding_lists, bindings, clock, homes, users
from ....core import errors as core
from ....core.binding_lists import Bound, Held, Holding, Wanted
from ....core.binding_reads import Move, Role
from ....core.products import NodeType
from ....core.users import Person, User
from ....web.operations import Call
from .. import binding_schema as schema
from .. import mapping
from ..declaring import client, either

ROLES = {mapping.OWNER: Role.MANAGER, mapping.SHARED: Role.MEMBER}
NODE_TYPES = {"GATEWAY": NodeType.GATEWAY, "DEVICE": NodeType.ENDPOINT}


@client("/uc/listBindingByAccount", "1.0.8", source="Feiyan 6.6.1", raises=(core.HomeNotFound,))
def list_bindings(call: Call[None, None, schema.BindingsQuery]) -> schema.BoundDevices:
    """The devices the person is bound to, in the person's order, or in that of a home or room.

    Newly bound ones come first until they are sorted. Two AWS calls, whatever their number; with `groupId`
    one more; `nodeType` and `isSubDevice` look at each bound device, a hundred a call.
    """
    person: Person = call.caller
    body = call.body
    wanted = Wanted(
        role=None if body.owned is None else ROLES[body.owned],
        node_type=NODE_TYPES[body.node_type] if body.node_type else None,
        child=body.is_sub_device,
        space=body.group_id or None,
    )
    items: list[schema.BoundDevice] = []
    total = 0
    if body.thing_type in (None, mapping.THING_TYPE):
        offset = (body.page_no - 1) * body.page_size
        part = binding_lists.of_person(person, person.user, wanted, offset, body.page_size)
        user = users.known(person.user)
        items, total = [_bound(user, each) for each in part.items], part.total
    return schema.BoundDevices(total, body.page_no, body.page_size, items)


def _bound(user: User, found: Bound) -> schema.BoundDevice:
    device, product, binding = found.device, found.product, found.binding
    child = device.gateway != device.device
    return schema.BoundDevice(
        **mapping.device_facts(device, product),
        **mapping.binding_facts(user, binding),
        node_type=mapping.node_type(device),
        gmt_modified=binding.bound,
        bind_time=binding.bound,
        sub_device=child,
        is_sub_device=child,
        is_edge_gateway=False,
        category_key=product.category_key if product else None,
        panel_page_router_url=product.panel if product else None,
    )


@client("/uc/listBindingByDev", "1.0.6", source="Feiyan 6.6.2", raises=(core.NotBound,))
def list_holders(call: Call[None, None, schema.HoldersQuery]) -> schema.DeviceHolders:
    """The people bound to a device that the caller is bound to, the manager first. Two AWS calls."""
    body, person = call.body, call.caller
    try:
        found = binding_lists.of_device(person, either("iotId", body.iot_id, body.device_id))
    except core.DeviceNotFound as error:
        raise core.NotBound(str(error)) from error
    if all(each.user.id != person.user for each in found.held):
        raise core.NotBound(found.device.device)
    held = [each for each in found.held if body.owned is None or each.binding.role is ROLES[body.owned]]
    offset = (body.page_no - 1) * body.page_size
    items = [_holder(found, each) for each in held[offset : offset + body.page_size]]
    return schema.DeviceHolders(len(held), body.page_no, body.page_size, items)


def _holder(found: Holding, held: Held) -> schema.DeviceHolder:
    device = found.device
    return schema.DeviceHolder(
        **mapping.device_facts(device, found.product),
        **mapping.binding_facts(held.user, held.binding),
        node_type=int(device.node_type is NodeType.GATEWAY),
        gmt_modified=held.binding.modified,
        description=device.description,
    )


@client(
    "/uc/sortDevices", "1.0.6", source="Feiyan 6.6.3", raises=(core.NotBound, core.HomeNotFound, core.Busy)
)
def sort_devices(call: Call[None, None, schema.SortedDevices]) -> None:
    """Move devices in the person's list or, with `groupId`, in that home's; the others keep their order.

    Two AWS calls, whatever their number.
    """
    moves: list[Move] = []
    for each in call.body.moved:
        moves += [
            Move(one.iot_id, one.to_order, one.from_order)
            for one in (each if isinstance(each, list) else [each])
        ]
    binding_lists.sort(call.caller, moves, call.body.group_id or None)


@client("/uc/setDeviceNickName", "1.0.6", source="Feiyan 6.6.11", raises=(core.NotBound,))
def set_nickname(call: Call[None, None, schema.DeviceNickname]) -> None:
    """What the person calls a device; others do not see it. One AWS call."""
    bindings.set_nickname(call.caller.user, call.body.iot_id, call.body.nick_name)


@client("/uc/unbindAccountAndDev", "1.0.9", source="Feiyan 6.6.12", raises=(core.NotBound, core.Busy))
def unbind(call: Call[None, None, schema.Unbinding]) -> schema.Unbound:
    """End the person's binding; that of a manager ends with everybody's.

    Two AWS calls. With `unbindSubdevice` two more and two for each device behind the gateway: the first
    twenty before this answers, the rest in the background.
    """
    person: Person = call.caller
    body, now = call.body, clock.now()
    ended = bindings.unbind(person.user, body.iot_id)
    managed = any(each.user == person.user and each.role is Role.MANAGER for each in ended)
    if body.unbind_subdevice and managed:
        binding_ends.unbind_children(person.user, body.iot_id, now)
    return schema.Unbound()


@client("/uc/getByAccountAndDev", "1.0.6", source="Feiyan 6.6.13", raises=(core.DeviceNotFound,))
def get_relation(call: Call[None, None, schema.DeviceRequest]) -> schema.Relation:
    """How the person is bound to a device of the project; empty where that is not so. One AWS call."""
    person: Person = call.caller
    found = binding_lists.relation(person, call.body.iot_id)
    if found.binding is None:
        return schema.Relation()
    return schema.Relation(
        **mapping.device_facts(found.device, found.product),
        **mapping.binding_facts(users.known(person.user), found.binding),
        node_type=mapping.node_type(found.device),
        gmt_modified=found.binding.modified,
    )


@client(
    "/uc/unbindByManager",
    "1.0.6",
    source="Feiyan 6.6.14",
    raises=(core.NotBound, core.NotManager, core.HomeNotFound, core.Busy),
)
def unbind_by_manager(call: Call[None, None, schema.ManagersUnbinding]) -> None:
    """The manager of devices ends another person's bindings to them, to all or to none.

    One AWS call, and two a device; of a home instead of a list two more.
    """
    body = call.body
    if body.iot_id_list is None and body.group_id is None and body.scene_id_list is None:
        raise core.InvalidInput("iotIdList", "is missing", missing=True)
    binding_lists.unbind_by_manager(
        call.caller, body.target_identity_id, body.iot_id_list, body.group_id or None
    )


@client("/living/user/profile/get", "1.0.0", source="Feiyan 6.6.28")
def get_profile(call: Call[None, None, None]) -> schema.Profile:
    """The current home, and how many devices others share with the person. Three AWS calls, one more a
    hundred devices.
    """
    total, online = binding_lists.shared_with(call.caller)
    return schema.Profile(total, online, homes.current_home(call.caller.user))

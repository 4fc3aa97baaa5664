"""Having things do something, for an app's people. Source: Feiyan 6.4"""

from ....core import clock, extended_properties, factory_resets, thing_calls
from ....core import errors as core
from ....web.operations import Call
from .. import errors
from .. import thing_mapping as mapping
from .. import thing_schema as wire
from ..declaring import client
from ..errors import Faults
from .things import UNBOUND

DIALECT = "feiyan"
WAIT = 6 * clock.SECOND  # of the 7 s that a call may take
NO_ANSWER: Faults = {core.DeviceSilent: errors.of(503), core.DeviceRefused: errors.of(400)}
REFUSED = (
    core.NotBound,
    core.DeviceOffline,
    core.DeviceSilent,
    core.DeviceRefused,
    core.CommandTypeNotFound,
)


@client(
    "/thing/properties/set",
    "1.0.5",
    source="Feiyan 6.4.4",
    raises=(core.NotBound, core.Busy),
    faults=UNBOUND,
)
def set_thing_properties(call: Call[None, None, wire.PropertyChange]) -> None:
    """Have a thing take these values: all, or none where one is wrong.

    A connected thing is told at once, any other when it comes back. At most three AWS calls; with product and
    name in place of the id one more.
    """
    device = mapping.device_of(call.caller, call.body)
    thing_calls.set_properties(call.caller, device, call.body.items)


@client(
    "/thing/service/invoke",
    "1.0.5",
    source="Feiyan 6.4.9",
    raises=REFUSED,
    faults={**UNBOUND, **NO_ANSWER},
)
def invoke_thing_service(call: Call[None, None, wire.Invocation]) -> wire.Invoked:
    """Call a service of a thing. One that its model calls synchronous is answered with what the thing says,
    within 6 s, or with 503 where it says nothing.

    Three AWS calls; a synchronous one and up to five more.
    """
    asked = call.body
    made = thing_calls.invoke(
        call.caller, asked.iot_id, asked.identifier, asked.args, dialect=DIALECT, wait=WAIT
    )
    return wire.Invoked(made.output, made.message)


@client(
    "/living/device/reset",
    "1.0.1",
    source="Feiyan 6.4.11",
    raises=(core.NotBound, core.DeviceOffline),
    faults=UNBOUND,
)
def reset_thing(call: Call[None, None, wire.ResetRequest]) -> str:
    """Have a thing forget its settings, and the cloud its history and state; answers the id of the task.

    A thing that is offline is refused unless `offlineReset` says otherwise: then it is told when it comes
    back. Three AWS calls.
    """
    return factory_resets.begin(call.caller, call.body.iot_id, DIALECT, offline=call.body.offline_reset)


@client(
    "/living/device/reset/task/state/get",
    "1.0.0",
    source="Feiyan 6.4.12",
    raises=(core.TaskNotFound,),
)
def get_reset_state(call: Call[None, None, wire.ResetTask]) -> str:
    """How a reset goes: RUNNING, SUCCESS, FAILED or TIMEOUT; of 90 days.

    One AWS call, two where another person began it.
    """
    return factory_resets.get(call.caller, call.body.task_id).state.value


@client(
    "/thing/extended/property/set",
    "1.0.4",
    source="Feiyan 6.4.13",
    raises=(core.NotBound, core.TooManyProperties),
    faults=UNBOUND,
)
def set_thing_note(call: Call[None, None, wire.NewNote]) -> None:
    """Write down something about a thing, under a name of one's own: ten names a thing, 32 KB in all.

    Two AWS calls.
    """
    given = {call.body.data_key: extended_properties.of_text(call.body.data_value)}
    extended_properties.put(call.caller, call.body.iot_id, given)


@client(
    "/thing/extended/property/get", "1.0.4", source="Feiyan 6.4.14", raises=(core.NotBound,), faults=UNBOUND
)
def get_thing_note(call: Call[None, None, wire.Note]) -> str | None:
    """What was written down about a thing under a name; null where nothing was. One AWS call."""
    found = extended_properties.read(call.caller, call.body.iot_id).get(call.body.data_key)
    return None if found is None else extended_properties.to_text(found)


@client(
    "/thing/extended/property/delete",
    "1.0.0",
    source="Feiyan 6.4.15",
    raises=(core.NotBound, core.ExtendedPropertyNotFound),
    faults=UNBOUND,
)
def delete_thing_note(call: Call[None, None, wire.Note]) -> None:
    """Take away what was written down about a thing under a name. Two AWS calls."""
    extended_properties.remove(call.caller, call.body.iot_id, call.body.data_key)

"""The phones that a person's messages are to reach. Source: Feiyan 6.6"""

from ....core import errors as core
from ....core import push_channels
from ....web.operations import Call
from .. import binding_schema as schema
from ..declaring import client


@client("/uc/bindPushChannel", "1.0.6", source="Feiyan 6.6.18", raises=(core.Busy,))
def bind_push_channel(call: Call[None, None, schema.PushChannel]) -> None:
    """The phone is the person's, and nobody else's, from now on. Of more than twenty the oldest goes.

    Three AWS calls.
    """
    push_channels.bind(call.caller, call.body.device_id, call.body.device_type.upper())


@client("/uc/unbindPushChannel", "1.0.6", source="Feiyan 6.6.19")
def unbind_push_channel(call: Call[None, None, schema.PushChannelEnd]) -> None:
    """The phone is the person's no more; harmless where it was not. One AWS call."""
    push_channels.unbind(call.caller, call.body.device_id)

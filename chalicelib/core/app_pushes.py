"""News of devices to the apps of the people who are bound to them, over the apps' long connections.

Nothing is kept for an app that is not there, and nothing is repeated: an app that connects asks for what it
missed. AWS calls for a batch of events: a query for each of its devices that anybody was ever bound to, which
the event itself tells; those of `app_channels.online`; and one for each message to each connection. A device
that nobody was bound to costs none.

Source: Feiyan 6.1.2
"""

from collections.abc import Sequence

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from ..aws import iot
from ..aws.iot import Outcome
from ..logs import logger
from ..metrics import count
from . import app_channels, bindings

CHANNEL = "{channel}"  # in a topic: where the channel's own id stands


class Push(msgspec.Struct, frozen=True):
    """Goes to everybody who is bound to `device`. `topic` has CHANNEL in it."""

    device: str
    topic: str
    payload: bytes


def tell(pushes: Sequence[Push]) -> None:
    """Send these in their order. What cannot be sent is counted and left; only reading raises."""
    people = {
        device: [each.user for each in bindings.of_device(device)]
        for device in dict.fromkeys(each.device for each in pushes)
    }
    there: dict[str, list[app_channels.Online]] = {}
    for each in app_channels.online(user for users in people.values() for user in users):
        there.setdefault(each.user, []).append(each)
    over: set[str] = set()
    for push in pushes:
        for user in people[push.device]:
            for target in there.get(user, ()):
                if target.client not in over and not _send(target, push):
                    over.add(target.client)


def _send(target: app_channels.Online, push: Push) -> bool:
    """False where the connection is over."""
    topic = push.topic.replace(CHANNEL, target.topic_id)
    try:
        outcome = iot.send(target.client, topic, push.payload, confirm=False)
        if outcome is Outcome.NO_CONNECTION:
            app_channels.lost(target)
    except (BotoCoreError, ClientError) as error:
        logger().warning("a push to an app was not taken", exc_info=error)
        count("AppPushes", outcome="failed")
        return True
    count("AppPushes", outcome="gone" if outcome is Outcome.NO_CONNECTION else "sent")
    return outcome is not Outcome.NO_CONNECTION

"""The outbox table's stream: each new event is rendered by every dialect and put on its way, told to the
apps of the people it concerns, then heard by the automations.

An event that a dialect cannot render is a defect that no repetition cures: it is kept in the
dead-letter queue, logged, and the events behind it go on.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.exceptions import PynamoDBException

from .. import context
from ..core import app_pushes, automation_watch, callbacks, events, fanout
from ..core.app_pushes import Push
from ..core.callbacks import Notification
from ..core.events import Event
from ..core.fanout import Told
from ..logs import logger
from ..store.outbox import EventRecord
from ..store.transactions import StoreError

DIALECTS = ("huawei", "xlink")  # those that push
CHANNELS = ("feiyan",)  # those whose apps have long connections
AWS_FAILED = (BotoCoreError, ClientError, PynamoDBException, StoreError)

Render = Callable[[Event], Sequence[Notification]]


def dispatch(event: Mapping[str, Any]) -> None:
    """Raises where AWS fails, so that the stream comes again. Harmless to repeat."""
    context.begin(operation="dispatch")
    heard: list[Event] = []
    for change in event["Records"]:
        if change["eventName"] == "INSERT":  # the end of an event's life is no news
            heard += _heard(change["dynamodb"]["NewImage"])
    fanout.dispatch([told for happened in heard for told in _told(happened)])
    app_pushes.tell([push for happened in heard for push in _pushes(happened)])
    automation_watch.hear(heard)


def _heard(image: Mapping[str, Any]) -> list[Event]:
    try:
        happened = events.read(EventRecord.from_raw_data(dict(image)))
    except Exception as error:  # noqa: BLE001 - reading calls no AWS: what fails once fails always
        name = {key: image.get(key, {}).get("S", "") for key in ("owner", "source", "event")}
        _keep(name, error)
        return []
    return fanout.audience(happened)


def _told(happened: Event) -> list[Told]:
    """What each dialect says; what one cannot say keeps no other from it."""
    told: list[Told] = []
    for dialect in DIALECTS:
        try:
            told.append((happened, dialect, renderer(dialect)(happened)))
        except AWS_FAILED:  # a dialect may have to read the thing model
            raise
        except Exception as error:  # noqa: BLE001 - what else fails once fails always
            _keep({"owner": happened.owner, "source": happened.source, "event": happened.id}, error)
    return told


def _pushes(happened: Event) -> list[Push]:
    """What each dialect says over long connections. What one cannot say is logged, and kept nowhere: no
    app waits for it.
    """
    pushes: list[Push] = []
    for dialect in CHANNELS:
        try:
            pushes += pusher(dialect)(happened)
        except AWS_FAILED:
            raise
        except Exception as error:  # noqa: BLE001 - as above
            logger().error("a push cannot be rendered", extra={"source": happened.source}, exc_info=error)
    return pushes


def _keep(name: dict[str, str], error: Exception) -> None:
    logger().error("an event cannot be rendered", extra=name, exc_info=error)
    callbacks.undeliverable(**name, reason=f"not rendered: {type(error).__name__}")


@cache
def renderer(dialect: str) -> Render:
    render: Render = import_module(f"chalicelib.dialects.{dialect}.notify").render
    return render


@cache
def pusher(dialect: str) -> Callable[[Event], Sequence[Push]]:
    render: Callable[[Event], Sequence[Push]] = import_module(
        f"chalicelib.dialects.{dialect}.app_pushes"
    ).render
    return render

"""Deleting whole fields. Source: device shadow 2.10, 2.11"""

from ....core import shadow_edits
from ....core.shadow_documents import Part
from ....core.shadow_edits import Target
from ....web.operations import Call
from ..api import api
from ..schema import Changed, Key, MessageId, Named, Timestamp
from .fields import SERVICE, WRITING, changed


class Deletion(Named, frozen=True, rename="camel", kw_only=True):
    """`timestamp` has to be the shadow's."""

    timestamp: Timestamp
    message_id: MessageId | None = None


class ReportedDeletion(Deletion, frozen=True, rename="camel", kw_only=True):
    reported_filed_key: Key


class DesiredDeletion(Deletion, frozen=True, rename="camel", kw_only=True):
    desired_filed_key: Key


def target(asked: Deletion) -> Target:
    return Target(asked.product_id, asked.device_id, asked.message_id or None)


@api.delete(f"{SERVICE}/reported", source="device shadow 2.10", raises=WRITING)
def delete_reported(call: Call[None, ReportedDeletion, None]) -> Changed:
    """Delete a reported field; one that is not there changes nothing."""
    asked = call.query
    return changed(
        shadow_edits.delete_field(
            call.caller, target(asked), Part.REPORTED, asked.reported_filed_key, asked.timestamp
        )
    )


@api.delete(f"{SERVICE}/desired", source="device shadow 2.11", raises=WRITING)
def delete_desired(call: Call[None, DesiredDeletion, None]) -> Changed:
    """Delete a desired field; one that is not there changes nothing.

    What of it waits to be sent is not sent any more.
    """
    asked = call.query
    return changed(
        shadow_edits.delete_field(
            call.caller, target(asked), Part.DESIRED, asked.desired_filed_key, asked.timestamp
        )
    )

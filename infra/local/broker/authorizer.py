"""The custom authorizer's contract: the event AWS sends for an MQTT connection, the answer AWS accepts."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.local.broker.limits import Limits
from infra.local.broker.packets import Connect
from infra.local.broker.policy import Policy, PolicyError, compact_json, read_policy

_PRINCIPAL_ID = re.compile(r"[a-zA-Z0-9]{1,128}")


class NotAuthorizedError(Exception):
    """The connection is refused; the message says why in one line, without credentials."""


@dataclass(frozen=True, slots=True)
class Grant:
    """An authenticated connection: who, with which rights, for how many seconds."""

    principal_id: str
    policy: Policy
    disconnect_after: int


def authorizer_event(connect: Connect, *, server_name: str, connection_id: str) -> dict[str, Any]:
    """What the authorizer function is invoked with; a field the client did not send is absent.

    Source: AWS IoT developer guide, "Defining your Lambda function" (custom-auth-lambda).
    """
    mqtt: dict[str, str] = {}
    if connect.username is not None:
        mqtt["username"] = connect.username
    if connect.password is not None:
        mqtt["password"] = base64.b64encode(connect.password).decode()
    if connect.client_id:
        mqtt["clientId"] = connect.client_id
    return {
        "signatureVerified": False,
        "protocols": ["tls", "mqtt"],
        "protocolData": {"tls": {"serverName": server_name}, "mqtt": mqtt},
        "connectionMetadata": {"id": connection_id},
    }


def read_answer(answer: object, *, client_id: str, limits: Limits, arn_prefix: str) -> Grant:
    """The grant in the authorizer's answer. Raises NotAuthorizedError for a refusal or a wrong answer."""
    if not isinstance(answer, Mapping):
        raise NotAuthorizedError(f"the authorizer answered {type(answer).__name__}, not an object")
    if answer.get("isAuthenticated") is not True:
        raise NotAuthorizedError("not authenticated")
    principal_id = answer.get("principalId")
    if not isinstance(principal_id, str) or not _valid_principal(principal_id, limits):
        raise NotAuthorizedError(f"principalId {principal_id!r} is not [a-zA-Z0-9]{{1,128}}")
    _seconds(answer, "refreshAfterInSeconds", limits)
    return Grant(
        principal_id=principal_id,
        policy=_policy(answer.get("policyDocuments"), client_id, limits, arn_prefix),
        disconnect_after=_seconds(answer, "disconnectAfterInSeconds", limits),
    )


def _valid_principal(principal_id: str, limits: Limits) -> bool:
    return not limits.principal_id_alphanumeric or _PRINCIPAL_ID.fullmatch(principal_id) is not None


def _seconds(answer: Mapping[str, Any], name: str, limits: Limits) -> int:
    value = answer.get(name, limits.disconnect_after_max)
    low, high = limits.disconnect_after_min, limits.disconnect_after_max
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise NotAuthorizedError(f"{name} {value!r} is not a number of seconds from {low} to {high}")
    return value


def _policy(documents: object, client_id: str, limits: Limits, arn_prefix: str) -> Policy:
    if not isinstance(documents, list):
        raise NotAuthorizedError("policyDocuments is not a list")
    if len(documents) > limits.policy_documents:
        raise NotAuthorizedError(f"{len(documents)} policyDocuments, at most {limits.policy_documents}")
    try:
        for document in documents:
            length = len(compact_json(document))
            if length > limits.policy_chars:
                raise NotAuthorizedError(
                    f"a policy document of {length} characters, at most {limits.policy_chars}"
                )
        return read_policy(documents, client_id=client_id, prefix=arn_prefix)
    except PolicyError as error:
        raise NotAuthorizedError(str(error)) from error

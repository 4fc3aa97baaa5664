"""IoT Core's custom authorizer: a dialect's login, then a policy for exactly that device's topics."""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from typing import Any

from .. import context
from ..core import admission, channel_admission
from ..core.admission import Admitted
from ..dialects.feiyan import login as feiyan
from ..dialects.huawei import login as huawei
from ..dialects.shadow import login as shadow
from ..metrics import count
from ..settings import settings

LOGINS = (huawei, shadow, feiyan)  # a dialect whose devices log in: its `claim` and `topics`
LASTS = 86_400  # s; a login is checked once: its time stamp would be too old at a later refresh
MOST_CHARACTERS = 2048  # of a policy document; there may be ten
REFUSED: Mapping[str, Any] = {"isAuthenticated": False}


def authorize(event: Mapping[str, Any]) -> dict[str, Any]:
    context.begin(request=(event.get("connectionMetadata") or {}).get("id"), operation="connect")
    answer = _authorize(event)
    count("Logins", outcome="admitted" if answer["isAuthenticated"] else "refused")
    return answer


def _authorize(event: Mapping[str, Any]) -> dict[str, Any]:
    mqtt = (event.get("protocolData") or {}).get("mqtt") or {}
    client_id, username = str(mqtt.get("clientId") or ""), str(mqtt.get("username") or "")
    try:
        password = base64.b64decode(mqtt.get("password") or "", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return dict(REFUSED)
    for login in LOGINS:
        claim = login.claim(client_id, username, password)
        if claim is None:
            continue
        prove = admission if claim.channel is None else channel_admission
        admitted = prove.admit(claim)
        if admitted is not None:
            context.note(dialect=claim.dialect, tenant=admitted.tenant, device=admitted.device)
            return _allowed(client_id, admitted, login.topics(admitted))
    return dict(REFUSED)


def _allowed(
    client_id: str, admitted: Admitted, topics: tuple[list[str], list[str], list[str]]
) -> dict[str, Any]:
    publish, subscribe, receive = topics
    connect = {
        "Effect": "Allow",
        "Action": "iot:Connect",
        "Resource": _arn("client", client_id),
        "Condition": {
            "ForAllValues:StringEquals": {"iot:ConnectAttributes": ["PersistentConnect", "LastWill"]}
        },
    }
    statements: list[Mapping[str, Any]] = [
        connect,
        {"Effect": "Allow", "Action": "iot:Publish", "Resource": [_arn("topic", t) for t in publish]},
        {
            "Effect": "Allow",
            "Action": "iot:Subscribe",
            "Resource": [_arn("topicfilter", t) for t in subscribe],
        },
        {"Effect": "Allow", "Action": "iot:Receive", "Resource": [_arn("topic", t) for t in receive]},
    ]
    return {
        "isAuthenticated": True,
        "principalId": admitted.device,
        "disconnectAfterInSeconds": LASTS,
        "refreshAfterInSeconds": LASTS,
        "policyDocuments": _documents(statements),
    }


def _documents(statements: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One document, or as many as it takes for the longest names."""
    documents: list[dict[str, Any]] = []
    for statement in statements:
        if documents:
            longer = {**documents[-1], "Statement": [*documents[-1]["Statement"], statement]}
            if len(json.dumps(longer, separators=(",", ":"))) <= MOST_CHARACTERS:
                documents[-1] = longer
                continue
        documents.append({"Version": "2012-10-17", "Statement": [statement]})
    return documents


def _arn(kind: str, name: str) -> str:
    return f"arn:aws:iot:{settings().region}:{settings().account}:{kind}/{name}"

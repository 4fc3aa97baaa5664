"""From a CONNECT packet to an accepted client: limits, the authorizer function, its policy."""

from __future__ import annotations

import asyncio
import logging
import uuid
from typing import TYPE_CHECKING

from infra.local.broker.authorizer import Grant, NotAuthorizedError, authorizer_event, read_answer
from infra.local.broker.checks import client_id_problem, publish_problem
from infra.local.broker.client import Client
from infra.local.broker.packets import ConnackCode, Connect
from infra.local.broker.policy import LAST_WILL, PERSISTENT_CONNECT
from infra.local.broker.presence import DisconnectReason, Identity

if TYPE_CHECKING:
    from infra.local.broker.hub import Hub
    from infra.local.broker.link import Link

log = logging.getLogger(__name__)

GENERATED_CLIENT_ID = "$GEN/{}"


async def admit(hub: Hub, link: Link, connect: Connect) -> None:
    """Accept the connection, or answer its CONNACK error with one log line saying why."""
    problem = client_id_problem(hub.limits, connect.client_id, clean_session=connect.clean_session)
    if problem is not None:
        log.warning("CONNECT refused: %s", problem)
        link.refuse(ConnackCode.IDENTIFIER_REJECTED)
        return
    session_id = str(uuid.uuid4())
    client_id = connect.client_id or GENERATED_CLIENT_ID.format(session_id)
    try:
        grant = await _authorize(hub, connect, client_id, session_id)
        ip_address, _ = link.address("peername")
        identity = Identity(client_id, grant.principal_id, session_id, ip_address)
        _check_policy(hub, connect, grant, identity)
    except NotAuthorizedError as error:
        log.warning("CONNECT of client %r refused: %s", client_id, error)
        link.refuse(ConnackCode.NOT_AUTHORIZED)
        return
    except Exception:
        # A defect must not leave the client waiting for its CONNACK for ever.
        log.exception("CONNECT of client %r failed", client_id)
        link.close(DisconnectReason.SERVER_ERROR)
        return
    if not link.closed:
        hub.attach(Client(link, connect, identity, grant))
        link.resume()


async def _authorize(hub: Hub, connect: Connect, client_id: str, connection_id: str) -> Grant:
    will = connect.will
    problem = publish_problem(hub.limits, will.topic, will.payload, will.qos) if will else None
    if problem is not None:
        raise NotAuthorizedError(f"will {problem}")
    event = authorizer_event(connect, server_name=hub.server_name, connection_id=connection_id)
    invocation = asyncio.get_running_loop().run_in_executor(
        hub.authorizers, hub.invoke, hub.authorizer, event
    )
    try:
        answer = await asyncio.wait_for(invocation, hub.limits.authorizer_timeout)
    except TimeoutError as error:
        raise NotAuthorizedError(f"the authorizer took over {hub.limits.authorizer_timeout} s") from error
    except Exception as error:
        raise NotAuthorizedError(f"the authorizer failed: {error!r}") from error
    return read_answer(answer, client_id=client_id, limits=hub.limits, arn_prefix=hub.arn_prefix)


def _check_policy(hub: Hub, connect: Connect, grant: Grant, identity: Identity) -> None:
    attributes = [] if connect.clean_session else [PERSISTENT_CONNECT]
    attributes += [LAST_WILL] if connect.will else []
    will = connect.will
    if not grant.policy.may_connect(attributes):
        hub.connect_failed(identity)
        raise NotAuthorizedError(f"no iot:Connect with attributes {attributes}")
    if will is not None and not grant.policy.may_publish(will.topic, retain=will.retain):
        hub.connect_failed(identity)
        raise NotAuthorizedError(f"its policy forbids the will on {will.topic!r}")

"""Direct messages to a connected MQTT client, and the end of a connection."""

from enum import Enum

from .clients import client

CONFIRM_WITHIN = 5


class Outcome(Enum):
    CONFIRMED = "confirmed"  # the client acknowledged it
    SENT = "sent"  # handed over, no acknowledgement asked for
    UNCONFIRMED = "unconfirmed"  # no acknowledgement in time; it may or may not have arrived
    NO_CONNECTION = "no connection"


def send(
    client_id: str, topic: str, payload: bytes, *, confirm: bool = True, within: int = CONFIRM_WITHIN
) -> Outcome:
    """`within` in seconds. One AWS call."""
    from botocore.exceptions import ClientError, ReadTimeoutError

    asked = {"confirmation": True, "timeout": within} if confirm else {"confirmation": False}
    try:
        client("iot-data").send_direct_message(clientId=client_id, topic=topic, payload=payload, **asked)
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code == "ResourceNotFoundException":
            return Outcome.NO_CONNECTION
        if code == "GatewayTimeoutException":
            return Outcome.UNCONFIRMED
        raise
    except ReadTimeoutError:
        return Outcome.UNCONFIRMED
    return Outcome.CONFIRMED if confirm else Outcome.SENT


def disconnect(client_id: str) -> None:
    """End the client's connection and session; nothing happens where there is none."""
    from botocore.exceptions import ClientError

    try:
        client("iot-data").delete_connection(clientId=client_id, cleanSession=True, preventWillMessage=True)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") != "ResourceNotFoundException":
            raise

"""SNS: what the operator's own programs learn of us."""

from .clients import client


def publish(topic: str, text: str, **attributes: str) -> None:
    """Subscribers may filter by the attributes. One AWS call."""
    client("sns").publish(
        TopicArn=topic,
        Message=text,
        MessageAttributes={
            name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
        },
    )

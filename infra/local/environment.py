"""The environment variables that the app reads, set before it is imported and put back afterwards."""

import os
from collections.abc import Mapping

REGION = "us-east-1"
ACCOUNT = "000000000000"
LOOPBACK = "127.0.0.0/8,::1/128"


class Environment:
    """Changes to `os.environ` that can be undone, for tests that share a process with others."""

    def __init__(self) -> None:
        self._before: dict[str, str | None] = {}

    def set(self, values: Mapping[str, str]) -> None:
        for name, value in values.items():
            self._before.setdefault(name, os.environ.get(name))
            os.environ[name] = value

    def default(self, values: Mapping[str, str]) -> None:
        """Set what the operator has not set."""
        self.set({name: value for name, value in values.items() if not os.environ.get(name)})

    def restore(self) -> None:
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        self._before.clear()


def own(env: Mapping[str, str]) -> dict[str, str]:
    """What is still missing where the operator named endpoints: streams live where their tables do."""
    tables = env.get("AWS_ENDPOINT_URL_DYNAMODB") or env["AWS_ENDPOINT_URL"]
    return {
        "AWS_ENDPOINT_URL_DYNAMODB_STREAMS": tables,
        "AWS_REGION": env.get("AWS_DEFAULT_REGION", REGION),
        "AWS_DEFAULT_REGION": env.get("AWS_REGION", REGION),
    }


def emulated(endpoint: str) -> dict[str, str]:
    """What points an SDK at the emulator; its credentials are no secret."""
    return {
        "AWS_ENDPOINT_URL_DYNAMODB": endpoint,
        "AWS_ENDPOINT_URL_DYNAMODB_STREAMS": endpoint,
        "AWS_ENDPOINT_URL_SQS": endpoint,
        "AWS_ENDPOINT_URL_S3": endpoint,
        "AWS_ENDPOINT_URL_KMS": endpoint,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "POLYTHING_ACCOUNT": ACCOUNT,
    }

"""The environment variables that the app reads, set before it is imported and put back afterwards."""

import os
from collections.abc import Iterable, Mapping

REGION = "us-east-1"
ACCOUNT = "000000000000"
# an operator's profile could name an absent one, or send our fake credentials to the real AWS
MISLEADING = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
)
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}  # no secret
LOOPBACK = "127.0.0.0/8,::1/128"


class Environment:
    """Changes to `os.environ` that can be undone, for tests that share a process with others."""

    def __init__(self) -> None:
        self._before: dict[str, str | None] = {}

    def set(self, values: Mapping[str, str]) -> None:
        for name, value in values.items():
            self._before.setdefault(name, os.environ.get(name))
            os.environ[name] = value

    def unset(self, names: Iterable[str]) -> None:
        for name in names:
            self._before.setdefault(name, os.environ.get(name))
            os.environ.pop(name, None)

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


def unproxied(env: Mapping[str, str]) -> dict[str, str]:
    """Keeps calls to this machine away from a proxy that the operator has for others."""
    return {
        name: ",".join(filter(None, (env.get(name), "127.0.0.1", "localhost", "::1")))
        for name in ("NO_PROXY", "no_proxy")
    }


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
        **CREDENTIALS,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "POLYTHING_ACCOUNT": ACCOUNT,
    }

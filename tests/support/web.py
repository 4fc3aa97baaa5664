"""HTTP calls to a running cloud, with the interface of `gateway.Gateway`."""

import urllib.error
import urllib.request
from dataclasses import dataclass, field

from tests.support.gateway import Gateway, Reply


@dataclass
class Web(Gateway):
    url: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def call(
        self, method: str, url: str, body: object = None, headers: dict[str, str] | None = None
    ) -> Reply:
        data = body.encode() if isinstance(body, str) else None
        request = urllib.request.Request(
            self.url + url, data, {**self.headers, **(headers or {})}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return Reply(answer.status, answer.read().decode(), _lower(answer.headers))
        except urllib.error.HTTPError as error:
            with error:
                return Reply(error.code, error.read().decode(), _lower(error.headers))


def _lower(headers: object) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}  # type: ignore[attr-defined]

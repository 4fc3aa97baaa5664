"""HTTP calls as API Gateway hands them to the Lambda function, answered by the real app."""

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Reply:
    status: int
    body: str
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Gateway:
    """`headers` go with every call; `source_ip` is the caller's address."""

    headers: dict[str, str] = field(default_factory=dict)
    source_ip: str = "203.0.113.7"

    def call(self, method: str, url: str, body: Any = None, headers: dict[str, str] | None = None) -> Reply:
        """A body that is no text is sent as JSON."""
        from app import app

        parts = urlsplit(url)
        text = body if body is None or isinstance(body, str) else json.dumps(body)
        given = {"Content-Type": "application/json", **self.headers, **(headers or {})}
        event = {
            "resource": "/{proxy+}",
            "path": parts.path,
            "httpMethod": method,
            "headers": given,
            "multiValueHeaders": {name: [value] for name, value in given.items()},
            "multiValueQueryStringParameters": parse_qs(parts.query, keep_blank_values=True) or None,
            "pathParameters": {"proxy": parts.path.lstrip("/")},
            "stageVariables": None,
            "requestContext": {
                "resourcePath": "/{proxy+}",
                "path": "/api" + parts.path,
                "httpMethod": method,
                "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
                "identity": {"sourceIp": self.source_ip},
            },
            "body": text,
            "isBase64Encoded": False,
        }
        answer = app(event, None)
        headers_out = {k.lower(): v for k, v in (answer.get("headers") or {}).items()}
        return Reply(answer["statusCode"], answer["body"], headers_out)

    def get(self, url: str, **rest: Any) -> Reply:
        return self.call("GET", url, **rest)

    def post(self, url: str, body: Any = None, **rest: Any) -> Reply:
        return self.call("POST", url, body, **rest)

    def put(self, url: str, body: Any = None, **rest: Any) -> Reply:
        return self.call("PUT", url, body, **rest)

    def delete(self, url: str, **rest: Any) -> Reply:
        return self.call("DELETE", url, **rest)

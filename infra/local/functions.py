"""Invokes what Chalice registered, with the context object that Lambda would pass."""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from chalice.app import Chalice

Handler = Callable[[dict[str, Any]], Any]
TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True)
class Context:
    """The fields of Lambda's context object that handlers and Powertools read."""

    function_name: str
    aws_request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    memory_limit_in_mb: int = 512
    function_version: str = "$LATEST"
    log_group_name: str = ""
    log_stream_name: str = ""
    deadline: float = field(default_factory=lambda: time.monotonic() + TIMEOUT_SECONDS)

    @property
    def invoked_function_arn(self) -> str:
        return f"arn:aws:lambda:local:000000000000:function:{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self.deadline - time.monotonic()) * 1000))


class Functions:
    """The app's functions by name: `@app.lambda_function` ones and event handlers alike."""

    def __init__(self, app: Chalice) -> None:
        self._by_name = dict(app.handler_map)
        self._by_name.update({function.name: function.func for function in app.pure_lambda_functions})

    def handler(self, name: str) -> Handler:
        """A callable that takes the event alone. Raises KeyError for a name that no decorator declared."""
        function = self._by_name[name]
        return lambda event: function(event, Context(name))

    def invoke(self, name: str, event: dict[str, Any]) -> Any:
        """Run the function and return its answer; what it raises rises to the caller."""
        return self.handler(name)(event)

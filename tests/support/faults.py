"""What DynamoDB and the network do to a call now and then, put before the calls of this process."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ReadTimeoutError

TRANSACTION = "TransactWriteItems"
Call = Callable[[], Any]


class Crash(Exception):
    """The process died here."""


@dataclass
class _Rule:
    operation: str
    times: int
    act: Callable[[BaseClient, dict[str, Any], Call], Any]  # client, arguments, the call itself
    skip: int = 0


@dataclass
class Faults:
    """Each fault meets the next `times` calls of an operation, after `skip` that pass."""

    rules: list[_Rule] = field(default_factory=list)
    met: int = 0  # faults that came

    @classmethod
    def installed(cls, monkeypatch: pytest.MonkeyPatch) -> "Faults":
        faults, send = cls(), BaseClient._make_api_call

        def call(self: BaseClient, operation: str, arguments: dict[str, Any]) -> Any:
            rule = next((each for each in faults.rules if each.operation == operation), None)
            if rule is None:
                return send(self, operation, arguments)
            if rule.skip:
                rule.skip -= 1
                return send(self, operation, arguments)
            rule.times -= 1
            if rule.times == 0:
                faults.rules.remove(rule)
            faults.met += 1
            return rule.act(self, arguments, lambda: send(self, operation, arguments))

        monkeypatch.setattr(BaseClient, "_make_api_call", call)
        return faults

    def before(self, operation: str, act: Call, *, times: int = 1, skip: int = 0) -> None:
        """Let something happen between this call and the one before it."""

        def run(_client: BaseClient, _arguments: dict[str, Any], call: Call) -> Any:
            act()
            return call()

        self.rules.append(_Rule(operation, times, run, skip))

    def conflict(self, times: int = 1) -> None:
        """A transaction is cancelled, for another one holds its items."""

        def cancel(client: BaseClient, arguments: dict[str, Any], _call: Call) -> Any:
            reasons = [{"Code": "None"} for _ in arguments["TransactItems"]]
            reasons[0] = {"Code": "TransactionConflict", "Message": "Transaction is ongoing for the item"}
            raise _error(client, TRANSACTION, "TransactionCanceledException", CancellationReasons=reasons)

        self.rules.append(_Rule(TRANSACTION, times, cancel))

    def throttle(self, operation: str, times: int = 1) -> None:
        """The SDK has repeated the call as often as it may and gives up."""

        def refuse(client: BaseClient, _arguments: dict[str, Any], _call: Call) -> Any:
            raise _error(client, operation, "ProvisionedThroughputExceededException")

        self.rules.append(_Rule(operation, times, refuse))

    def lose_answer(self, operation: str, *, skip: int = 0) -> None:
        """The write is done, its answer lost, and the SDK repeats it: for a transaction DynamoDB then
        answers what it did (the client's token is the same), for all else it is done twice.
        """

        def repeat(_client: BaseClient, _arguments: dict[str, Any], call: Call) -> Any:
            first = call()
            return first if operation == TRANSACTION else call()

        self.rules.append(_Rule(operation, 1, repeat, skip))

    def cut(self, operation: str, *, skip: int = 0) -> None:
        """The write is done and its answer lost for good."""

        def lose(_client: BaseClient, _arguments: dict[str, Any], call: Call) -> Any:
            call()
            raise ReadTimeoutError(endpoint_url="https://dynamodb")

        self.rules.append(_Rule(operation, 1, lose, skip))

    def crash(self, operation: str, *, skip: int = 0) -> None:
        """The process dies instead of making the call."""

        def die(_client: BaseClient, _arguments: dict[str, Any], _call: Call) -> Any:
            raise Crash(operation)

        self.rules.append(_Rule(operation, 1, die, skip))


def _error(client: BaseClient, operation: str, code: str, **more: Any) -> Exception:
    response = {"Error": {"Code": code, "Message": code}, **more}
    error: Exception = client.exceptions.from_code(code)(response, operation)
    return error

"""ministack for a deployed stage (`python -m tests.stack.emulator FD`), with policies enforced.

`chalice deploy` describes the whole API at once. ministack 1.5.33 reads such a description only from
CloudFormation: here the API's own calls for it (ImportRestApi, PutRestApi) do the same. It asks for rights
to SQS's batch calls by names that IAM does not have: here they are those of the single calls. It waits at its
end for functions that still run, a minute at most: here they are ended.
"""

import json
import time
from typing import Any

from infra.local import emulator


def describe_apis_at_once(gateway: Any) -> None:
    handle = gateway.handle_request

    async def handle_request(method: str, path: str, headers: Any, body: Any, query: Any) -> Any:
        parts = [part for part in path.strip("/").split("/") if part]
        if method == "POST" and parts == ["restapis"] and "mode" in query:
            spec = json.loads(body)
            api = gateway._import_rest_api(spec)
            return gateway._get_rest_api(api)
        if method == "PUT" and len(parts) == 2 and parts[0] == "restapis":
            return replace(parts[1], json.loads(body))
        return await handle(method, path, headers, body, query)

    def replace(api: str, spec: dict[str, Any]) -> Any:
        for ident, resource in list(gateway._resources.get(api, {}).items()):
            if resource.get("path") != "/":
                gateway._resources[api].pop(ident)
            else:
                resource["resourceMethods"] = {}
        for path, item in spec.get("paths", {}).items():
            gateway._import_path_item(api, path, item)
        return gateway._get_rest_api(api)

    gateway.handle_request = handle_request


def name_rights_as_iam_does(actions: Any) -> None:
    extract = actions.extract_iam_action

    def extract_iam_action(*arguments: Any, **named: Any) -> Any:
        action = extract(*arguments, **named)
        return action.removesuffix("Batch") if str(action).startswith("sqs:") else action

    actions.extract_iam_action = extract_iam_action


def main() -> None:
    from ministack.core import iam_actions, lambda_runtime  # type: ignore[import-untyped]
    from ministack.services import apigateway_v1  # type: ignore[import-untyped]

    describe_apis_at_once(apigateway_v1)
    name_rights_as_iam_does(iam_actions)

    def end_functions() -> None:
        while True:
            lambda_runtime.reset()
            time.sleep(0.5)

    emulator.main(end_functions)


if __name__ == "__main__":
    main()

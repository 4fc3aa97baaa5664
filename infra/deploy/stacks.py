"""CloudFormation stacks: made or brought up to date, and waited for. Harmless to repeat."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from infra.deploy.errors import DeployError

POLL = 2.0  # s
CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
GOOD = {"CREATE_COMPLETE", "UPDATE_COMPLETE"}
DEAD = {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "REVIEW_IN_PROGRESS", "DELETE_FAILED"}
SHOWN = 10  # failed resources in a message

Say = Callable[[str], None]


def outputs(cloudformation: Any, name: str) -> dict[str, str]:
    """The outputs of a stack. Raises DeployError where there is none."""
    stack = _find(cloudformation, name)
    if stack is None:
        raise DeployError(f"there is no stack {name}")
    return {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}


def apply(
    cloudformation: Any,
    name: str,
    template: Mapping[str, str],
    parameters: Mapping[str, str] | None = None,
    say: Say = lambda text: None,
    poll: float = POLL,
) -> dict[str, str]:
    """Make the stack, or bring it up to date; answers its outputs.

    `template` is a TemplateBody or a TemplateURL. Parameters that are not named keep their values.
    A stack whose making failed is taken away first. Raises DeployError, naming the resources that failed.
    """
    arguments = {
        "StackName": name,
        **template,
        "Capabilities": CAPABILITIES,
    }
    given = [{"ParameterKey": key, "ParameterValue": value} for key, value in (parameters or {}).items()]
    stack = _settled(cloudformation, name, poll)
    if stack is not None and stack["StackStatus"] in DEAD:
        say(f"{name}: the first try failed, taking its traces away")
        remove(cloudformation, name, say, poll)
        stack = None
    try:
        if stack is None:
            say(f"{name}: being made")
            cloudformation.create_stack(**arguments, Parameters=given)
        else:
            say(f"{name}: being brought up to date")
            kept = _kept(stack, template_parameters(cloudformation, template), parameters or {})
            cloudformation.update_stack(**arguments, Parameters=[*given, *kept])
    except ClientError as error:
        if "No updates are to be performed" in str(error):
            say(f"{name}: nothing to change")
            return outputs(cloudformation, name)
        raise DeployError(f"{name}: {error.response['Error']['Message']}") from error
    stack = _settled(cloudformation, name, poll)
    if stack is None or stack["StackStatus"] not in GOOD:
        raise DeployError(_failure(cloudformation, name, stack))
    return outputs(cloudformation, name)


def template_parameters(cloudformation: Any, template: Mapping[str, str]) -> set[str]:
    """Names of the parameters that a template has."""
    described = cloudformation.validate_template(**template)
    return {each["ParameterKey"] for each in described["Parameters"]}


def _kept(stack: Mapping[str, Any], known: set[str], given: Mapping[str, str]) -> list[dict[str, Any]]:
    held = {each["ParameterKey"] for each in stack.get("Parameters", [])}
    return [{"ParameterKey": key, "UsePreviousValue": True} for key in sorted(held & known - set(given))]


def remove(cloudformation: Any, name: str, say: Say = lambda text: None, poll: float = POLL) -> None:
    """Take the stack away; what its template retains stays. Harmless where there is none."""
    stack = _settled(cloudformation, name, poll)
    if stack is None:
        return
    say(f"{name}: being taken away")
    cloudformation.delete_stack(StackName=name)
    stack = _settled(cloudformation, name, poll)
    if stack is not None and stack["StackStatus"] != "DELETE_COMPLETE":
        raise DeployError(_failure(cloudformation, name, stack))


def _find(cloudformation: Any, name: str) -> dict[str, Any] | None:
    try:
        stack: dict[str, Any] = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":
            return None
        raise
    return None if stack["StackStatus"] == "DELETE_COMPLETE" else stack


def _settled(cloudformation: Any, name: str, poll: float) -> dict[str, Any] | None:
    """The stack once nothing changes it; CloudFormation ends each change by itself."""
    while True:
        stack = _find(cloudformation, name)
        status = stack["StackStatus"] if stack else ""
        if not status.endswith("_IN_PROGRESS") or status == "REVIEW_IN_PROGRESS":
            return stack
        time.sleep(poll)


def _failure(cloudformation: Any, name: str, stack: Mapping[str, Any] | None) -> str:
    status = stack["StackStatus"] if stack else "gone"
    reasons = []
    for event in cloudformation.describe_stack_events(StackName=name)["StackEvents"] if stack else []:
        if event["ResourceStatus"].endswith("_FAILED"):
            reasons.append(f"  {event['LogicalResourceId']}: {event.get('ResourceStatusReason', '')}")
        if event["LogicalResourceId"] == name and event["ResourceStatus"] in (
            "CREATE_IN_PROGRESS",
            "UPDATE_IN_PROGRESS",
        ):
            break
    return "\n".join([f"{name} is {status}; mend the cause and run the same command again", *reasons[:SHOWN]])

"""The dashboard shows every metric there is, by dimensions it has, and no other."""

import json
import re
from typing import Any

import pytest

from infra.deploy import templates
from tests.docs.markdown import doc, rows, section

OWN = "${Prefix}"
SEARCH = re.compile(
    r"""SEARCH\('\{"(?P<namespace>[^"]+)",(?P<dimensions>[\w,]+)\} MetricName="(?P<name>\w+)"'"""
)


def resources(kind: str) -> list[dict[str, Any]]:
    stacks = (templates.load(path) for path in (templates.DATA, templates.EDGE))
    return [
        each["Properties"] for stack in stacks for each in stack["Resources"].values() if each["Type"] == kind
    ]


def body() -> tuple[dict[str, Any], dict[str, Any]]:
    """The dashboard's body and what is put into it."""
    [dashboard] = resources("AWS::CloudWatch::Dashboard")
    text, values = dashboard["DashboardBody"]["Fn::Sub"]
    return json.loads(text), values


def shown() -> list[tuple[str, str, tuple[str, ...]]]:
    """Namespace, name and dimensions of what the widgets draw."""
    found = []
    for widget in body()[0]["widgets"]:
        for metric in widget["properties"]["metrics"]:
            parts = [part for part in metric if isinstance(part, str)]
            if parts:
                found.append((parts[0], parts[1], tuple(parts[2::2])))
                continue
            [search] = SEARCH.finditer(metric[0]["expression"])
            found.append((search["namespace"], search["name"], tuple(search["dimensions"].split(","))))
    return found


def told() -> dict[str, set[tuple[str, ...]]]:
    """Sets of dimensions by metric."""
    return {
        row[0].strip("`"): {tuple(re.findall(r"`(\w+)`", part)) for part in row[1].split(";")}
        for row in rows(section(doc("architecture.md"), "## Logs and metrics"))
    }


def test_every_metric_is_shown_by_dimensions_it_has() -> None:
    own = [(name, dimensions) for namespace, name, dimensions in shown() if namespace == OWN]
    assert {name for name, _ in own} == told().keys()
    for name, dimensions in own:
        assert dimensions in told()[name], name


def test_ages_of_queues_and_of_the_stream_are_shown() -> None:
    names = {name for namespace, name, _ in shown() if namespace != OWN}
    expected = {"ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesVisible", "IteratorAge"}
    assert names == expected | {"Errors", "Throttles"}


def test_every_queue_is_shown_but_the_one_that_operators_read() -> None:
    queues = {each["QueueName"]["Fn::Sub"] for each in resources("AWS::SQS::Queue")}
    drawn = {
        metric[3]
        for widget in body()[0]["widgets"]
        for metric in widget["properties"]["metrics"]
        if metric[0] == "AWS/SQS"
    }
    assert queues - drawn == {"${Prefix}-forwarded.fifo"}
    assert drawn <= queues


def test_every_function_is_shown_and_every_name_in_it_is_put_in() -> None:
    text, values = json.dumps(body()[0]), body()[1]
    assert set(values) == set(templates.FUNCTIONS)
    assert set(re.findall(r"\$\{(\w+)\}", text)) == {*templates.FUNCTIONS, "Prefix"}


def test_each_expression_of_a_widget_has_an_id_of_its_own() -> None:
    for widget in body()[0]["widgets"]:
        ids = [
            part["id"]
            for metric in widget["properties"]["metrics"]
            for part in metric
            if isinstance(part, dict) and "id" in part
        ]
        assert len(ids) == len(set(ids))


def test_widgets_do_not_lie_on_each_other() -> None:
    places = [(each["x"], each["y"]) for each in body()[0]["widgets"]]
    assert len(places) == len(set(places))


@pytest.mark.parametrize(
    "alarm", resources("AWS::CloudWatch::Alarm"), ids=lambda each: each["AlarmName"]["Fn::Sub"]
)
def test_an_alarm_on_a_metric_of_ours_names_one_there_is(alarm: dict[str, Any]) -> None:
    if alarm["Namespace"] == {"Ref": "Prefix"}:
        dimensions = tuple(each["Name"] for each in alarm.get("Dimensions", ()))
        assert dimensions in told()[alarm["MetricName"]]
    assert ("Statistic" in alarm) != ("ExtendedStatistic" in alarm)


def test_every_failure_queue_has_an_alarm() -> None:
    watched = {
        each["Dimensions"][0]["Value"]["Fn::Sub"]
        for each in resources("AWS::CloudWatch::Alarm")
        if each["Namespace"] == "AWS/SQS" and each["MetricName"] == "ApproximateNumberOfMessagesVisible"
    }
    queues = {each["QueueName"]["Fn::Sub"] for each in resources("AWS::SQS::Queue")}
    assert {name for name in queues if "dlq" in name or "failures" in name} == watched

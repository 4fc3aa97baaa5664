"""Shadows as values: reports and desired values, deletions and what is remembered of them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core import shadow_changes, shadow_documents, shadow_paths
from chalicelib.core.errors import FieldNotFound, InvalidInput, NotAnObject
from chalicelib.core.shadow_documents import Part, Shadow
from chalicelib.store.devices import QueueRecord, StampRecord

NOW = 1_700_000_000_000


def same(_name: str, one: Any, other: Any) -> bool:
    return bool(one == other)


def reported(shadow: Shadow, stamp: int, at: int, *, force: bool = False, **values: Any) -> Shadow:
    return shadow_documents.report(shadow, values, at, stamp, NOW, same, force=force)


def desired(shadow: Shadow, stamp: int, **values: Any) -> Shadow:
    return shadow_documents.desire(shadow, values, f"change-{stamp}", stamp, 0, NOW, same)


class TestReporting:
    def test_each_field_keeps_its_time_and_its_stamp(self) -> None:
        shadow = reported(reported(Shadow(), 100, 7, a=1, b=1), 101, 6, a=2, c=3)
        assert shadow.reported == {"a": 1, "b": 1, "c": 3}
        assert shadow.times == {"a": 7, "b": 7, "c": 6}
        assert shadow.stamps == {"a": 100, "b": 100, "c": 101}
        assert (shadow.at, shadow.stamp) == (7, 101)

    def test_a_forced_one_overwrites_what_is_newer_and_keeps_its_time(self) -> None:
        shadow = reported(reported(Shadow(), 100, 900, a=1), 101, 101, force=True, a=2)
        assert (shadow.reported, shadow.times) == ({"a": 2}, {"a": 900})

    def test_of_a_shadow_from_before_stamps_were_kept(self) -> None:
        old = Shadow(reported={"a": 1}, times={"a": 7}, at=7, stamp=9)
        assert old.written(Part.REPORTED) == {"a": 7}
        assert reported(old, 10, 8, b=1).written(Part.REPORTED) == {"a": 7, "b": 10}


class TestDeleting:
    def test_is_remembered(self) -> None:
        shadow = desired(reported(Shadow(), 100, 7, a=1, b=2), 101, a=5, c=6)
        shadow = shadow_documents.delete(shadow, Part.DESIRED, ["a"], 102)
        shadow = shadow_documents.delete(shadow, Part.REPORTED, ["b"], 103)
        assert (shadow.desired, shadow.reported) == ({"c": 6}, {"a": 1})
        assert (shadow.at, shadow.stamp, shadow.forgotten) == (7, 103, 0)
        changed = shadow_documents.changed_since
        assert changed(shadow, Part.DESIRED, 101) == {"a": None}
        assert changed(shadow, Part.DESIRED, 100) == {"a": None, "c": 6}
        assert changed(shadow, Part.REPORTED, 100) == {"b": None}
        assert changed(shadow, Part.REPORTED, 103) == {}

    def test_no_change_waits_for_it_any_more(self) -> None:
        shadow = shadow_documents.delete(desired(Shadow(), 100, a=5, c=6), Part.DESIRED, ["a"], 101)
        [change] = shadow.changes
        assert (change.names, change.left) == (("c",), ("c",))
        shadow = shadow_documents.delete(shadow, Part.DESIRED, ["c"], 102)
        assert shadow_changes.status_of(shadow.changes[0], NOW).name == "SUPERSEDED"

    def test_the_last_reported_field_leaves_no_time_of_a_report(self) -> None:
        shadow = shadow_documents.delete(reported(Shadow(), 100, 7, a=1), Part.REPORTED, ["a"], 101)
        assert (shadow.at, shadow.times) == (0, {})

    def test_the_oldest_are_forgotten(self) -> None:
        most, shadow = shadow_documents.MOST_DELETED, Shadow()
        for number in range(most + 2):
            shadow = desired(shadow, 2 * number + 1, **{f"f{number}": 1})
            shadow = shadow_documents.delete(shadow, Part.DESIRED, [f"f{number}"], 2 * number + 2)
        assert len(shadow.desired_times) == most
        assert shadow.forgotten == 4
        assert shadow_documents.changed_since(shadow, Part.DESIRED, 3) is None
        assert shadow_documents.changed_since(shadow, Part.DESIRED, 4) == dict.fromkeys(
            f"f{number}" for number in range(2, most + 2)
        )

    def test_survives_the_store(self) -> None:
        shadow = desired(reported(Shadow(), 100, 7, a=1), 101, a=5)
        for part in Part:
            shadow = shadow_documents.delete(shadow, part, ["a"], 102)
        record = shadow_documents.record_of("0" * 32, "s", shadow, 3)
        assert shadow_documents.read(record) == shadow
        assert record.reported == "{}"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=12,
)
PATHS = st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map(tuple)


class TestPaths:
    @given(value=st.dictionaries(st.sampled_from("abc"), JSON), names=PATHS, new=JSON)
    def test_what_was_put_is_there_and_all_else_is_as_it_was(
        self, value: dict[str, Any], names: tuple[str, ...], new: Any
    ) -> None:
        text = repr(value)
        try:
            after = shadow_paths.put(value, names, new, "f")
        except NotAnObject:
            at: Any = value
            while isinstance(at, dict):
                at, names = at[names[0]], names[1:]
            assert names  # it ended before the path did
            return
        assert repr(value) == text
        found: Any = after
        for name in names:
            found = found[name]
        assert found == new
        assert shadow_paths.depth(after) <= max(
            shadow_paths.depth(value), len(names) + shadow_paths.depth(new)
        )
        gone = shadow_paths.cut(after, names, "f")
        with pytest.raises(FieldNotFound):
            shadow_paths.cut(gone, names, "f")
        if len(names) == 1:
            assert gone == {name: each for name, each in value.items() if name != names[0]}

    @given(text=st.text(alphabet="a.", max_size=12))
    def test_are_names_with_dots_between(self, text: str) -> None:
        good = bool(text) and ".." not in text and text[0] != "." and text[-1] != "." and text.count(".") < 4
        try:
            assert shadow_paths.parse(text, 4) == tuple(text.split("."))
        except InvalidInput:
            assert not good
        else:
            assert good


@pytest.mark.parametrize("services", [{""}, {"", "#", "##a", "Meter"}, {"Meter"}])
def test_a_service_without_a_name_may_stand_in_a_set(aws: None, services: set[str]) -> None:
    QueueRecord("0" * 32, "W#queue", shadows=services).save()
    assert QueueRecord.get("0" * 32, "W#queue").shadows == services
    QueueRecord("0" * 32, "W#queue").update([QueueRecord.shadows.delete(services - {"Meter"} or {"x"})])
    assert (QueueRecord.get("0" * 32, "W#queue").shadows or set()) == services & {"Meter"}
    StampRecord("0" * 32, "S", stamp=1, wanted=0, services=services).save()
    assert StampRecord.get("0" * 32, "S").services == services

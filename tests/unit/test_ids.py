"""Ids: their form, and the order of those that sort."""

from chalicelib.core import ids
from tests.support.clock import FakeClock


def test_ordered_ids_keep_the_order_they_were_made_in_also_within_a_millisecond(clock: FakeClock) -> None:
    made = []
    for _ in range(50):
        made += [ids.ordered_id() for _ in range(20)]
        clock.advance(0.001)
    assert made == sorted(made)
    assert len(set(made)) == len(made)
    assert {len(each) for each in made} == {32}


def test_a_bound_lies_between_the_milliseconds(clock: FakeClock) -> None:
    before = ids.ordered_id()
    clock.advance(0.001)
    assert before < ids.ordered_bound(clock.at) < ids.ordered_id()

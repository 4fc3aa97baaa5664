"""Pages by number: what is kept between them, what each costs, and that they end."""

from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from chalicelib.core import paging
from chalicelib.core.errors import ListTooLong
from chalicelib.core.paging import Page, Source
from chalicelib.store.counters import CursorRecord
from chalicelib.store.walks import Key, WalkTooLong
from tests.conftest import Calls
from tests.support.clock import FakeClock

pytestmark = pytest.mark.usefixtures("aws")


class Numbers:
    """A walk over numbers, counting how it is read. `exact_end` False answers as DynamoDB does: a
    range whose last item was just read may still name a place to go on.
    """

    def __init__(self, numbers: Iterable[int], *, exact_end: bool = True) -> None:
        self.numbers = list(numbers)
        self.exact_end = exact_end
        self.read: list[str] = []

    @property
    def source(self) -> Source[int]:
        return Source(self.fetch, self.skip, self.count)

    def fetch(self, start: Key | None, limit: int) -> tuple[list[int], Key | None]:
        self.read.append("fetch")
        left = [each for each in self.numbers if start is None or each > int(start["n"]["N"])]
        return left[:limit], self._key(left, limit)

    def skip(self, count: int) -> tuple[int, Key | None]:
        self.read.append("skip")
        return min(count, len(self.numbers)), self._key(self.numbers, count)

    def count(self) -> int:
        self.read.append("count")
        return len(self.numbers)

    def _key(self, left: list[int], limit: int) -> Key | None:
        more = len(left) > limit or (len(left) == limit and not self.exact_end)
        return {"n": {"N": str(left[limit - 1])}} if more and limit else None


def pages(numbers: Numbers, size: int) -> Iterator[Page[int]]:
    """Until an empty page, as many clients walk."""
    for number in range(1000):
        page = paging.page("walk", number, size, numbers.source)
        yield page
        if not page.items:
            return
    raise AssertionError("the walk does not end")


@pytest.mark.parametrize("exact_end", [True, False])
@pytest.mark.parametrize("amount", [0, 1, 9, 10, 11, 20, 25])
def test_a_walk_shows_everything_once_and_ends(amount: int, exact_end: bool) -> None:
    walked = list(pages(Numbers(range(amount), exact_end=exact_end), 10))
    assert [each for page in walked for each in page.items] == list(range(amount))
    assert {page.total for page in walked} == {amount}


def test_walking_counts_once_and_never_skips() -> None:
    numbers = Numbers(range(25))
    for number in range(3):
        paging.page("walk", number, 10, numbers.source)
    assert numbers.read == ["fetch", "count", "fetch", "fetch"]


def test_a_page_costs_one_write_and_a_later_one_a_read(calls: Calls) -> None:
    numbers = Numbers(range(25))
    costs = []
    for number in range(3):
        paging.page("walk", number, 10, numbers.source)
        costs.append(list(calls.made))
        calls.clear()
    assert costs == [
        ["dynamodb.PutItem"],
        ["dynamodb.GetItem", "dynamodb.PutItem"],
        ["dynamodb.GetItem", "dynamodb.DeleteItem"],
    ]


def test_a_jump_finds_its_page_by_skipping() -> None:
    numbers = Numbers(range(95))
    page = paging.page("walk", 7, 10, numbers.source)
    assert (page.items, page.total, page.number, page.size) == (list(range(70, 80)), 95, 7, 10)
    assert numbers.read == ["count", "skip", "fetch"]
    paging.page("walk", 8, 10, numbers.source)
    assert numbers.read[3:] == ["fetch"]


def test_a_jump_beyond_the_end_reads_nothing_but_the_total() -> None:
    numbers = Numbers(range(95))
    page = paging.page("walk", 2**31 - 1, 10, numbers.source)
    assert (page.items, page.total) == ([], 95)
    assert numbers.read == ["count"]


def test_a_total_that_counts_too_much_does_not_make_a_page() -> None:
    numbers = Numbers(range(15))
    source = Source(numbers.fetch, numbers.skip, lambda: 100)
    assert paging.page("walk", 5, 10, source) == Page([], 15, 5, 10)


def test_the_last_page_knows_the_total_better_than_the_count() -> None:
    numbers = Numbers(range(15))
    source = Source(numbers.fetch, numbers.skip, lambda: 16)
    assert [paging.page("walk", number, 10, source).total for number in (0, 1)] == [16, 15]


def test_a_walk_that_got_shorter_does_not_follow_the_one_before() -> None:
    numbers = Numbers(range(45))
    list(pages(numbers, 10))
    numbers.numbers = numbers.numbers[30:]
    again = list(pages(numbers, 10))
    assert [page.items for page in again] == [list(range(30, 40)), list(range(40, 45)), []]
    numbers.numbers = numbers.numbers[10:]
    assert [page.items for page in pages(numbers, 10)] == [list(range(40, 45)), []]


def test_a_start_is_used_for_a_while_only(clock: FakeClock) -> None:
    numbers = Numbers(range(25))
    paging.page("walk", 0, 10, numbers.source)
    clock.advance(paging.LIFE / 1000 + 1)
    numbers.numbers.insert(0, -1)
    assert paging.page("walk", 1, 10, numbers.source).items == list(range(9, 19))
    assert numbers.read[2:] == ["count", "skip", "fetch"]


def test_walks_do_not_meet() -> None:
    names = {
        paging.name(*parts)
        for parts in [("a", "devices", 10), ("b", "devices", 10), ("a", "devices", 11), ("a", "devices1", 0)]
    }
    assert len(names) == 4
    paging.page("one", 0, 10, Numbers(range(25)).source)
    other = Numbers(range(100, 125))
    assert paging.page("other", 1, 10, other.source).items == list(range(110, 120))


def test_a_walk_that_reads_too_much_says_so() -> None:
    def fail(*_: Any) -> Any:
        raise WalkTooLong

    numbers = Numbers(range(25))
    with pytest.raises(ListTooLong):
        paging.page("walk", 0, 10, Source(numbers.fetch, numbers.skip, fail))
    with pytest.raises(ListTooLong):
        paging.page("walk", 3, 5, Source(numbers.fetch, fail, numbers.count))
    with pytest.raises(ListTooLong):
        paging.listed("walk", 0, 5, fail, list)


class Entries:
    def __init__(self, entries: Iterable[int]) -> None:
        self.entries = [f"{each:065d}" for each in entries]
        self.collected = 0

    def collect(self) -> Iterator[str]:
        self.collected += 1
        return iter(self.entries)

    def page(self, number: int, size: int) -> Page[int]:
        return paging.listed("walk", number, size, self.collect, lambda found: [int(each) for each in found])


@pytest.mark.parametrize("amount", [0, 1, 9, 10, 11, 20, 25])
def test_a_list_shows_everything_once_and_ends(amount: int) -> None:
    entries, walked = Entries(range(amount)), []
    for number in range(amount // 10 + 2):
        page = entries.page(number, 10)
        assert page.total == amount
        walked += page.items
    assert walked == list(range(amount))
    assert entries.page(2**31 - 1, 10).items == []


def test_a_list_costs_one_write_then_one_read_a_page(calls: Calls) -> None:
    entries = Entries(range(25))
    entries.page(0, 10)
    assert calls.made == ["dynamodb.BatchWriteItem"]
    calls.clear()
    entries.page(1, 10)
    assert (calls.made, entries.collected) == (["dynamodb.BatchGetItem"], 1)
    calls.clear()
    entries.page(3, 10)
    assert (calls.made, entries.collected) == (["dynamodb.BatchGetItem"], 1)


def test_the_longest_list_is_one_write_of_items_that_fit(calls: Calls) -> None:
    entries = Entries(range(paging.MOST_LISTED))
    assert entries.page(0, 250).total == paging.MOST_LISTED
    assert calls.made == ["dynamodb.BatchWriteItem"]
    assert entries.page(1, 2000).items == list(range(2000, 4000))  # over two chunks
    last = paging.MOST_LISTED // 250 - 1
    assert entries.page(last, 250).items == list(range(last * 250, paging.MOST_LISTED))
    assert entries.page(last + 1, 250).items == []
    assert entries.collected == 1


def test_a_longer_list_is_refused() -> None:
    with pytest.raises(ListTooLong):
        Entries(range(paging.MOST_LISTED + 1)).page(0, 10)


def test_the_first_page_collects_anew_and_later_pages_follow_it(clock: FakeClock) -> None:
    entries = Entries(range(25))
    entries.page(0, 10)
    entries.entries = Entries(range(100, 130)).entries
    assert entries.page(1, 10).items == list(range(10, 20))
    assert entries.page(0, 10).items == list(range(100, 110))
    assert entries.page(1, 10).items == list(range(110, 120))
    clock.advance(paging.LIFE / 1000 + 1)
    entries.entries = Entries(range(25)).entries
    assert entries.page(1, 10).items == list(range(10, 20))


def test_a_list_that_got_shorter_than_a_page_ends_the_one_before() -> None:
    entries = Entries(range(25))
    entries.page(0, 10)
    entries.entries = Entries(range(3)).entries
    assert entries.page(0, 10).total == 3
    assert entries.page(1, 10) == Page([], 3, 1, 10)


def test_chunks_of_different_builds_are_not_mixed() -> None:
    entries = Entries(range(25))
    entries.page(0, 10)
    chunk = CursorRecord.get("walk#list#0")
    chunk.build = "another"
    chunk.save()
    assert entries.page(1, 10).items == list(range(10, 20))
    assert entries.collected == 2


def test_parts_begin_anywhere_and_follow_each_other_whatever_their_sizes() -> None:
    numbers = Numbers(range(95))
    for offset, size in [(0, 10), (10, 30), (40, 1), (41, 50)]:
        part = paging.part("walk", offset, size, numbers.source)
        assert (part.items, part.total) == (list(range(offset, offset + size)), 95)
    assert numbers.read == ["fetch", "count", "fetch", "fetch", "fetch"]
    part = paging.part("walk", 93, 10, numbers.source)
    assert (part.items, part.total) == ([93, 94], 95)
    assert numbers.read[5:] == ["count", "skip", "fetch"]


def test_parts_of_a_list_may_cross_its_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "CHUNK", 4)
    entries = [str(each) for each in range(23)]
    for offset, size in [(0, 3), (3, 1), (3, 9), (2, 21), (7, 1), (22, 5), (23, 5), (60_000, 5)]:
        part = paging.part_listed("walk", offset, size, lambda: entries, list)
        assert (part.items, part.total) == (entries[offset : offset + size], 23)

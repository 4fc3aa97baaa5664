"""How far long work is, on standard error where a person looks at it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, TextIO

WIDTH = 30


class Bar:
    """`total` None: how much there is to do is not known."""

    def __init__(self, what: str, total: int | None, out: TextIO) -> None:
        self._what, self._total, self._out = what, total, out
        self._shown = ""

    def show(self, done: int) -> None:
        """Write only what has changed."""
        if self._total:
            full = min(done, self._total) * WIDTH // self._total
            percent = min(done, self._total) * 100 // self._total
            line = f"{self._what} [{'#' * full}{'.' * (WIDTH - full)}] {percent}%"
        else:
            line = f"{self._what} {done}"
        if line != self._shown and self._out.isatty():
            self._out.write(f"\r{line}")
            self._out.flush()
            self._shown = line

    def end(self) -> None:
        if self._shown:
            self._out.write("\n")


@contextmanager
def bar(what: str, total: int | None = None) -> Iterator[Bar]:
    made = Bar(what, total, sys.stderr)
    try:
        yield made
    finally:
        made.end()


class Watched:
    """A file whose reading moves a bar; a second reading begins anew."""

    def __init__(self, source: BinaryIO, shown: Bar) -> None:
        self._source, self._shown = source, shown

    def read(self, size: int = -1) -> bytes:
        piece = self._source.read(size)
        self._shown.show(self._source.tell())
        return piece

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._source.seek(offset, whence)

    def tell(self) -> int:
        return self._source.tell()

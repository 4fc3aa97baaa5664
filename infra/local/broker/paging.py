"""`nextToken` paging over a sorted list: the token is the last item served, opaque to the caller."""

from __future__ import annotations

from bisect import bisect_right


def page(items: list[str], token: str | None, size: int) -> tuple[list[str], dict[str, str]]:
    """The next `size` items after the token's, and `{"nextToken": …}` when more follow.

    Raises ValueError for a token this function did not make.
    """
    start = bisect_right(items, bytes.fromhex(token).decode()) if token else 0
    chosen = items[start : start + size]
    if start + size >= len(items):
        return chosen, {}
    return chosen, {"nextToken": chosen[-1].encode().hex()}

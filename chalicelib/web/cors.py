"""Cross-origin calls: what a browser is told, for a dialect whose apps run in browsers.

Any origin may call: a token travels in a header that the page's own code sets, never in a cookie, so a
foreign page has nothing to borrow. Source: Fetch Standard, HTTP-CORS protocol
"""

from collections.abc import Sequence
from dataclasses import dataclass

from .request import Answer

KEPT = 24 * 60 * 60  # s for which a browser need not ask again


@dataclass(frozen=True)
class Cors:
    """Request headers and verbs that a page may send, and answer headers that it may read."""

    headers: Sequence[str]
    verbs: Sequence[str]
    shown: Sequence[str] = ()

    def preflight(self) -> Answer:
        """To OPTIONS on any path, so that a page can read the error of an unknown one, too."""
        headers = {
            "Access-Control-Allow-Methods": ", ".join(self.verbs),
            "Access-Control-Allow-Headers": ", ".join(self.headers),
            "Access-Control-Max-Age": str(KEPT),
        }
        return self.open(Answer(204, headers=headers))

    def open(self, answer: Answer) -> Answer:
        """The same answer, readable for a page."""
        more = {"Access-Control-Allow-Origin": "*"}
        if self.shown:
            more["Access-Control-Expose-Headers"] = ", ".join(self.shown)
        return Answer(answer.status, answer.body, {**answer.headers, **more})

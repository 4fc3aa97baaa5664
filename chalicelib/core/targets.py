"""The breaker: a callback target that is down is left alone for a while, a slow one goes to the side.

    closed     --FAILURES failures in a row-->   open, for a time that doubles up to LONGEST_OPEN
    open       --its time is over-->             half open: one delivery probes, the others wait on
    half open  --the probe is answered-->        closed;  --it fails--> open again

A target that is healthy has no item, so nothing is written while all is well; of those who report
at once one counts and the others are silent, so a burst does not count as a row.
"""

import msgspec

from ..aws.addresses import Endpoint
from ..store.subscriptions import TargetRecord
from ..store.transactions import code_of
from . import clock

FAILURES = 5
FIRST_OPEN = 5 * clock.SECOND
LONGEST_OPEN = 15 * clock.MINUTE
PROBING = 15 * clock.SECOND  # longer than one attempt can take
SLOW = 3.0  # s
SLOW_ANSWERS = 3
KEPT = clock.DAY


class Health(msgspec.Struct, frozen=True):
    """`failures` and `slow` answers in a row; nothing is sent before `open_until` (ms)."""

    failures: int = 0
    slow: int = 0
    open_until: int = 0

    @property
    def tripped(self) -> bool:
        return self.failures >= FAILURES

    @property
    def sluggish(self) -> bool:
        return self.slow >= SLOW_ANSWERS

    def rest(self) -> int:
        """Milliseconds until something may be sent."""
        return max(self.open_until - clock.now(), 0)


HEALTHY = Health()


def key(owner: str, place: Endpoint) -> str:
    return f"{owner}|{place.origin}"


def health_of(record: TargetRecord | None) -> Health:
    if record is None:
        return HEALTHY
    return Health(int(record.failures), int(record.slow), int(record.open_until))


def failed(health: Health) -> Health:
    """After an attempt without a sound answer."""
    failures = health.failures + 1
    if failures < FAILURES:
        return Health(failures)
    lasts = min(FIRST_OPEN * 2 ** min(failures - FAILURES, 30), LONGEST_OPEN)
    return Health(failures, 0, clock.now() + lasts)


def answered(health: Health, seconds: float) -> Health:
    """After an answer that took this long."""
    return Health(slow=min(health.slow + 1, SLOW_ANSWERS)) if seconds > SLOW else HEALTHY


def claim(target: str, health: Health) -> Health | None:
    """The right to probe a half-open target, as its new health; None where another has it."""
    claimed = msgspec.structs.replace(health, open_until=clock.now() + PROBING)
    return claimed if note(target, health, claimed) else None


def note(target: str, before: Health, after: Health) -> bool:
    """Write a change; False where another changed it first. No AWS call where nothing changed, else one."""
    from pynamodb.exceptions import DeleteError, PutError

    if before == after:
        return True
    condition = TargetRecord.target.does_not_exist()
    if before != HEALTHY:
        condition = (
            (TargetRecord.failures == before.failures)
            & (TargetRecord.slow == before.slow)
            & (TargetRecord.open_until == before.open_until)
        )
    try:
        if after == HEALTHY:
            TargetRecord(target).delete(condition)
        else:
            record = TargetRecord(target, **msgspec.structs.asdict(after))
            record.ttl = (clock.now() + KEPT) // clock.SECOND
            record.save(condition)
    except (PutError, DeleteError) as error:
        if code_of(error) != "ConditionalCheckFailedException":
            raise
        return False
    return True

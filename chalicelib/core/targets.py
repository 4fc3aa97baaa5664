"""The breaker: a callback target that is down is left alone for a while, a slow one goes to the side.

    closed     --FAILURES failures in a row-->   open, for a time that doubles up to LONGEST_OPEN
    open       --its time is over-->             half open: one delivery probes, the others wait on
    half open  --the probe is answered-->        closed;  --it fails--> open again

A target that has done nothing but fail for `DEAD_AFTER` is paused: what is meant for it is given up at
once, but for one delivery in `DEAD_PROBE`, which probes. An answer, or an operator, makes it healthy again.

A target that is healthy has no item, so nothing is written while all is well; of those who report
at once one counts and the others are silent, so a burst does not count as a row.
"""

import msgspec

from ..aws.addresses import Endpoint
from ..store.subscriptions import TargetRecord
from ..store.transactions import Transaction, code_of
from . import clock

FAILURES = 5
FIRST_OPEN = 5 * clock.SECOND
LONGEST_OPEN = 15 * clock.MINUTE
PROBING = 15 * clock.SECOND  # longer than one attempt can take
SLOW = 3.0  # s
SLOW_ANSWERS = 3
DEAD_AFTER = clock.DAY  # of failures with no answer between them
DEAD_PROBE = clock.HOUR
KEPT = 7 * clock.DAY


class Health(msgspec.Struct, frozen=True):
    """`failures`, the first at `since`, and `slow` answers in a row; nothing is sent before `open_until`.

    `paused` is when it was given up for dead, 0 where it is not. Times in ms.
    """

    failures: int = 0
    slow: int = 0
    open_until: int = 0
    since: int = 0
    paused: int = 0

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
    return Health(
        int(record.failures),
        int(record.slow),
        int(record.open_until),
        int(record.since or 0),
        int(record.paused or 0),
    )


def failed(health: Health) -> Health:
    """After an attempt without a sound answer."""
    failures, now = health.failures + 1, clock.now()
    since = health.since or now
    if failures < FAILURES:
        return Health(failures, since=since)
    if health.paused or now - since >= DEAD_AFTER:
        return Health(failures, 0, now + DEAD_PROBE, since, health.paused or now)
    lasts = min(FIRST_OPEN * 2 ** min(failures - FAILURES, 30), LONGEST_OPEN)
    return Health(failures, 0, now + lasts, since)


def answered(health: Health, seconds: float) -> Health:
    """After an answer that took this long."""
    return Health(slow=min(health.slow + 1, SLOW_ANSWERS)) if seconds > SLOW else HEALTHY


def claim(target: str, health: Health) -> Health | None:
    """The right to probe a half-open target, as its new health; None where another has it."""
    claimed = msgspec.structs.replace(health, open_until=clock.now() + PROBING)
    return claimed if note(target, health, claimed) else None


def resume(owner: str, origin: str) -> None:
    """Forget what was wrong with a target. One AWS call; harmless where nothing was."""
    change = Transaction()
    change.delete(TargetRecord(f"{owner}|{origin}"))
    change.commit()


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

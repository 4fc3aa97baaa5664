"""Every minute: end what is overdue.

Each sweep reads only what is due, and decides nothing that an app could see.
"""

from collections.abc import Callable

from .. import context
from ..core import (
    ageing,
    automation_watch,
    batch_ends,
    connections,
    disbanding,
    imports,
    lora_sending,
    overdue,
    production_work,
    registration,
    regrouping,
    shadow_sending,
    tokens,
    unregistration,
    upgrade_ends,
)
from ..logs import logger
from . import wiring

SWEEPS: tuple[tuple[str, Callable[[], int]], ...] = (
    ("registrations", registration.sweep),
    ("commands", overdue.sweep),
    ("desired values", shadow_sending.sweep),
    ("silence", ageing.sweep),
    ("tokens", tokens.sweep),
    ("batches", batch_ends.sweep),
    ("groups", disbanding.sweep),
    ("group operations", regrouping.sweep),
    ("imports", imports.sweep),
    ("production", production_work.sweep),
    ("upgrades", upgrade_ends.sweep),
    ("LoRa servers", lora_sending.sweep),
    ("automations", automation_watch.sweep),
    ("unregistered people", unregistration.sweep),
    ("connected devices", connections.measure),
)


def sweep() -> None:
    """All sweeps run, also where one fails; then the first failure is raised."""
    wiring.wire()
    context.begin(operation="sweep")
    failures: list[Exception] = []
    for name, run in SWEEPS:
        try:
            ended = run()
        except Exception as error:  # noqa: BLE001 - the other sweeps must run; raised below
            logger().exception("sweep failed", extra={"sweep": name})
            failures.append(error)
        else:
            if ended:
                logger().info("swept", extra={"sweep": name, "count": ended})
    if failures:
        raise failures[0]

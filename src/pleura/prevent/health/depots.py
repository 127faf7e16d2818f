"""The doctor's checks of backups and replicas."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import msgspec

from pleura.domain.custody.places import BucketFacts, CloudChecklist
from pleura.domain.installation import Depot
from pleura.domain.ports import Clock, Records
from pleura.prevent.depots.proving import DepotView
from pleura.prevent.health.check import Check, found, ill, well

OLDEST_BACKUP: Final = timedelta(days=7)
OLDEST_TEST: Final = timedelta(days=31)
_SHOWN: Final = 3


@dataclass(frozen=True, kw_only=True)
class DepotChecks:
    """Checks of all depots of one home."""

    records: Records
    clock: Clock
    view: Callable[[str], DepotView]
    """What can be seen of a depot; raises what the place says, and Refused where it is not ours."""
    bucket_facts: Callable[[str], BucketFacts]
    """What the store behind a depot says about its bucket; all None where it cannot be asked."""

    def examine(self) -> Iterator[Check]:
        """One check for each depot, and one for what is known of its store."""
        with self.records.read() as unit:
            depots = list(unit.catalogue.depots())
        if not depots:
            yield ill("backup", "there is no backup", "pleura backup create FOLDER")
        for depot in depots:
            yield found(f"{depot.kind} {depot.name}", functools.partial(self._depot, depot))
            if depot.checklist:
                yield found(f"cloud checklist {depot.name}", functools.partial(self._checklist, depot))

    def _depot(self, depot: Depot) -> Check:
        now, name = self.clock.now(), f"{depot.kind} {depot.name}"
        sync = "pleura backup create" if depot.kind == "backup" else "pleura replica sync"
        seen = self.view(depot.name)
        if seen.heads and not seen.opens:
            return ill(name, "no snapshot opens with the recovery sheet in force", f"{sync} {depot.name}")
        if seen.unreadable:
            return ill(
                name,
                "{count} heads of snapshots are damaged or none of ours: {some}",
                "look at them, and remove what is of no use: the other snapshots do not need them",
                count=len(seen.unreadable),
                some=" ".join(ascii(each)[1:-1] for each in seen.unreadable[:_SHOWN]),
            )
        if depot.synced_at is None or now - depot.synced_at > OLDEST_BACKUP:
            return ill(name, "it is older than a week", f"{sync} {depot.name}")
        if depot.tested_at is None or now - depot.tested_at > OLDEST_TEST:
            return ill(name, "no restore was tested for a month", f"pleura {depot.kind} verify {depot.name}")
        if depot.test_result:
            return ill(
                name,
                "the last restore test failed: {result}",
                f"{sync} {depot.name} && pleura {depot.kind} verify {depot.name}",
                result=depot.test_result,
            )
        return well(name, "a restore was tested on {day}", day=depot.tested_at.date().isoformat())

    def _checklist(self, depot: Depot) -> Check:
        checklist = msgspec.json.decode(depot.checklist, type=CloudChecklist)
        warnings = checklist.warnings(self._today(), self.bucket_facts(depot.name))
        name = f"cloud checklist {depot.name}"
        if not warnings:
            return well(
                name,
                "MLPS level {level}, certificate until {until}",
                level=checklist.mlps_level,
                until=checklist.mlps_expires,
            )
        return ill(
            name,
            "{warnings}",
            "settle it with the provider, then: pleura replica checklist {depot}",
            warnings=" ".join(warnings),
            depot=depot.name,
        )

    def _today(self) -> date:
        return self.clock.now().date()

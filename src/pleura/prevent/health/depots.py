"""The doctor's checks of backups and replicas."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

from pleura.domain.custody.places import BucketFacts, read_checklist
from pleura.domain.custody.words import WARNINGS, in_words
from pleura.domain.installation import Depot
from pleura.domain.ports import Clock, Records
from pleura.prevent.depots.proving import DepotView
from pleura.prevent.health.check import Check, found, ill, well

OLDEST_BACKUP: Final = timedelta(days=7)
OLDEST_TEST: Final = timedelta(days=31)
BACKUP: Final = "backup {depot}"
REPLICA: Final = "replica {depot}"
CHECKLIST: Final = "cloud checklist {depot}"
_SHOWN: Final = 3
_SILENT: Final = frozenset({"bucket-unreachable", "bucket-refuses", "bucket-unknown"})


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
            heading = BACKUP if depot.kind == "backup" else REPLICA
            check = found(_name(depot), functools.partial(self._depot, depot))
            yield _headed(check, depot, heading)
            if depot.checklist:
                # A store that was silent just now is not asked anything more.
                told = BucketFacts() if check.code in _SILENT else self.bucket_facts(depot.name)
                yield from (_headed(each, depot, CHECKLIST) for each in self._checklist(depot, told))

    def _depot(self, depot: Depot) -> Check:
        return self._contents(depot) or self._age(depot) or self._test(depot)

    def _contents(self, depot: Depot) -> Check | None:
        """What is wrong with the snapshots in the place."""
        seen, name = self.view(depot.name), _name(depot)
        if seen.heads and not seen.opens:
            return ill(name, "no snapshot opens with the recovery sheet in force", _fill(depot))
        if not seen.unreadable:
            return None
        return ill(
            name,
            "{count} heads of snapshots are damaged or none of ours: {some}",
            "look at them, and remove what is of no use: the other snapshots do not need them",
            count=len(seen.unreadable),
            some=" ".join(ascii(each)[1:-1] for each in seen.unreadable[:_SHOWN]),
        )

    def _age(self, depot: Depot) -> Check | None:
        """What was not done for too long."""
        now, name = self.clock.now(), _name(depot)
        if depot.synced_at is None:
            return ill(name, "it was never filled", _fill(depot))
        if now - depot.synced_at > OLDEST_BACKUP:
            return ill(name, "it is older than a week", _fill(depot))
        if depot.tested_at is None or now - depot.tested_at > OLDEST_TEST:
            return ill(name, "no restore was tested for a month", _verify(depot))
        return None

    def _test(self, depot: Depot) -> Check:
        """What the last restore test found."""
        day = depot.tested_at.date().isoformat() if depot.tested_at else ""
        if not depot.test_result:
            return well(_name(depot), "a restore was tested on {day}", day=day)
        wrong = ill(
            _name(depot), "the last restore test failed", f"{_fill(depot)} && {_verify(depot)}", day=day
        )
        return replace(wrong, because=in_words(depot.test_result), code=depot.test_result)

    def _checklist(self, depot: Depot, told: BucketFacts) -> Iterator[Check]:
        checklist, name = read_checklist(depot.checklist), f"cloud checklist {depot.name}"
        for code in checklist.warnings(self._today(), told):
            wrong = ill(
                name,
                WARNINGS[code],
                "settle it with the provider, then: pleura replica checklist {depot}",
                depot=depot.name,
                until=checklist.mlps_expires,
            )
            yield replace(wrong, code=code)
        if checklist.warnings(self._today(), told):
            return
        yield well(
            name,
            "MLPS level {level}, certificate until {until}",
            level=checklist.mlps_level,
            until=checklist.mlps_expires,
        )

    def _today(self) -> date:
        return self.clock.now().date()


def _name(depot: Depot) -> str:
    return f"{depot.kind} {depot.name}"


def _fill(depot: Depot) -> str:
    return f"pleura {'backup create' if depot.kind == 'backup' else 'replica sync'} {depot.name}"


def _verify(depot: Depot) -> str:
    return f"pleura {depot.kind} verify {depot.name}"


def _headed(check: Check, depot: Depot, heading: str) -> Check:
    return replace(check, heading=heading, facts={**check.facts, "depot": depot.name})

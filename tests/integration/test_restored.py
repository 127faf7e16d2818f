"""A small home backed up under load and restored; `./run assure restored` does it with 10,000 objects."""

from __future__ import annotations

from assurance import restored
from assurance.places import scratch


def test_every_answered_film_comes_back_from_a_backup_made_under_load() -> None:
    with scratch() as folder:
        found = restored.survey(folder, images=40)

    assert found.violations == []
    assert found.objects == 80
    assert found.backups >= 1
    assert found.restores[-1] == ("quiet", 40, 40)

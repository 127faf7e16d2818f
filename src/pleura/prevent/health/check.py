"""What the doctor says of one promise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pleura.domain.errors import PleuraError


@dataclass(frozen=True, kw_only=True)
class Check:
    """One promise: whether it holds, what was found, and what to do where it does not."""

    name: str
    ok: bool
    detail: str
    fix: str = ""
    facts: dict[str, str | int] = field(default_factory=dict)
    heading: str = ""
    """A template that says the name to a person; empty where the name itself does."""
    because: str = ""
    """What `detail` alone does not say, as a text."""
    code: str = ""
    """What was found, for programs."""


def found(name: str, check: Callable[[], Check]) -> Check:
    """What *check* found; what it raised makes the check called *name* fail, and no other."""
    try:
        return check()
    except PleuraError as fault:
        return failed(name, fault)


def failed(name: str, fault: PleuraError) -> Check:
    """A check that could not be made."""
    return Check(
        name=name, ok=False, detail=fault.what, fix=fault.next_step, facts=fault.facts, code=fault.code
    )


def well(name: str, detail: str, **facts: str | int) -> Check:
    """A promise that holds."""
    return Check(name=name, ok=True, detail=detail, facts=facts)


def ill(name: str, detail: str, fix: str, **facts: str | int) -> Check:
    """A promise that is broken, and what to do."""
    return Check(name=name, ok=False, detail=detail, fix=fix, facts=facts)

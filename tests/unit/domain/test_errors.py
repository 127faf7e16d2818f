"""Every error pleura raises belongs to one tree and says what to do next."""

from __future__ import annotations

import pytest

from pleura.domain import errors
from pleura.domain.errors import BadInput, PleuraError, SealBroken

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type)]


@pytest.mark.parametrize("kind", KINDS)
def test_the_base_of_all_errors_is_the_base_of_all_errors(kind: type) -> None:
    assert issubclass(kind, PleuraError)


@pytest.mark.parametrize("kind", KINDS)
def test_an_exit_code_is_one_of_those_the_command_line_promises(kind: type[PleuraError]) -> None:
    assert kind.exit_code in {1, 3, 4}


def test_an_error_says_what_happened_to_what_and_the_next_step() -> None:
    error = BadInput("no-file", "there is no file {path}", "check {path}", path="a.png")

    assert str(error) == "there is no file a.png; check a.png"
    assert error.code == "no-file"


def test_a_broken_seal_looks_the_same_whatever_broke_it() -> None:
    assert str(SealBroken()) == str(SealBroken())
    assert SealBroken().facts == {}

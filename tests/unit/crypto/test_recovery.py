"""The recovery code as letters, words and shares: what is typed wrong is noticed before a key is tried."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleura.crypto.roots.recovery import Shares, new_code, read_code, spelled, split, worded
from pleura.domain.errors import BadInput

codes = st.binary(min_size=32, max_size=32)


@given(codes)
def test_every_spelling_of_a_code_reads_back(code: bytes) -> None:
    letters = spelled(code)

    for typed in (letters, letters.lower(), letters.replace("-", " "), letters.replace("0", "O")):
        assert read_code([typed]) == code
    for language in ("zh", "en"):
        words = worded(code, language)  # type: ignore[arg-type]
        assert len(words) == 24
        assert read_code([" ".join(words)]) == code
        assert read_code(words) == code


@pytest.mark.parametrize(
    "typed",
    [[], [""], ["0"], ["of"], ["word " * 24], ["的 " * 24], ["x" * 56], ["的" * 56], ["1 " * 33]],
)
def test_what_is_no_code_is_a_typing_error(typed: list[str]) -> None:
    with pytest.raises(BadInput):
        read_code(typed)


@given(codes, st.integers(0, 55), st.sampled_from("0123456789ABCDEFGHJKMNPQRSTVWXYZ"))
def test_one_wrong_letter_is_noticed(code: bytes, place: int, letter: str) -> None:
    letters = spelled(code).replace("-", "")
    typed = letters[:place] + letter + letters[place + 1 :]

    if typed == letters:
        assert read_code([typed]) == code
        return
    with pytest.raises(BadInput, match="typing error"):
        read_code([typed])


def test_two_words_in_each_others_place_are_noticed_most_of_the_time() -> None:
    # BIP-39 has a checksum of 8 bits for 24 words: one exchange in 256 is not noticed by it, and then
    # the code opens nothing.
    noticed = 0
    for _ in range(64):
        words = worded(new_code(), "zh")
        words[3], words[9] = words[9], words[3]
        try:
            read_code(words)
        except BadInput:
            noticed += 1
    assert noticed >= 56


@pytest.mark.parametrize(("needed", "total"), [(2, 3), (2, 2), (3, 5)])
def test_any_of_the_needed_number_of_shares_give_the_code(needed: int, total: int) -> None:
    code = new_code()
    shares = split(code, Shares(needed=needed, total=total))

    assert len(shares) == total
    assert read_code(shares) == code
    for chosen in itertools.islice(itertools.combinations(shares, needed), 4):
        assert read_code(list(chosen)) == code


def test_one_share_fewer_gives_nothing() -> None:
    shares = split(new_code(), Shares(needed=3, total=5))

    with pytest.raises(BadInput, match="too few"):
        read_code(shares[:2])
    with pytest.raises(BadInput, match="do not fit"):
        read_code([shares[0], shares[0], shares[1]])
    with pytest.raises(BadInput, match="do not fit"):
        read_code([shares[0], *split(new_code(), Shares(needed=3, total=5))[1:3]])


@pytest.mark.parametrize(("needed", "total"), [(1, 3), (4, 3), (2, 17), (0, 0)])
def test_numbers_that_no_code_is_split_by_are_refused(needed: int, total: int) -> None:
    with pytest.raises(BadInput, match="2 to 16"):
        Shares(needed=needed, total=total)

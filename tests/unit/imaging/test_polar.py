"""The code of the payload mends what noise did to it, close to what is possible at all."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pleura.imaging.mark.polar import PAYLOAD_BYTES, WORD_BITS, decode, encode


def sent(payload: bytes) -> np.ndarray:
    return 1 - 2 * encode(payload).astype(np.float32)


@given(st.binary(min_size=PAYLOAD_BYTES, max_size=PAYLOAD_BYTES), st.floats(0.001, 1000))
@settings(max_examples=20, deadline=None)
def test_a_clear_word_decodes_in_any_scale(payload: bytes, scale: float) -> None:
    assert decode((sent(payload) * scale).astype(np.float32))[0] == payload


def test_a_word_is_decoded_where_each_bit_alone_is_wrong_every_fourth_time() -> None:
    dice = np.random.default_rng(1)
    right = 0
    for _ in range(20):
        payload = dice.bytes(PAYLOAD_BYTES)
        heard = sent(payload) * 0.6 + dice.standard_normal(WORD_BITS)
        right += payload in decode(heard.astype(np.float32))

    assert right == 20


def test_lost_bits_are_mended() -> None:
    dice = np.random.default_rng(2)
    payload = dice.bytes(PAYLOAD_BYTES)
    heard = sent(payload)
    heard[dice.permutation(WORD_BITS)[: WORD_BITS * 3 // 4]] = 0

    assert payload in decode(heard)


def test_noise_alone_gives_candidates_that_have_nothing_of_the_word() -> None:
    dice = np.random.default_rng(3)
    payload = dice.bytes(PAYLOAD_BYTES)

    assert payload not in decode(dice.standard_normal(WORD_BITS).astype(np.float32))


def test_silence_is_decoded_without_complaint() -> None:
    assert len(decode(np.zeros(WORD_BITS, np.float32))) == 32


def test_two_words_that_differ_in_one_bit_are_far_apart() -> None:
    first = bytes(PAYLOAD_BYTES)
    distances = [
        int((encode(first) ^ encode((1 << bit).to_bytes(PAYLOAD_BYTES, "big"))).sum())
        for bit in range(PAYLOAD_BYTES * 8)
    ]

    assert min(distances) >= 32


def test_a_payload_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(ValueError, match="20 bytes"):
        encode(bytes(19))

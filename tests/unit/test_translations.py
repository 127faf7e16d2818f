"""Every text a person may read is there in Chinese, with the same facts in it."""

from __future__ import annotations

import re
from string import Formatter

from tests.fakes.messages import messages

from pleura.entrypoints.language import Texts, chinese


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_every_text_has_its_chinese() -> None:
    assert sorted(messages() - chinese().keys()) == []


def test_no_chinese_text_is_left_over() -> None:
    assert sorted(chinese().keys() - messages()) == []


def test_a_translation_has_the_same_facts() -> None:
    different = [text for text, zh in chinese().items() if placeholders(text) != placeholders(zh)]

    assert different == []


def test_chinese_texts_use_chinese_punctuation() -> None:
    plain = [zh for zh in chinese().values() if re.search(r"[\u3400-\u9fff][,;!?]", zh)]

    assert plain == []


def test_english_is_what_the_source_says() -> None:
    assert Texts("en")("there is no copy {copy}", copy="cpy-1") == "there is no copy cpy-1"
    assert Texts("zh")("there is no copy {copy}", copy="cpy-1") == "没有副本 cpy-1"


def test_a_language_we_do_not_speak_becomes_english() -> None:
    assert Texts("fr")("start again") == "start again"

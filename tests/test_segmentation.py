"""Words and sentences, and the scripts of letters."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyglot_harness.errors import ConfigError
from polyglot_harness.languages import load_pack
from polyglot_harness.letters import (
    foreign_letter_count,
    foreign_runs,
    letter_count,
    width,
)
from polyglot_harness.segmentation import sentences, tokens, words

LANGUAGES = ("ar", "cs", "de", "es", "id", "ja", "ko", "th", "tl", "zh")
exact = settings(derandomize=True, deadline=None)


@pytest.mark.parametrize(
    ("code", "text", "found"),
    [
        ("ar", "ما هذا؟، كتاب.", "ما هذا ؟ ، كتاب ."),
        ("cs", "Stálo to 3,50 Kč.", "Stálo to 3,50 Kč ."),
        ("de", "„Ja“, sagte er.\n\n- Gut!", "„ Ja “ , sagte er . - Gut !"),
        ("es", "¿Qué? ¡No!", "¿ Qué ? ¡ No !"),
        ("id", "anak-anak, 5 $", "anak - anak , 5 $"),
        ("ja", "今日は晴れです。明日も", "今日 は 晴れ です 。 明日 も"),
        ("ja", "晴れ\0です\nはい", "晴れ です はい"),
        ("ko", "저는 학생입니다.", "저는 학생입니다 ."),
        ("th", "ดี A", "ด ี A"),
        ("zh", "你好。", "你 好 。"),
        ("de", "", ""),
        ("ja", " \n\u3000\n", ""),
    ],
)
def test_tokens(code: str, text: str, found: str) -> None:
    assert tokens(text, code) == found.split()
    assert words(text, code) == [t for t in found.split() if any(map(str.isalnum, t))]


@pytest.mark.parametrize(
    ("code", "text", "found"),
    [
        ("ar", "ما هذا؟ هذا كتاب. نعم!", ["ما هذا؟", "هذا كتاب.", "نعم!"]),
        ("cs", "Např. pan Novák přišel 5. května. Pak spal.",
         ["Např. pan Novák přišel 5. května.", "Pak spal."]),
        ("de", "Dr. Müller kam am 3. Mai. Das ist z. B. so!\n- eins\n- zwei",
         ["Dr. Müller kam am 3. Mai.", "Das ist z. B. so!", "- eins", "- zwei"]),
        ("es", "¿Qué tal? El Sr. García llegó.", ["¿Qué tal?", "El Sr. García llegó."]),
        ("id", "Halo. Apa kabar?", ["Halo.", "Apa kabar?"]),
        ("ja", "今日は。明日も！次", ["今日は。", "明日も！", "次"]),
        ("ko", "안녕하세요. 저는 학생입니다.", ["안녕하세요.", "저는 학생입니다."]),
        ("tl", "Kumusta ka? Mabuti.", ["Kumusta ka?", "Mabuti."]),
        ("de", " \n\n\t", []),
    ],
)  # fmt: skip
def test_sentences(code: str, text: str, found: list[str]) -> None:
    assert sentences(text, code) == found


# an initial before a space that is not plain made sentencex 1.0.32 panic
odd = st.text(
    st.sampled_from(
        'A. B.?!。！؟…\n\r\0\u0085\u00a0\u2028\u202f\u3000\u200b\ufeff„“"()«»「」1é日я😀'
    )
    | st.characters(codec="utf-8"),
    max_size=60,
)


@pytest.mark.parametrize("code", LANGUAGES)
@exact
@given(odd)
def test_nothing_but_space_is_lost(code: str, text: str) -> None:
    def solid(parts: list[str]) -> str:
        return "".join("".join(parts).replace("\0", "").split())

    assert solid(sentences(text, code)) == solid([text])
    if code != "ja":  # MeCab has spaces of its own
        assert solid(tokens(text, code)) == solid([text])


@pytest.mark.parametrize("code", ["ar", "cs", "de", "es", "id", "ja", "ko", "tl"])
def test_gold_texts_have_sentences(code: str) -> None:
    for seed in load_pack(code).seeds:
        found = sentences(seed.response, code)
        assert found
        assert all(words(sentence, code) for sentence in found)


@pytest.mark.parametrize(
    ("text", "script", "letters", "foreign", "runs"),
    [
        ("", "Latn", 0, 0, []),
        ("Straße 12, x³!", "Latn", 7, 0, []),
        ("Das heißt привет, мир auf Russisch", "Latn", 28, 9, ["привет, мир"]),
        ("كتاب iPhone 15 pro", "Arab", 13, 9, ["iPhone", "pro"]),
        ("ラーメンと東京タワー", "Jpan", 10, 0, []),
        ("彼は New York, NY に", "Jpan", 12, 9, ["New York, NY"]),
        ("한국어 漢字", "Kore", 5, 0, []),
        ("漢字 かな", "Hans", 4, 2, ["かな"]),
        ("नमस्ते", "Deva", 4, 0, []),
        ("5 µm, 3º", "Cyrl", 3, 2, ["m,", "º"]),
    ],
)
def test_letters_of_scripts(
    text: str, script: str, letters: int, foreign: int, runs: list[str]
) -> None:
    assert letter_count(text) == letters
    assert foreign_letter_count(text, script) == foreign
    assert foreign_runs(text, script) == runs


@exact
@given(st.text(), st.sampled_from(["Latn", "Arab", "Jpan", "Kore", "Cyrl"]))
def test_letters_are_those_of_python(text: str, script: str) -> None:
    assert letter_count(text) == sum(map(str.isalpha, text))
    assert 0 <= foreign_letter_count(text, script) <= letter_count(text) <= width(text)
    in_runs = sum(foreign_letter_count(run, script) for run in foreign_runs(text, script))
    assert in_runs == foreign_letter_count(text, script)


@pytest.mark.parametrize(("text", "columns"), [("ab 1.", 2), ("日本語ab", 8), ("한국", 4), ("", 0)])
def test_width(text: str, columns: int) -> None:
    assert width(text) == columns


def test_a_script_that_is_none() -> None:
    with pytest.raises(ConfigError, match="script 'Xyzw' is unknown; valid: Jpan, .*Latn"):
        foreign_letter_count("abc", "Xyzw")

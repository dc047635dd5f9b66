"""Metrics of the language of texts: switching, fidelity, translationese, known words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given as given_by_hypothesis
from hypothesis import settings
from hypothesis import strategies as st
from measuring import given, gold, measured, rejection, sample
from sklearn.metrics import roc_auc_score

from polyglot_harness.intrinsic import MeasureInput
from polyglot_harness.intrinsic.code_switching import mixing, names_only
from polyglot_harness.intrinsic.samples import Sample
from polyglot_harness.intrinsic.translationese import auc, features, frequent, hanley_mcneil
from polyglot_harness.languages import load_pack
from polyglot_harness.spec import Measurement

LANGUAGES = ("ar", "cs", "de", "es", "id", "ja", "ko", "tl")
exact = settings(derandomize=True, deadline=None, max_examples=60)
nan = math.nan
words = st.lists(st.sampled_from("abc"), max_size=12)


def values_of(found: dict[str, Measurement]) -> dict[str, float | None]:
    return {name: m.value for name, m in found.items()}


# --- code-switching and fidelity ---------------------------------------------------------------

ENGLISH = "The train to the airport leaves from the second platform every morning."
OWN = {
    "ar": "يجتمع أفراد العائلة حول المائدة كل مساء ويتحدثون عن يومهم الطويل.",
    "cs": "Každý večer se rodina schází u stolu a povídá si o tom, co se přes den stalo.",
    "de": "Jeden Abend sitzt die Familie am Tisch und redet über das, was geschehen ist.",
    "es": "Cada noche la familia se sienta a la mesa y habla de lo que ha pasado ese día.",
    "id": "Setiap malam keluarga itu duduk di meja makan dan bercerita tentang hari mereka.",
    "ja": "毎晩、家族は食卓を囲み、その日にあったことを話し合います。",
    "ko": "저녁마다 가족은 식탁에 둘러앉아 그날 있었던 일을 이야기합니다.",
    "tl": "Gabi-gabi ay nagtitipon ang pamilya sa mesa at nagkukuwentuhan tungkol sa maghapon.",
}
KIN = {
    "ar": "هر شب خانواده دور میز شام جمع می‌شوند و درباره روز خود گفتگو می‌کنند.",
    "cs": "Každý večer sa rodina stretáva pri stole a rozpráva sa o tom, čo sa cez deň stalo.",
    "es": "Todas as noites a família senta-se à mesa e fala do que aconteceu nesse dia.",
    "ja": "每天晚上，全家人围坐在餐桌旁，谈论这一天发生的事情。",
    "ko": "每天晚上，全家人围坐在餐桌旁，谈论这一天发生的事情。",
}


def is_mixed(text: str, language: str) -> bool | None:
    index = mixing(text, load_pack(language))
    return None if index is None else index > 0


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_english_sentence_is_found(language: str) -> None:
    own = OWN[language]
    assert is_mixed(f"{own} {own}", language) is False
    for text in (f"{own} {ENGLISH}", f"{ENGLISH} {own}", f"{own}\n{ENGLISH}\n{own}"):
        assert is_mixed(text, language) is True


@pytest.mark.parametrize("language", KIN)
def test_a_sentence_of_a_neighbour_is_found(language: str) -> None:
    assert is_mixed(f"{OWN[language]} {KIN[language]}", language) is True


@pytest.mark.parametrize("language", LANGUAGES)
def test_gold_responses_hardly_switch(language: str) -> None:
    found = [is_mixed(row.response, language) for row in gold(language)]
    judged = [mixed for mixed in found if mixed is not None]
    assert len(judged) >= 55
    assert sum(judged) <= (2 if language == "cs" else 0)  # two short sentences pass for Slovak


@pytest.mark.parametrize(
    ("language", "text", "mixed"),
    [
        ("de", "{own} Das Motto heißt „Always look on the bright side of life“.", False),
        ("de", "{own} \"The early bird catches the worm\" sagt man dort.", False),
        ("de", "{own}\n```python\nfor item in all the items: print(item)\n```", False),
        ("de", "{own} Siehe https://example.org/the/whole/story/of/this/page", False),
        ("de", "{own}\nThe Lord of the Rings, New York Times, Google Cloud Platform", False),
        ("de", "{own} OK, thank you!", False),
        ("de", "{own} Das Wort привет ist Russisch.", False),
        ("de", "{own} Er sagte мы сегодня вечером идём домой und ging.", True),
        ("ja", "{own}マイクロソフトのMicrosoft Azureを使い、New York Timesを読みます。", False),
        ("ja", "{own}その説明書をplease read the manual before you startと言いました。", True),
        ("ar", "{own} هذا البرنامج Microsoft Office 365 مفيد جدا للجميع.", False),
        ("ar", "{own} قال المدير please send me the report before noon ثم خرج.", True),
        ("id", "Ya.", None),
        ("cs", "", None),
        ("de", ENGLISH, False),  # wholly English is no mixture; fidelity tells
    ],
)  # fmt: skip
def test_what_counts_as_switching(language: str, text: str, mixed: bool | None) -> None:
    assert is_mixed(text.format(own=OWN[language]), language) is mixed


def test_the_index_is_the_share_of_letters(tmp_path: Path) -> None:
    letters = {text: sum(map(str.isalpha, text)) for text in (OWN["de"], ENGLISH)}
    text = f"{OWN['de']} {OWN['de']} {ENGLISH}"
    share = letters[ENGLISH] / (2 * letters[OWN["de"]] + letters[ENGLISH])
    assert mixing(text, load_pack("de")) == pytest.approx(share)
    rows = [sample(0, "?", text), sample(1, "?", OWN["de"]), sample(2, "?", "Ja.")]
    found, values = measured("code_switching", given(rows), tmp_path)
    assert (found["code_switching_rate"].value, found["code_switching_rate"].n) == (0.5, 2)
    assert found["code_mixing_index"].value == pytest.approx(share / 2)
    np.testing.assert_allclose(values.array("code_switching"), [1, 0, nan])
    np.testing.assert_allclose(values.array("code_mixing"), [share, 0, nan])


@pytest.mark.parametrize(
    ("text", "only"),
    [
        ("Leonardo DiCaprio, Brad Pitt, Tom Hanks", True),
        ("Staphylococcus aureus", True),
        ("please read the manual", False),
        ("The Lord of the Rings", True),
        ("the lord of the Rings", False),
        ("مرحبا بكم", False),
        ("", False),
    ],
)
def test_names(text: str, only: bool) -> None:
    assert names_only(text) is only


def test_fidelity_by_hand(tmp_path: Path) -> None:
    rows = [
        sample(0, "?", f"{OWN['de']} {OWN['de']}"),
        sample(1, "?", f"{ENGLISH} {ENGLISH}"),
        sample(2, "?", f"{OWN['de']} {OWN['de']} {ENGLISH}"),
        sample(3, "?", "42"),
    ]
    refused = [
        rejection(1, ENGLISH, reason="wrong_language"),
        rejection(2, OWN["de"], reason="duplicate"),
        rejection(3, " "),
    ]
    found, values = measured("language_fidelity", given(rows, refused), tmp_path)
    assert {name: (m.value, m.n) for name, m in found.items()} == {
        "language_fidelity": (4 / 6, 6),
        "response_fidelity": (3 / 4, 4),
        "sentence_fidelity": (4 / 7, 3),
        "script_fidelity": (1.0, 3),
    }
    assert list(values.array("in_language")) == [1, 0, 1, 1]
    assert list(values.array("sentences")) == [2, 2, 3, 0]
    np.testing.assert_allclose(values.array("sentence_fidelity"), [1, 0, 2 / 3, nan])
    np.testing.assert_allclose(values.array("script_fidelity"), [1, 1, 1, nan])


def test_letters_of_another_script(tmp_path: Path) -> None:
    rows = [sample(0, "?", "東京タワーはTokyo Towerです。"), sample(1, "?", "`code` 日本")]
    found, values = measured("language_fidelity", given(rows, language="ja"), tmp_path)
    assert list(values.array("letters")) == [18, 2]
    assert list(values.array("own_letters")) == [8, 2]
    assert found["script_fidelity"].value == pytest.approx(10 / 20)


# --- translationese ----------------------------------------------------------------------------


@given_by_hypothesis(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 1)), min_size=2))
@exact
def test_auc_is_that_of_scikit_learn(rows: list[tuple[int, int]]) -> None:
    scores = np.array([row[0] for row in rows], dtype=float)
    labels = np.array([row[1] for row in rows])
    if 0 < labels.sum() < len(labels):
        assert auc(scores, labels) == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)


def test_hanley_and_mcneil_have_this_example() -> None:
    # Hanley & McNeil 1982, Radiology 143: W = 0.893, 58 normal and 51 abnormal images
    assert hanley_mcneil(0.893, 58, 51) == pytest.approx(0.032, abs=0.0006)


def test_features_by_hand() -> None:
    place = frequent("de")
    found = features(sample(0, "Und das?", "Das ist gut."), "de")
    assert len(place) == 150
    assert found[place["das"]] == pytest.approx(2 / 5)
    assert found[place["und"]] == pytest.approx(1 / 5)
    assert found[place["nicht"]] == 0
    assert found[150:-2].sum() == pytest.approx(2 / 7)  # of seven tokens
    assert list(found[-2:]) == [pytest.approx(15 / 5), pytest.approx(5 / 2)]


def corpus(strategy: str, half: int, n: int = 60, marker: str = "") -> list[Sample]:
    """Half of all gold texts, drawn at random; each with a marker."""
    texts = [text for row in gold("de") for text in (row.prompt, row.response)]
    order = np.random.default_rng(0).permutation(len(texts))[half::2][:n]
    return [sample(int(i), texts[i], f"{marker}Danke schön.", strategy) for i in order]


@pytest.mark.parametrize(
    ("marker", "low", "high"), [("", 0.35, 0.65), ("Und so ist es nicht, dass: ", 0.95, 1.0)]
)
def test_translations_are_told_by_their_function_words(
    marker: str, low: float, high: float, tmp_path: Path
) -> None:
    rows = corpus("translate", 0, marker=marker) + corpus("generate", 1)
    found, values = measured("translationese", given(rows), tmp_path)
    m = found["translationese_auc"]
    assert m.value is not None
    assert low <= m.value <= high
    assert (m.n, m.params) == (120, (("others", 60), ("translated", 60)))
    assert m.stderr == pytest.approx(hanley_mcneil(m.value, 60, 60))
    column = values.array("translated_probability")
    assert ((column > 0) & (column < 1)).all()
    assert m.value == pytest.approx(roc_auc_score(np.repeat([1, 0], 60), column))


def test_what_has_a_source_is_translated(tmp_path: Path) -> None:
    rows = corpus("", 0, 55) + [
        replace(row, source=row.prompt, strategy="") for row in corpus("", 1, 52)
    ]
    found, _ = measured("translationese", given(rows), tmp_path)
    assert found["translationese_auc"].params == (("others", 55), ("translated", 52))
    assert found["translationese_auc"].value is not None


@pytest.mark.parametrize(
    ("rows", "params"),
    [
        (corpus("generate", 0), (60, 0)),
        (corpus("translate", 0), (0, 60)),
        (corpus("generate", 0) + corpus("translate", 1, 49), (60, 49)),
        (corpus("generate", 0) + corpus("translate", 1, 1) * 80, (60, 80)),
    ],
)
def test_too_few_different_prompts_are_missing(
    rows: Sequence[Sample], params: tuple[int, int], tmp_path: Path
) -> None:
    found, values = measured("translationese", given(rows), tmp_path)
    m = found["translationese_auc"]
    assert (m.value, m.stderr) == (None, None)
    assert m.params == (("others", params[0]), ("translated", params[1]))
    assert np.isnan(values.array("translated_probability")).all()


# --- known words and length --------------------------------------------------------------------


def test_gibberish_has_fewer_known_words(tmp_path: Path) -> None:
    rows = [sample(0, "?", OWN["de"]), sample(1, "?", "Der Blorf hat die Wimpelquax gezorgt."),
            sample(2, "?", "12 %")]  # fmt: skip
    found, values = measured("known_words", given(rows), tmp_path)
    np.testing.assert_allclose(values.array("known_words"), [1, 3 / 6, nan])
    assert (found["known_words"].value, found["known_words"].n) == (0.75, 2)


def test_japanese_has_no_known_words(tmp_path: Path) -> None:
    found, _ = measured("known_words", given(gold("ja"), language="ja"), tmp_path)
    assert (found["known_words"].value, found["known_words"].n) == (None, 0)


@pytest.mark.parametrize(("language", "unit"), [("de", "words"), ("ja", "characters")])
def test_the_unit_of_length_is_said(language: str, unit: str, tmp_path: Path) -> None:
    data: MeasureInput = given([sample(0, "a b", "c d e")], language=language)
    found, _ = measured("length", data, tmp_path)
    assert [m.params for m in found.values()] == [(("unit", unit),)] * 2
    assert values_of(found) == {"prompt_length": 2, "response_length": 3}

"""Overlap of texts with evaluation tasks, against the rule as it is written in the paper."""

from __future__ import annotations

import dataclasses
import random
from pathlib import Path

import numpy as np
import pytest

from polyglot_harness.curation.contamination import Unit, build_index, normalise
from polyglot_harness.curation.ngrams import code_points, substring_hashes
from polyglot_harness.languages import load_pack, pack_folders
from polyglot_harness.lm.task_texts import task_texts

LANGUAGES = sorted(pack_folders())

ENGLISH = "The quick brown fox jumps over the lazy dog while nobody in the village is watching"
ARABIC = "ذهب الولد إلى المدرسة في الصباح الباكر ثم عاد إلى البيت مع صديقه الجديد بعد الظهر"
JAPANESE = "朝起きると道路も車の屋根もぬれていましたが軒下の地面だけは乾いていました"


def words(text: str, start: int, end: int) -> str:
    return " ".join(text.split()[start:end])


@pytest.mark.parametrize(
    ("text", "unit", "plain"),
    [
        ("", "words", ""),
        (" \n\t", "words", ""),
        ("Don’t  STOP,\nsaid  he!", "words", "dont stop said he"),
        ("a - b = 3,5 €", "words", "a b 35"),
        ("ﬁne Ｆｕｌｌ Ⅳ straße", "words", "fine full iv strasse"),
        ("soft\u00adhyphen zero\u200bwidth", "words", "softhyphen zerowidth"),
        ("مُحَمَّدٌ ســـلام", "words", "محمد سلام"),
        ("e\u0301te\u0301", "words", "été"),
        ("हिन्दी में", "words", "हिन्दी में"),
        ("torn \ud83d half", "words", "torn half"),
        ("「朝、起きる」 ｶﾞ 10％", "characters", "朝起きるガ10"),
        ("", "characters", ""),
    ],
)
def test_normalise(text: str, unit: Unit, plain: str) -> None:
    assert normalise(text, unit) == plain


@pytest.mark.parametrize(
    ("item", "text", "unit", "found"),
    [
        # 13 words of a longer item, wherever they stand
        (ENGLISH, words(ENGLISH, 0, 13), "words", words(ENGLISH, 0, 13)),
        (ENGLISH, "So: " + words(ENGLISH, 3, 16) + ".", "words", words(ENGLISH, 3, 16)),
        (
            ENGLISH,
            words(ENGLISH, 2, 15).upper().replace(" ", " - "),
            "words",
            words(ENGLISH, 2, 15),
        ),
        (ENGLISH, ENGLISH, "words", words(ENGLISH, 0, 13)),
        (ENGLISH, words(ENGLISH, 0, 12), "words", ""),
        (ENGLISH, words(ENGLISH, 0, 12) + " which " + words(ENGLISH, 12, 16), "words", ""),
        (ENGLISH, words(ENGLISH, 1, 14) + "s", "words", ""),
        (ENGLISH, "x" + words(ENGLISH, 1, 14), "words", ""),
        (ENGLISH, "", "words", ""),
        # items of 8 to 12 words: only as a whole
        (words(ENGLISH, 0, 8), "Now " + words(ENGLISH, 0, 9), "words", words(ENGLISH, 0, 8)),
        (words(ENGLISH, 0, 12), ENGLISH, "words", words(ENGLISH, 0, 12)),
        (words(ENGLISH, 0, 12), words(ENGLISH, 0, 11), "words", ""),
        (words(ENGLISH, 0, 12), words(ENGLISH, 0, 11) + " nowhere", "words", ""),
        (words(ENGLISH, 0, 8), words(ENGLISH, 0, 8) + "s", "words", ""),
        (words(ENGLISH, 0, 7), ENGLISH, "words", ""),
        # 26 characters, 16 to 25 as a whole
        (JAPANESE, f"「{JAPANESE[4:30]}」", "characters", JAPANESE[4:30]),
        (JAPANESE, "、".join(JAPANESE[4:30]), "characters", JAPANESE[4:30]),
        (JAPANESE, JAPANESE[4:29], "characters", ""),
        (JAPANESE[:16], JAPANESE, "characters", JAPANESE[:16]),
        (JAPANESE[:15], JAPANESE, "characters", ""),
        # vowel signs and tatweel make no difference
        (ARABIC, words(ARABIC, 1, 14).replace("ا", "اَ"), "words", words(ARABIC, 1, 14)),
        (words(ARABIC, 0, 9), ARABIC.replace("ل", "لـ"), "words", words(ARABIC, 0, 9)),
    ],
)
def test_overlap(item: str, text: str, unit: Unit, found: str) -> None:
    index = build_index({"task": [(item,)]}, n=13, unit=unit)
    assert index.overlap(text) == normalise(found, unit)


def test_texts_of_an_item_stand_apart() -> None:
    index = build_index(
        {"task": [(words(ENGLISH, 0, 7), words(ENGLISH, 7, 14))]}, n=13, unit="words"
    )
    assert len(index) == 0
    assert index.overlap(ENGLISH) == ""


def test_another_n() -> None:
    tasks = {"task": [(ENGLISH,)]}
    assert build_index(tasks, n=5, unit="words").overlap(f"x {words(ENGLISH, 4, 9)}")
    assert not build_index(tasks, n=6, unit="words").overlap(f"x {words(ENGLISH, 4, 9)}")
    assert not build_index({"task": [("four words of it",)]}, n=5, unit="words")
    with pytest.raises(ValueError, match="0 words"):
        build_index(tasks, n=0, unit="words")


SHOTS = (
    "Land: Frankreich Hauptstadt: Paris Land: Japan Hauptstadt: Tokio "
    "Land: Ägypten Hauptstadt: Kairo Land:"
)


@pytest.mark.parametrize(
    ("items", "repeats", "counts"),
    [(10, 10, True), (11, 11, False), (1000, 10, True), (2000, 20, True), (2000, 21, False)],
)
def test_the_words_of_a_template_do_not_count(items: int, repeats: int, counts: bool) -> None:
    """More than 10 items and more than 1 % of them."""
    task = [(f"{SHOTS} land{i}" if i < repeats else f"item {i}", "Paris") for i in range(items)]
    index = build_index({"task": task}, n=13, unit="words")
    assert bool(index.overlap(SHOTS)) is counts
    assert index.overlap(f"{SHOTS} land3").endswith("land3" if not counts else "land")


def test_a_template_is_that_of_one_task() -> None:
    task = [(f"{SHOTS} land{i}", f"{SHOTS} land{i}") for i in range(11)]
    assert not build_index({"a": task, "b": task}, n=13, unit="words").overlap(SHOTS)
    assert build_index({"a": task[:6], "b": task[6:]}, n=13, unit="words").overlap(SHOTS)
    assert build_index({"a": task, "b": task[:1]}, n=13, unit="words").overlap(SHOTS)


def test_equal_hashes_are_no_match() -> None:
    index = build_index({"task": [(words(ENGLISH, 0, 13),)]}, n=13, unit="words")
    other = normalise(words(ENGLISH, 3, 16), "words")
    end = len(words(other, 0, 8))
    key = substring_hashes(code_points(other), np.array([0]), np.array([end]))
    collided = dataclasses.replace(index, keys=key)
    assert index.overlap(ENGLISH)
    assert collided.overlap(other) == ""


LENGTH, DIGEST = 8, "cbb679718533d73e"


def test_digest() -> None:
    tasks = {"a": [(ENGLISH,), ("few words",)], "b": [(ARABIC, ENGLISH)]}
    turned = {"z": [(ENGLISH.upper(), ARABIC + "!")], "y": [("other words",)]}
    index = build_index(tasks, n=13, unit="words")
    # the same in any process and on any machine
    assert (len(index), index.digest) == (LENGTH, DIGEST)
    assert build_index(turned, n=13, unit="words").digest == DIGEST
    changed = {**tasks, "c": [(f"{ENGLISH} now",)]}
    others = [
        build_index(changed, n=13, unit="words"),
        build_index(tasks, n=12, unit="words"),
        build_index(tasks, n=13, unit="characters"),
        build_index({}, n=13, unit="words"),
    ]
    assert len({DIGEST, *(other.digest for other in others)}) == 1 + len(others)


def ngrams_by_the_book(texts: list[str], unit: Unit) -> set[tuple[str, ...]]:
    n, shortest = (13, 8) if unit == "words" else (26, 16)
    units = [split(text, unit) for text in texts]
    return {
        tuple(u[i : i + min(n, len(u))])
        for u in units
        if len(u) >= shortest
        for i in range(max(len(u) - n, 0) + 1)
    }


def split(text: str, unit: Unit) -> list[str]:
    plain = normalise(text, unit)
    return plain.split() if unit == "words" else list(plain)


@pytest.mark.parametrize("language", LANGUAGES)
def test_like_a_set_of_tuples(language: str) -> None:
    """Over the pack's student tasks and seeds, and seeds into which parts of tasks were put."""
    pack = load_pack(language)
    items = [item for task in task_texts(pack.student_tasks).values() for item in task]
    # in tasks of ten items, nothing is a template
    tasks = {str(at): items[at : at + 10] for at in range(0, len(items), 10)}
    index = build_index(tasks, n=13, unit=pack.length_unit)
    grams = ngrams_by_the_book([text for item in items for text in item], pack.length_unit)
    assert len(index) == len(grams)
    rng = random.Random(language)
    sources = [text for item in items for text in item if len(text) > 40]
    outcomes = []
    for seed in pack.seeds * 3:
        part = rng.choice(sources)
        start, size = rng.randrange(len(part) // 2), rng.randrange(20, 160)
        text = f"{seed.response[:50]} {part[start : start + size]} {seed.prompt}"
        own = split(text, pack.length_unit)
        lengths = range(8, 14) if pack.length_unit == "words" else range(16, 27)
        hit = any(tuple(own[i : i + n]) in grams for n in lengths for i in range(len(own) - n + 1))
        found = index.overlap(text)
        assert bool(found) is hit
        assert not found or tuple(split(found, pack.length_unit)) in grams
        outcomes.append(hit)
    assert 10 < sum(outcomes) < len(outcomes) - 10


@pytest.mark.parametrize("language", LANGUAGES)
def test_seeds_share_nothing_with_the_student_tasks(language: str) -> None:
    pack = load_pack(language)
    tasks = task_texts(pack.student_tasks)
    index = build_index(tasks, n=13, unit=pack.length_unit)
    assert len(index) > 1000
    assert [s.id for s in pack.seeds if index.overlap(s.prompt) or index.overlap(s.response)] == []


def test_hashes_of_substrings() -> None:
    texts = [seed.response for language in LANGUAGES for seed in load_pack(language).seeds]
    texts += ["\ud800\U0010ffff" * 4, "aaaaaaaaaa"]
    seen: dict[int, str] = {}
    for text in texts:
        starts = np.arange(len(text) - 4)
        for i, value in enumerate(substring_hashes(code_points(text), starts, starts + 5).tolist()):
            assert seen.setdefault(value, text[i : i + 5]) == text[i : i + 5]
    assert len(seen) == len({text[i : i + 5] for text in texts for i in range(len(text) - 4)})


YAML = """\
task: {name}
custom_dataset: !function items.{name}
test_split: test
fewshot_config: {{samples: []}}
num_fewshot: 0
{rest}
"""
PYTHON = """\
import datasets

def _of(**fields):
    return {"test": datasets.Dataset.from_list([fields])}

def blank(**_):
    return _of(choices=["Ann saw", "Bob saw"], answer=1, ending="the sea.")

def free(**_):
    return _of(question="How many?", answers=["two", "2"])

def choice(**_):
    return _of(question="Which one?", choices=["this", "that"], answer=0)
"""
TASKS = {
    "blank": (
        "output_type: multiple_choice\ndoc_to_text: answer\ndoc_to_choice: choices\n"
        "doc_to_target: ending",
        {"Ann saw", "Bob saw", "the sea.", "Bob saw the sea."},
    ),
    "free": (
        "output_type: generate_until\ndoc_to_text: 'Q: {{question}}'\ndoc_to_target: answers",
        {"Q: How many?", "two", "2", "Q: How many? two", "Q: How many? 2"},
    ),
    "choice": (
        "output_type: multiple_choice\ndescription: Choose.\ndoc_to_text: '{{question}}'\n"
        "doc_to_choice: choices\ndoc_to_target: answer",
        {"Which one?", "this", "that", "Which one? this"},
    ),
}


@pytest.mark.parametrize("name", TASKS)
def test_texts_of_any_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("POLYGLOT_TRUST_PACK", "1")
    rest, texts = TASKS[name]
    (tmp_path / "items.py").write_text(PYTHON)
    (tmp_path / f"{name}.yaml").write_text(YAML.format(name=name, rest=rest))
    found = task_texts([name], str(tmp_path))
    assert {task: [set(item) for item in items] for task, items in found.items()} == {name: [texts]}


def test_texts_of_the_embedded_tasks() -> None:
    tasks = task_texts(["polyglot_mini_de"])
    assert sorted(tasks) == [f"polyglot_mini_de_{name}" for name in NAMES]
    assert tasks["polyglot_mini_de_agreement"][1] == (
        "Bitte ein Liste mit Werten eingeben.",
        "Bitte eine Liste mit Werten eingeben.",
    )


NAMES = ("agreement", "capitals", "continuation", "reply", "word_order", "word_translation")

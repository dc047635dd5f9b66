"""Mixtures as a dimension of the grid: what is trained, tested, compared and written."""

from __future__ import annotations

import json
import math

import pytest

from polyglot_harness.leaderboard.files import read_leaderboard
from polyglot_harness.leaderboard.mixtures import mixture_reading, write_mixtures
from polyglot_harness.mixtures import grid_of, languages_tested, training_data
from polyglot_harness.scoring.mixtures import CONTROL, MixedStudent, mean_rows, mixture_rows
from polyglot_harness.spec import Example, Mixture, RunSpec, TeacherCard
from polyglot_harness.store import read_record
from polyglot_harness.students import load_recipe, load_student

PINCH, NONE = Mixture(kind="pinch", amount=4), Mixture(kind="pinch", amount=0)


def spec_of(**fields) -> RunSpec:
    return RunSpec(
        **{
            "teachers": (), "languages": ("de", "cs"), "strategies": ("respond",), "limit": 4,
            "student": load_student("smollm2-135m"), "reference": "gold",
            "recipe": load_recipe("demo"), "metrics": (), "perplexity_model": "",
            "mixtures": (Mixture(), NONE, PINCH), "english": ("gold:en",),
            "also_evaluate": ("en", "es"), **fields,
        }
    )  # fmt: skip


def examples(code: str, n: int) -> list[Example]:
    return [
        Example(id=f"{code}-{i}", language=code, strategy="respond", seed_id="s", prompt=f"p {i}",
                response=f"r {i}", finish_reason="stop")
        for i in range(n)
    ]  # fmt: skip


def items(values: str) -> dict[str, dict[str, float]]:
    return {"task": {str(i): float(value) for i, value in enumerate(values)}}


def test_english_alone_is_one_student_whoever_teaches():
    teachers = tuple(TeacherCard(name=name, model="hf", form="chat") for name in "ab")
    spec = spec_of(teachers=teachers)
    assert grid_of(spec) == {
        "english pinch:0": (CONTROL, NONE), "a pinch:4": ("a", PINCH), "b pinch:4": ("b", PINCH),
    }  # fmt: skip
    assert languages_tested(spec) == ("de", "cs", "en", "es")


def test_the_size_stays_and_the_pinch_is_split_evenly():
    spec = spec_of(mix_budget=20)
    found = training_data(spec, PINCH, {"de": examples("de", 9), "cs": examples("cs", 9)})
    counts = {code: sum(e.language == code for e in found) for code in ("en", "de", "cs")}
    assert counts == {"en": 16, "de": 2, "cs": 2}
    control = training_data(spec, NONE, {})
    assert len(control) == 20
    # the English examples of the mixture are those of the control, at the same places
    same = [a.id for a, b in zip(found, control, strict=True) if a.id == b.id]
    assert len(same) == 16


def test_without_a_budget_the_recipe_decides():
    assert len(training_data(spec_of(), NONE, {})) == load_recipe("demo").max_train_samples


@pytest.fixture
def rows():
    base = {"de": items("0000"), "en": items("1100")}
    students = [
        MixedStudent(CONTROL, NONE, {"de": items("1000"), "en": items("1110")}),
        MixedStudent("a", PINCH, {"de": items("1110"), "cs": items("1010"), "en": items("1100")}),
    ]
    return mixture_rows(students, base, seen=("de", "cs"))


def test_rows_are_paired_by_item(rows):
    of = {(r.teacher, r.languages[0]): r for r in rows}
    german = of["a", "de"]
    assert (german.raw, german.gain, german.change) == (0.75, 0.75, 0.5)
    # differences 1 1 1 0 and 0 1 1 0: unbiased variances 1/4 and 1/3
    assert german.gain_stderr == pytest.approx(math.sqrt(0.25 / 4))
    assert german.change_stderr == pytest.approx(math.sqrt(1 / 3 / 4))
    assert [r.role for r in rows if r.teacher == "a"] == ["seen", "seen", "english"]
    assert of["a", "cs"].gain is None and of["a", "cs"].change is None
    assert of[CONTROL, "en"].change is None and of[CONTROL, "en"].gain == 0.25


def test_a_mean_lacks_what_one_language_lacks(rows):
    seen = next(r for r in mean_rows(rows) if r.teacher == "a" and r.role == "seen")
    assert seen.languages == ("de", "cs") and seen.n_items == 8
    assert seen.raw == 0.625 and seen.gain is None
    assert seen.raw_stderr == pytest.approx(math.sqrt(0.25 / 4 + 1 / 3 / 4) / 2)


def test_the_reading_says_what_cannot_be_told(rows):
    lines = mixture_reading(rows).splitlines()
    assert len(lines) == 2
    assert "the languages mixed in (de, cs): not to be told" in lines[0]
    assert "English (en): no difference can be told, -25.0 [-74.0, +24.0] points" in lines[1]


def test_files_are_the_same_bytes_again(rows, tmp_path):
    first = {p.name: p.read_bytes() for p in write_mixtures(tmp_path, rows)}
    again = {p.name: p.read_bytes() for p in write_mixtures(tmp_path, rows)}
    assert first == again and set(first) == {"mixtures.json", "MIXTURES.md", "mixtures.svg"}
    assert len(json.loads(first["mixtures.json"])["languages"]) == 5


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--mixture", "pinch:4"), "--english"),
        (("--mixture", "pinch"), "pinch"),
        (("--mixture", "pinch:0", "--english", "gold:en"), "compares no teachers"),
        (("--english", "gold:en"), "--mixture"),
        (("--mixture", "pinch:4", "--english", "no.jsonl"), "no.jsonl"),
        (("--mixture", "pinch:4", "--english", "gold:en", "--also_evaluate", "xx"), "xx"),
        (("--mixture", "pinch:4", "--english", "gold:en", "--languages", "en"), "en"),
        (("--mixture", "pinch:40", "--english", "gold:en"), "--mix_budget up to 130"),
        (("--mixture", "pinch:4", "--english", "gold:en", "--mix_budget", "131"), "has 130"),
        (("--mixture", "share:101", "--english", "gold:en"), "share"),
    ],
)
def test_bad_input_is_one_line(cli, tmp_path, arguments, words):
    done = cli("run", "--teacher", "smollm2-135m-instruct", "--languages", "de", "--output_path",
               tmp_path / "out", *arguments)  # fmt: skip
    assert done.returncode == 2 and words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


RUN = (
    "run", "--teacher", "gemma-3-270m", "--languages", "id,de", "--strategies", "respond",
    "--limit", "6", "--gen_kwargs", "max_gen_toks=24", "temperature=0.5",
    "--recipe_args", "max_train_samples=8", "batch_size=4", "micro_batch_size=4",
    "--mixture", "alone,pinch:0,pinch:2", "--english", "gold:en", "--mix_budget", "8",
    "--also_evaluate", "en,es", "--tasks", "polyglot_mini_{lang}_word_order", "--eval_limit", "12",
    "--metrics", "acceptance_rate,length", "--device", "cpu",
)  # fmt: skip


@pytest.fixture(scope="module")
def command(tiny_student):
    return [*RUN, "--student_args", f"pretrained={tiny_student}", "name=tiny"]


@pytest.fixture(scope="module")
def finished(cli, command, tmp_path_factory):
    folder = tmp_path_factory.mktemp("mixtures") / "out"
    done = cli(*command, "--output_path", folder)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def test_a_run_over_mixtures(finished):
    folder, printed = finished
    boards = [read_leaderboard(folder), read_leaderboard(folder / "mixtures" / "pinch-2")]
    assert [len(board.scores) for board in boards] == [2, 2]
    alone, pinch = (board.scores[0].signature for board in boards)
    assert "|mix:" not in alone and "|mix:pinch:2@" in pinch
    table = json.loads((folder / "mixtures.json").read_text(encoding="utf-8"))
    assert {(r["teacher"], *r["languages"], r["role"]) for r in table["languages"]} == {
        (teacher, code, role)
        for teacher in ("english", "gemma-3-270m")
        for code, role in (("id", "seen"), ("de", "seen"), ("en", "english"), ("es", "unseen"))
    }
    assert all(r["gain"] is not None and r["n_items"] == 12 for r in table["languages"])
    assert "English alone" in printed and "mixture pinch:2" in printed
    (mix,) = folder.glob("train/*gemma-3-270m-pinch-2*")
    data = [json.loads(line) for line in (mix / "data.jsonl").read_text("utf-8").splitlines()]
    assert sorted(e["language"] for e in data) == ["de"] + ["en"] * 6 + ["id"]
    # two students of teachers alone, two references, English alone, the mixture
    assert len(list(folder.glob("train/*/record.json"))) == 6
    assert all(read_record(path).status == "complete" for path in folder.glob("*/*/record.json"))


def test_another_mixture_trains_one_more_student(cli, command, finished):
    folder, _ = finished
    more = [part.replace("pinch:2", "pinch:2,share:50") for part in command]
    done = cli(*more, "--output_path", folder, "--update")
    assert done.returncode == 0, done.stderr
    assert len(list(folder.glob("train/*/record.json"))) == 7
    assert (folder / "mixtures" / "share-50" / "LEADERBOARD.md").exists()
    scored = cli("score", folder)
    assert scored.returncode == 0 and "share:50" in scored.stdout

"""From the outcome of a run to results files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from boards import signature

from polyglot_harness.files import write_jsonl
from polyglot_harness.leaderboard.collect import CUT, SHOWN, results_of, task_items
from polyglot_harness.leaderboard.facts import revision, student_facts, teacher_facts
from polyglot_harness.leaderboard.ranking import score_and_rank
from polyglot_harness.leaderboard.results import decode, file_text, read_files, write_results
from polyglot_harness.pipeline import Board, CellData, Outcome
from polyglot_harness.scoring.cells import Anchors, Cell
from polyglot_harness.scoring.items import Items
from polyglot_harness.scoring.options import Scoring
from polyglot_harness.spec import (
    Example,
    Measurement,
    Recipe,
    RunSpec,
    StudentCard,
    TeacherCard,
    digest,
    pairs,
)
from polyglot_harness.stages import Done
from polyglot_harness.store import Result, run_stage

STUDENT = StudentCard(name="tiny-135m", pretrained="org/tiny", family="tiny")


def card(name: str = "teacher-1b", **changes: object) -> TeacherCard:
    usual = {"name": name, "model": "hf", "model_args": (("pretrained", f"org/{name}"),)}
    return TeacherCard.model_validate({**usual, "form": "chat", **changes})


SPEC = RunSpec(
    teachers=(card("A"), card("B")), languages=("de",), strategies=("generate", "respond"),
    limit=4, seed=3, student=STUDENT, reference="gold", recipe=Recipe(name="r"),
    metrics=("perplexity",), perplexity_model="org/base",
)  # fmt: skip


def answered(right: str, tasks: str = "xy") -> Items:
    return {task: {f"{task}{n}": float(r) for n, r in enumerate(right)} for task in tasks}


ANCHORS = Anchors(answered("000001"), answered("111110"), student="tiny-135m")


def generated(root: Path, strategy: str, n: int = 5, **counts: object) -> Done:
    """A finished generate stage with n examples, the first of them long."""

    def work(folder: Path) -> Result:
        write_jsonl(folder / "rejections.jsonl", [])
        write_jsonl(
            folder / "examples.jsonl",
            [
                Example(
                    id=f"{strategy}-{i}", language="de", strategy=strategy, seed_id="s",
                    prompt="Frage?", response="ä" * (CUT + 1 if i == 0 else 3),
                    finish_reason="stop",
                )
                for i in range(n)
            ],
        )  # fmt: skip
        usual = {"accepted": n, "replies": n + 2, "rejected_too_short": 2, "tokens_in": 100,
                 "tokens_out": 50}  # fmt: skip
        return Result({**usual, **counts})

    return Done(*run_stage(root, "generate", strategy, pairs({"n": n}), work))


def measured(root: Path) -> Done:
    found = (Measurement(name="perplexity", language="de", value=9.5, stderr=0.5, n=5),)

    def work(folder: Path) -> Result:
        up = [1.0, 2.0, 3.0, 4.0, None]
        pq.write_table(
            pa.table(
                {
                    "prompt_distance": up,
                    "response_distance": [2.0] * 5,
                    "perplexity": pa.array([4.0, 3.0, 2.0, 1.0, 9.0]),
                }
            ),
            folder / "values.parquet",
        )
        return Result({}, found)

    return Done(*run_stage(root, "measure", "m", (), work))


def outcome(cells: dict[str, CellData], answers: dict[str, Items], anchors: Anchors) -> Outcome:
    made = [
        Cell(
            teacher=cell.teacher.name, language="de", student=STUDENT.name,
            signature=signature(seed=3), items=answers.get(name),
            measurements=cell.measured.record.measurements if cell.measured else (),
        )
        for name, cell in cells.items()
    ]  # fmt: skip
    board = Board(*score_and_rank(made, {"de": anchors}, Scoring(resamples=0)))
    return Outcome({"alone": board}, cells, {"alone": answers}, {"de": anchors})


@pytest.fixture
def found(tmp_path: Path) -> Outcome:
    """A is whole, B failed at everything."""
    done = (generated(tmp_path, "generate", cost_usd=0.25), generated(tmp_path, "respond"))
    cells = {
        "A de": CellData(card("A"), "de", done, measured(tmp_path)),
        "B de": CellData(card("B"), "de"),
    }
    return outcome(cells, {"A de": answered("001111")}, ANCHORS)


def test_a_whole_cell(found: Outcome) -> None:
    file, _ = results_of(found, SPEC)
    (row,) = file.rows
    assert (file.teacher.name, file.student.name, file.language) == ("A", "tiny-135m", "de")
    assert (row.seed, row.mixture, row.strategies) == (3, "alone", ("generate", "respond"))
    assert (row.raw, row.base, row.reference) == pytest.approx((4 / 6, 1 / 6, 5 / 6))
    assert (row.gain, row.pgr) == pytest.approx((0.5, 0.75))
    assert (row.n_items, row.n_examples, row.n_replies) == (12, 10, 14)
    assert (row.tokens_in, row.tokens_out, row.cost_usd) == (200, 100, 0.25)
    assert row.rejections == (("too_short", 4),)
    assert (row.missing, row.z) == ((), None)
    assert row.correlations == (("prompt_distinct_ri", "perplexity", -1.0),)
    assert dict(row.provenance)["versions"]
    shown = [e.strategy for e in row.examples]
    assert shown == ["generate"] * SHOWN + ["respond"] * SHOWN
    assert [len(e.response) for e in row.examples[:2]] == [CUT, 3]
    assert [e.cut for e in row.examples[:2]] == [True, False]


def test_a_cell_that_failed_says_what_is_missing(found: Outcome) -> None:
    _, file = results_of(found, SPEC)
    (row,) = file.rows
    assert row.missing == ("data", "measurements", "pgr", "student")
    assert (row.raw, row.pgr, row.n_examples, row.cost_usd) == (None, None, None, None)
    assert (row.items, row.examples, row.measurements) == ((), (), ())
    assert row.reference == pytest.approx(5 / 6)


def test_without_anchors(tmp_path: Path) -> None:
    cells = {"A de": CellData(card("A"), "de", (generated(tmp_path, "generate"),))}
    found = outcome(cells, {"A de": answered("01")}, Anchors(failed="anchors failed"))
    ((row,),) = (file.rows for file in results_of(found, SPEC))
    assert row.missing == ("measurements", "pgr", "base", "reference")
    assert (row.raw, row.cost_usd) == (0.5, None)
    assert all(task.base is task.reference is None for task in row.items)


def test_how_a_board_is_scored_has_no_part_in_it(found: Outcome) -> None:
    before = results_of(found, SPEC)
    cells = [c.model_copy(update={"pgr": 9.0, "score": 9.0}) for c in found.boards["alone"].scores]
    found.boards["alone"] = Board(tuple(cells), found.boards["alone"].ranking)
    assert results_of(found, SPEC.model_copy(update={"alpha": 0.1})) == before


def test_files_are_the_same_bytes_again(found: Outcome, tmp_path: Path) -> None:
    for name in "xy":
        write_results(tmp_path / name, results_of(found, SPEC))
    (a, one), _ = read_files(tmp_path / "x")
    assert file_text(one) == file_text(results_of(found, SPEC)[0]) == a.read_text("utf-8")
    assert a.read_bytes() == (tmp_path / "y" / a.relative_to(tmp_path / "x")).read_bytes()


def test_answers_in_the_order_of_sorted_ids() -> None:
    student = {"t": {"b": 1.0, "a": 0.0, "c": 0.5}}
    (found,) = task_items(student, Anchors({"t": {"c": 1, "a": 0, "b": 1}}, {"t": {"a": 1.0}}))
    assert found.ids == digest(["a", "b", "c"])
    assert np.array_equal(decode(found.student), [0, 1, 0.5])
    assert (found.base, found.reference) == ("011", None)
    assert task_items(None, ANCHORS) == ()


# --- facts --------------------------------------------------------------------------------------


def test_facts_of_a_teacher() -> None:
    found = teacher_facts(card("x-1.5b", licence="MIT", price_in=1.0))
    assert (found.model, found.size_b, found.licence) == ("hf:org/x-1.5b", 1.5, "MIT")
    assert (found.price_in, found.price_out) == (1.0, None)
    assert student_facts(STUDENT).size_b == 0.135


def test_a_pinned_commit_is_the_revision() -> None:
    args = (("pretrained", "org/x"), ("revision", "c0de"))
    assert revision(card(model_args=args)) == "c0de"


@pytest.mark.parametrize(
    "change",
    [
        {"form": "completion"},
        {"gen_kwargs": (("temperature", 0.1),)},
        {"reply_format": "labels"},
        {"model": "vllm"},
        {"model_args": (("pretrained", "org/y"),)},
        {"model_args": (("pretrained", "org/teacher-1b"), ("dtype", "bfloat16"))},
    ],
)
def test_what_shapes_replies_is_another_revision(change: dict[str, object]) -> None:
    assert revision(card(**change)) != revision(card())
    assert len(revision(card())) == 12


@pytest.mark.parametrize("change", [{"name": "other", "model_args": card().model_args},
                                    {"price_in": 3}, {"notes": "n"}])  # fmt: skip
def test_what_does_not_shape_replies(change: dict[str, object]) -> None:
    assert revision(card(**change)) == revision(card())


def test_neither_secrets_nor_folders_of_this_machine() -> None:
    args = (("model", "/home/me/models/secret-7b"), ("base_url", "https://host.example/v1"))
    text = teacher_facts(card(model="local-chat-completions", model_args=args)).model_dump_json()
    assert "/home/me" not in text and "host.example" not in text
    assert '"model":"local-chat-completions:secret-7b"' in text

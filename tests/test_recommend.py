"""`recommend` as it is used: questions, what it answers, and what it says that it does not know."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from boards import results_file, row, write_file, write_folder

from polyglot_harness.cli import main
from polyglot_harness.leaderboard.advice import Advice, Filters, Known, advise
from polyglot_harness.leaderboard.advice.costs import NO_EXAMPLE, NO_PRICE, cost_of
from polyglot_harness.leaderboard.advice.knowledge import COUNTS, choose
from polyglot_harness.leaderboard.advice.wanted import refused
from polyglot_harness.leaderboard.advice.worth import run_command
from polyglot_harness.leaderboard.records import StudentFacts, TeacherFacts

STUDENT = StudentFacts(name="s")


def cell(
    teacher: str = "a",
    language: str = "de",
    value: float = 0.05,
    *,
    student: str = "s",
    stderr: float = 0.01,
    seed: int = 0,
    condition: str = "8",
    variant: str = "",
    facts: dict[str, object] | None = None,
    **counts: float,
) -> Known:
    return Known(
        TeacherFacts.model_validate({"name": teacher, "revision": "r", **(facts or {})}),
        StudentFacts(name=student), language, (("n", condition),), (("pack", variant),),
        value, stderr, {**dict.fromkeys(COUNTS, np.nan), **counts}, (seed,),
    )  # fmt: skip


def ask(
    capsys: pytest.CaptureFixture[str], results: Sequence[Path], *more: str,
    language: str = "de", student: str = "s", status: int = 0,
) -> str:  # fmt: skip
    arguments = ["recommend", "--language", language, "--student", student, *more]
    assert main([*arguments, "--results", *map(str, results)]) == status
    found = capsys.readouterr()
    return found.out if status == 0 else found.err


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    teachers = {"poor": 0.32, "fair": 0.42, "good": 0.6}
    return write_folder(tmp_path_factory.mktemp("results"), teachers, ("de", "es"))


def test_the_better_teacher_comes_first(folder: Path, tmp_path: Path,
                                        capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    file = tmp_path / "new" / "advice.json"
    out = ask(capsys, [folder], "--json", str(file), "--top", "2")
    assert [line.split()[:2] for line in out.splitlines()[3:5]] == [["1", "good"], ["2", "fair"]]
    assert "... and 1 more (--top)." in out
    assert "Condition: ask:5b11|checks:9d0c|n:16|sft:demo@2658" in out
    advice = Advice.model_validate_json(file.read_text(encoding="utf-8"))
    assert [r.teacher for r in advice.rows] == ["good", "fair", "poor"]
    assert advice.rows[0].p_best > 0.9
    assert sum(r.p_best for r in advice.rows) == pytest.approx(1)
    assert all(r.measured and r.cells == 2 for r in advice.rows)
    for r in advice.rows:
        assert r.low_95 < r.low_80 < r.expected < r.high_80 < r.high_95
        assert r.cost.low is not None and r.cost.usd is not None and r.cost.high is not None
        assert r.cost.low <= r.cost.usd <= r.cost.high
    assert advice.n_cells == 6
    json.loads(file.read_text(encoding="utf-8"), parse_constant=pytest.fail)


@pytest.mark.parametrize(("by", "name"), [("stable", "stable score"), ("score", "Polyglot Score")])
def test_by_scores_of_the_students_board(by: str, name: str, folder: Path,
                                         capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    out = ask(capsys, [folder], "--by", by)
    assert f"by expected {name}" in out
    assert "gains at all" not in out


def test_another_language_and_student_are_predicted_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_folder(tmp_path, {"fair": 0.4, "good": 0.46})
    out = ask(capsys, [folder], language="ja", student="gemma-3-4b")
    assert "Student gemma-3-4b was read as gemma-3-4b-pt." in out
    assert "No student gemma-3-4b-pt was measured: all is predicted from s" in out
    assert "No teacher was measured in ja: all is predicted from de, es" in out
    assert "2 other cells" in out
    command = re.findall(r"^Next: (.*)$", out, re.MULTILINE)[0]
    assert re.match("polyglot-harness run --teacher (good|fair) --languages ja --student", command)
    assert command.endswith("--strategies generate,translate --limit 16 --recipe demo")


def test_unknown_names_list_the_known_ones(folder: Path,
                                           capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    assert "unknown language 'xx'" in ask(capsys, [folder], language="xx", status=2)
    error = ask(capsys, [folder], student="nobody", status=2)
    assert "unknown student 'nobody'" in error
    assert "smollm2-135m" in error
    assert "may be any of: gemma-3-270m, gemma-3-4b-pt" in ask(
        capsys, [folder], student="GEMMA-3", status=2
    )
    assert "unknown student ''" in ask(capsys, [folder], student="", status=2)
    assert "no such file" in ask(capsys, [folder / "gone"], status=2)
    assert "is a folder" in ask(capsys, [folder], "--json", str(folder), status=2)
    assert "cannot be written" in ask(
        capsys, [folder], "--json", str(Path(__file__) / "x"), status=5
    )


def test_nothing_known_is_an_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = ask(capsys, [tmp_path], student="smollm2-135m", language="id")
    assert "Nothing is known: there are no results." in out
    assert "polyglot-harness run --teacher gemma-3-270m,smollm2-135m-instruct --languages id" in out
    write_file(tmp_path, results_file("a", rows=[row(gain=None, gain_stderr=None)]))
    assert "of 1 cells none has a gain that can be used" in ask(capsys, [tmp_path])


def test_damaged_results_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_file(tmp_path, results_file("a"))
    path.write_text(path.read_text(encoding="utf-8")[:200], encoding="utf-8")
    assert len(ask(capsys, [tmp_path], status=5).splitlines()) == 1


def test_a_run_of_an_older_version_is_read_by_its_leaderboard(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = Path(__file__).parent / "data" / "recommend_leaderboard.json"
    (tmp_path / "leaderboard.json").write_bytes(source.read_bytes())
    for path in (tmp_path, tmp_path / "leaderboard.json"):
        out = ask(capsys, [path], student="smollm2-135m")
        assert "gemma-3-270m" in out
        assert f"Cost unknown: {NO_PRICE}: gemma-3-270m, smollm2-135m-instruct." in out


def test_hostile_names_are_harmless(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ["[red]x[/]", "a\x1b[31m\n\u202eb", "$(touch hacked); 'q", "--debug"]
    for name in names:
        write_file(tmp_path, results_file(name, skill=0.4))
    out = ask(capsys, [tmp_path], "--top", "9")
    assert "[red]x[/]" in out
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert run_command(names[2], "de", "s").count("'\"'\"'") == 1


def test_only_cells_of_one_condition_are_compared() -> None:
    known = [cell(t, value=v) for t, v in (("a", 0.1), ("b", 0.0))]
    known += [
        cell("c", value=0.9, condition="64"),
        cell("a", value=-0.5, condition="64", student="t"),
    ]
    known += [cell("d", value=0.8, variant="other tasks"), cell("e", value=7.0)]
    chosen = choose(known, "de", "s")
    assert chosen is not None
    assert [(c.teacher.name, c.value) for c in chosen.cells] == [("a", 0.1), ("b", 0.0)]
    assert (chosen.others, chosen.variants, chosen.impossible) == (2, 1, 1)
    assert chosen.elsewhere == ("c",)
    said = " ".join(advise(known, "de", STUDENT).notes)
    for text in ("2 cells of 1 other conditions", "1 cells are left out: most", "too large",
                 "Only under other conditions: c."):  # fmt: skip
        assert text in said


def test_seeds_are_joined_and_what_they_differ_by_is_error() -> None:
    known = [cell(value=0.02), cell(value=0.06, seed=1), cell(value=0.06, seed=1)]
    chosen = choose(known, "de", "s")
    assert chosen is not None
    (joined,) = chosen.cells
    assert joined.value == pytest.approx(0.04)
    assert joined.stderr == pytest.approx(np.hypot(0.01, 0.02))
    assert joined.seeds == (0, 1)


@pytest.mark.parametrize(
    ("cells", "usd", "source"),
    [
        ([cell(cost_usd=2.0, n_examples=50)], 400.0, "measured in de"),
        ([cell("a", "es", cost_usd=2.0, n_examples=50)], 400.0, "measured in other languages: es"),
        ([cell(tokens_in=1e6, tokens_out=5e5, n_examples=100,
               facts={"price_in": 1.0, "price_out": 2.0})], 200.0, "measured in de"),
        ([cell(cost_usd=0.0, n_examples=5)], 0.0, "measured in de"),
        ([cell(cost_usd=2.0, n_examples=0)], None, NO_EXAMPLE),
        ([cell(n_examples=5, tokens_in=10, tokens_out=10)], None, NO_PRICE),
    ],
)  # fmt: skip
def test_costs(cells: list[Known], usd: float | None, source: str) -> None:
    cost = cost_of(cells, "de", 10_000)
    assert cost.source == source
    assert cost.usd == (None if usd is None else pytest.approx(usd, abs=1e-6))


def test_the_cost_is_less_sure_where_few_were_accepted_or_languages_differ() -> None:
    def width(*cells: Known) -> float:
        cost = cost_of(cells, "de", 100)
        assert cost.high is not None and cost.low is not None
        return cost.high / cost.low

    many = cell(cost_usd=1.0, n_examples=900, n_replies=1000)
    few = cell(cost_usd=1.0, n_examples=5, n_replies=50)
    assert 1 < width(many) < 1.1 < width(few)
    others = [cell("a", x, cost_usd=c, n_examples=900, n_replies=1000)
              for x, c in (("es", 1.0), ("id", 4.0))]  # fmt: skip
    assert width(*others) > 10


@pytest.mark.parametrize(
    ("facts", "filters", "why"),
    [
        ({"licence": "Apache-2.0"}, Filters(licences=("apache*",)), ""),
        ({"licence": "Gemma"}, Filters(licences=("apache*", "mit")), "licence Gemma"),
        ({}, Filters(licences=("mit",)), "its licence is not known"),
        ({"size_b": 32}, Filters(max_size=32), ""),
        ({"size_b": 70}, Filters(max_size=32), "70B parameters, over 32B"),
        ({}, Filters(max_size=1), ""),
        ({}, Filters(budget=400), ""),
        ({}, Filters(budget=399), "expected to cost $400.00, over $399.00"),
    ],
)
def test_filters(facts: dict[str, object], filters: Filters, why: str) -> None:
    known = cell(cost_usd=2.0, n_examples=50, facts=facts)
    assert refused(known.teacher, cost_of([known], "de", 10_000), filters) == why


def test_over_budget_is_named_and_the_unknown_is_kept_and_marked(
    folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    write_file(tmp_path, results_file("local", cost_usd=None, facts={"size_b": None}))
    out = ask(capsys, [folder, tmp_path], "--budget", "1", "--max_size", "2")
    assert re.search(r"Left out: good: expected to cost \$\d+\.\d\d, over \$1\.00\.", out)
    assert f"Cost unknown: {NO_PRICE}; size unknown: local." in out
    out = ask(capsys, [folder], "--licence", "mit")
    assert "No teacher is left." in out


def test_one_teacher_is_no_choice() -> None:
    advice = advise([cell("a", language) for language in ("de", "es")], "de", STUDENT)
    assert advice.sure.startswith("There is one teacher only")
    assert advice.rows[0].p_best == 1
    assert advice.most == 0
    assert advice.next == ()


def test_what_to_measure_next_is_what_could_change_the_choice() -> None:
    known = [cell(t, x, v, cost_usd=1.0, n_examples=10)
             for x in ("es", "id", "cs")
             for t, v in (("a", 0.1), ("b", 0.09), ("bad", -0.3))]  # fmt: skip
    known += [cell("a", value=0.1, stderr=0.001, cost_usd=1.0, n_examples=10)]
    advice = advise(known, "de", STUDENT)
    first = advice.next[0]
    assert (first.teacher, first.language, first.student, first.again) == ("b", "de", "s", False)
    assert first.worth_per_usd == pytest.approx(first.worth)
    assert 0 < first.worth <= advice.most
    assert "bad" not in {m.teacher for m in advice.next if m.worth > 1e-4}
    assert "first two cannot be told apart" in advice.sure


def test_the_same_question_has_the_same_answer() -> None:
    known = [cell(t, x, v) for t, v in (("a", 0.1), ("b", 0.05)) for x in ("de", "es")]
    assert advise(known, "de", STUDENT) == advise(known, "de", STUDENT)
    assert advise(known, "de", STUDENT, seed=1) != advise(known, "de", STUDENT)


def test_two_revisions_are_two_teachers(tmp_path: Path,
                                        capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    for revision in ("r1", "r2"):
        write_file(tmp_path, results_file("a", revision=revision))
    out = ask(capsys, [tmp_path])
    assert "a@r1" in out
    assert "a@r2" in out


def test_help_says_every_default(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["recommend", "--help"])
    out = capsys.readouterr().out
    assert out.count("(default:") >= 9
    assert "examples:" in out

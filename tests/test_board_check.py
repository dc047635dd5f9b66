"""``leaderboard check``: through the command line, on results files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from boards import METRICS, results_file, row, write_file, write_folder
from lxml import etree

from polyglot_harness.cli import main
from polyglot_harness.leaderboard.guard import Cell, Number, Options
from polyglot_harness.leaderboard.guard import check as check_cells
from polyglot_harness.leaderboard.guard.summary import markdown

METRIC_VALUES = {"metrics": METRICS}
HOSTILE = "=<script>|`@me`\x1b[31m\u202e & ]]> \\| é"
LEAVES = {"failure", "skipped", "system-out"}


def check(*arguments: object) -> int:
    return main(["leaderboard", "check", *map(str, arguments)])


@pytest.fixture
def baseline(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "before", {"A": 0.5, "B": 0.4}, **METRIC_VALUES)


def side(tmp_path: Path, name: str = "after", **of_row: object) -> Path:
    return write_folder(tmp_path / name, {"A": 0.5, "B": 0.4}, **{**METRIC_VALUES, **of_row})


def test_equal_results_pass(baseline: Path) -> None:
    assert check(baseline, "--baseline", baseline) == 0


def test_a_rerun_passes_and_says_what_is_assumed(
    baseline: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(side(tmp_path, seeds=(1,)), "--baseline", baseline) == 0
    assert "a seed is taken to move" in capsys.readouterr().out


WORSE = {
    "raw": {"skill": 0.2},
    "perplexity": {"metrics": {**METRICS, "perplexity": 30.0}},
    "acceptance_rate": {"metrics": {**METRICS, "acceptance_rate": 0.6}},
    "prompt_distinct_ri": {"metrics": {**METRICS, "prompt_distinct_ri": 0.1}},
}


@pytest.mark.parametrize("metric", WORSE)
def test_what_is_worse_fails_and_the_other_way_round_passes(metric: str, tmp_path: Path) -> None:
    good = write_folder(tmp_path / "good", {"A": 0.6}, **METRIC_VALUES)
    of_row = {**METRIC_VALUES, **WORSE[metric]}
    skill = float(str(of_row.pop("skill", 0.6)))
    bad = write_folder(tmp_path / "bad", {"A": skill}, seeds=(1,), **of_row)
    found = tmp_path / "found.json"
    assert check(bad, "--baseline", good, "--json", found) == 6
    findings = json.loads(found.read_text())["findings"]
    assert {f["metric"] for f in findings if f["outcome"] == "regression"} == {metric}
    assert check(good, "--baseline", bad) == 0
    if metric != "raw":
        assert check(bad, "--baseline", good, "--tolerance", f"{metric}=0.9") == 0
        assert check(bad, "--baseline", good, "--metrics", "raw") == 0


def test_vanished_cells_fail_unless_allowed(baseline: Path, tmp_path: Path) -> None:
    fewer = write_folder(tmp_path / "fewer", {"A": 0.5}, **METRIC_VALUES)
    assert check(fewer, "--baseline", baseline) == 6
    assert check(fewer, "--baseline", baseline, "--allow_missing") == 0
    assert check(baseline, "--baseline", fewer) == 0  # new cells pass


def test_changed_conditions_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    write_file(before, results_file(metrics=METRICS))
    write_file(after, results_file(metrics=METRICS, conditions={"version": "9.9.9"}))
    assert check(after, "--baseline", before) == 6
    assert "version: 0.1.0 -> 9.9.9" in capsys.readouterr().out
    assert check(after, "--baseline", before, "--allow_change", "version") == 0


def test_a_new_revision_is_judged_and_said(tmp_path: Path) -> None:
    write_file(tmp_path / "a", results_file(metrics=METRICS, skill=0.6))
    write_file(tmp_path / "b", results_file(metrics=METRICS, skill=0.1, revision="r2"))
    found = tmp_path / "found.json"
    assert check(tmp_path / "b", "--baseline", tmp_path / "a", "--json", found) == 6
    assert all("revision r1 -> r2" in f["why"] for f in json.loads(found.read_text())["findings"])


def test_without_errors_it_cannot_be_told(tmp_path: Path) -> None:
    for name, skill in (("a", 0.6), ("b", 0.1)):
        made = row(skill=skill, items=False, metrics=METRICS, raw_stderr=None)
        write_file(tmp_path / name, results_file(rows=[made]))
    assert check(tmp_path / "b", "--baseline", tmp_path / "a") == 0
    assert check(tmp_path / "b", "--baseline", tmp_path / "a", "--strict") == 6


WRONG = {
    "unknown metric": (["--metrics", "nonsense"], 2),
    "no direction": (["--metrics", "response_length"], 2),
    "no tolerance": (["--metrics", "reward"], 2),
    "negative": (["--tolerance", "raw=-1"], 2),
    "not a number": (["--tolerance", "raw=nan"], 2),
    "not guarded": (["--tolerance", "gain=1"], 2),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_flags(case: str, baseline: Path) -> None:
    flags, status = WRONG[case]
    assert check(baseline, "--baseline", baseline, *flags) == status


@pytest.mark.parametrize(("text", "status"), [("{", 5), ("[]", 5), ('{"scores": 1}', 5), ("", 5)])
def test_damaged_baselines(text: str, status: int, baseline: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text(text)
    assert check(baseline, "--baseline", bad) == status


def test_nothing_to_compare_never_passes(baseline: Path, tmp_path: Path) -> None:
    other = write_folder(tmp_path / "other", {"C": 0.5}, **METRIC_VALUES)
    assert check(other, "--baseline", baseline) == 6
    assert check(other, "--baseline", baseline, "--allow_missing") == 2
    assert check(baseline, "--baseline", tmp_path / "none") == 2
    (tmp_path / "empty").mkdir()
    assert check(baseline, "--baseline", tmp_path / "empty") == 2


def test_hostile_names_do_no_harm(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_file(tmp_path / "a", results_file(HOSTILE, metrics=METRICS, skill=0.6))
    write_file(tmp_path / "b", results_file(HOSTILE, metrics=METRICS, skill=0.1))
    xml, summary = tmp_path / "x.xml", tmp_path / "step.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    flags = ("--junit", xml, "--summary", summary)
    assert check(tmp_path / "b", "--baseline", tmp_path / "a", *flags) == 6
    assert "\x1b" not in capsys.readouterr().out
    text = summary.read_text()
    assert text.startswith("before\n## Leaderboard check failed")
    assert "@" not in text and "<script" not in text and "`" not in text and "\u202e" not in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in rows} == {11}
    fits_junit(xml)


def test_a_summary_keeps_to_its_limit() -> None:
    before = [Cell(f"T{i}", "r", "s", "de", "lang:de", numbers={"raw": Number(0.5, 0.1, 9)})
              for i in range(100)]  # fmt: skip
    report = check_cells(before, before[:1], Options(metrics=("raw",)))
    assert "did not fit" not in markdown(report)
    cut = markdown(report, 4000)
    assert len(cut.encode()) <= 4000 and "more lines did not fit" in cut


def fits_junit(path: Path) -> None:
    """What the Jenkins schema asks for, and that the counts are right."""
    root = etree.parse(path).getroot()
    assert root.tag == "testsuites"
    names = []
    for suite in root:
        assert suite.tag == "testsuite" and suite.get("name") and suite.get("tests")
        assert int(suite.get("tests")) == len(suite)
        assert int(suite.get("failures")) == len(suite.findall("testcase/failure"))
        assert int(suite.get("skipped")) == len(suite.findall("testcase/skipped"))
        for case in suite:
            assert set(case.attrib) == {"classname", "name"} and {e.tag for e in case} <= LEAVES
            names.append((case.get("classname"), case.get("name")))
    assert len(set(names)) == len(names) > 0
    assert int(root.get("failures")) == len(root.findall("testsuite/testcase/failure"))

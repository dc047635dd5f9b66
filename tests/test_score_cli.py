"""The flags of ``score``, and what it prints and writes beside the leaderboard."""

from __future__ import annotations

from pathlib import Path

import pytest
from scored import BASE, REFERENCE, STUDENT, cell

from polyglot_harness.cli import main
from polyglot_harness.cli.run_folder import claim
from polyglot_harness.cli.score import _print_robustness, _write_pool
from polyglot_harness.cli.spec_of import spec_of
from polyglot_harness.errors import ConfigError
from polyglot_harness.scoring import Anchors, load_pool, score_cells
from polyglot_harness.spec import PolyglotScore


def scores() -> tuple[PolyglotScore, ...]:
    cells = [cell(name, answers, perplexity=perplexity)
             for name, answers, perplexity in (("a", STUDENT, 9.0), ("b", BASE, 5.0))]  # fmt: skip
    return score_cells(cells, {"de": Anchors(BASE, REFERENCE)})


@pytest.fixture
def unfinished(tmp_path: Path) -> Path:
    """The folder of a run of which nothing is finished."""
    from polyglot_harness.cli import build_parser

    args = build_parser().parse_args(
        ["run", "--teacher", "gemma-3-270m", "--languages", "de", "-o", str(tmp_path / "run")]
    )
    claim(tmp_path / "run", spec_of(args), update=False)
    return tmp_path / "run"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--alpha", "nan"], "argument --alpha: must be from 0 to 1"),
        (["--alphas", "0,1.5"], "argument --alphas: must be from 0 to 1, got 1.5"),
        (["--alphas", "0,,1"], "argument --alphas: expected a number, got ''"),
        (["--resamples", "39"], "--resamples: expected 0 or a whole number from 40, got '39'"),
        (["--resamples", "1e4"], "--resamples: expected 0 or a whole number from 40, got '1e4'"),
        (["--pgr", "mean"], "argument --pgr: invalid choice: 'mean'"),
        (["--aggregate", "median"], "argument --aggregate: invalid choice: 'median'"),
    ],
)
def test_wrong_flags(
    flags: list[str], message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["score", str(tmp_path), *flags])
    error = capsys.readouterr().err
    assert caught.value.code == 2 and message in error and error.count("\n") == 1


def test_a_pool_that_is_not_there(unfinished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["score", str(unfinished), "--pool", str(unfinished / "none.json")]) == 2
    assert "none.json: not a frozen pool" in capsys.readouterr().err


def test_nothing_is_finished(unfinished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["score", str(unfinished), "--alphas", "0,1", "--resamples", "0"]) == 4
    out = capsys.readouterr().out
    assert "over teachers' means" in out and "—" in out
    pool = unfinished / "pool.json"
    assert main(["score", str(unfinished), "--write_pool", str(pool)]) == 2
    assert "no pool to freeze" in capsys.readouterr().err and not pool.exists()


def test_the_matrix_of_alphas(capsys: pytest.CaptureFixture[str]) -> None:
    _print_robustness(scores(), (0, 1))
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if "1.00" in line]
    # a has the better student, b the better data
    assert [line[3::2] for line in lines] == 2 * [["1.00", "-1.00"], ["-1.00", "1.00"]]


def test_a_frozen_pool_never_changes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "pools" / "first.json"
    _write_pool(path, scores())
    _write_pool(path, scores())
    assert capsys.readouterr().out.count("(de), for --pool") == 2
    assert load_pool(path).name.startswith("first@")
    other = [s.model_copy(update={"measurements": cell(perplexity=7.0).measurements})
             for s in scores()[:1]]  # fmt: skip
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="first.json: is no pool file, or holds another pool"):
        _write_pool(path, [*scores()[1:], *other])
    assert path.read_bytes() == before
    with pytest.raises(ConfigError, match="is no pool file"):
        _write_pool(tmp_path, scores())

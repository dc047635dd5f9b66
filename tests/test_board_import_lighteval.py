"""Import of lighteval's results, as lighteval 0.13.0 wrote them (see data/lighteval)."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from polyglot_harness.errors import ConfigError, HarnessError
from polyglot_harness.leaderboard.importing import Imported, Request, read
from polyglot_harness.leaderboard.records import Row
from polyglot_harness.leaderboard.results import decode

DATA = Path(__file__).with_name("data") / "lighteval"
TASK, DATE = "capitals_de|0", "2026-11-24T00-34-05.894975"
NAMES = ("student", "base", "reference")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """The files where lighteval puts them, so that they may be changed."""
    for name in NAMES:
        content = json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))
        model = content["config_general"]["model_name"]
        result, details = results(tmp_path, name, model), parquet(tmp_path, model)
        for path in (result, details):
            path.parent.mkdir(parents=True)
        result.write_text(json.dumps(content), encoding="utf-8")
        details.write_bytes((DATA / f"{name}.parquet").read_bytes())
    return tmp_path


MODELS = {"student": "tiny0", "base": "tiny1", "reference": "tiny2"}


def results(out: Path, name: str, model: str = "") -> Path:
    return out / "results" / (model or MODELS[name]) / f"results_{DATE}.json"


def parquet(out: Path, model: str) -> Path:
    return out / "details" / model / DATE / f"details_{TASK}_{DATE}.parquet"


def imported(out: Path, **more: Any) -> Imported:
    asked = {
        "files": (results(out, "student"),), "base": (results(out, "base"),),
        "reference": (results(out, "reference"),), "teacher": "T", "language": "de",
    }  # fmt: skip
    return read("lighteval", Request(**{**asked, **more}))


def row(found: Imported) -> Row:
    return found.files[0].rows[0]


def rewrite(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def rewrite_details(path: Path, change: Callable[[list[dict[str, Any]]], Any]) -> None:
    found = pq.read_table(path, columns=["doc", "metric"]).to_pylist()
    change(found)
    pq.write_table(pa.Table.from_pylist(found), path)


def test_a_real_run(out: Path) -> None:
    found = row(imported(out))
    # jq '.results."capitals_de|0".acc' of the three files
    assert (found.raw, found.base, found.reference) == pytest.approx((0.3, 0.4, 0.4))
    assert found.gain == pytest.approx(-0.1) and found.gain_stderr == pytest.approx(0.1)
    # the same items right: the paired error of the gap is 0, and PGR has no meaning
    assert (found.gap, found.gap_stderr, found.pgr) == (0, 0, None)
    assert found.flags == ("anchor_inverted",) and found.n_items == 10
    (items,) = found.items
    assert items.task == TASK and decode(items.student).sum() == 3
    assert found.signature.startswith("lang:de|source:lighteval|base:tiny1|ref:tiny2|tasks:")
    assert dict(dict(found.provenance)["student"])["date"] == DATE


def test_another_metric(out: Path) -> None:
    found = row(imported(out, metrics={TASK: "em"}))
    assert (found.raw, found.base) == (0, 0) and found.signature != row(imported(out)).signature


def test_without_details_errors_are_unpaired(out: Path) -> None:
    parquet(out, "tiny1").unlink()
    found = imported(out)
    assert row(found).gain == pytest.approx(-0.1) and row(found).items == ()
    # hypot of the standard errors that lighteval gives: 0.1528 and 0.1633
    assert row(found).gain_stderr == pytest.approx(0.2236, abs=1e-4)
    assert any("no stored answers of base" in note for note in found.notes)


def test_averages_are_no_tasks(out: Path) -> None:
    def add(content: dict[str, Any]) -> None:
        content["results"]["capitals:_average|0"] = {"acc": 0.9}

    rewrite(results(out, "student"), add)
    assert row(imported(out)).raw == pytest.approx(0.3)


BAD: list[tuple[str, Callable[[Path], Any], str]] = [
    ("cut", lambda o: results(o, "student").write_text('{"results": {'), "not valid JSON"),
    ("other JSON", lambda o: results(o, "base").write_text("{}"), "no 'results': not a results"),
    ("NaN", lambda o: rewrite(results(o, "student"),
     lambda c: c["results"][TASK].update(acc=math.nan)), "acc is nan, expected a finite number"),
    ("per cent", lambda o: rewrite(results(o, "student"),
     lambda c: c["results"][TASK].update(acc=30.0)), "acc is 30, not within 0 to 1; in per cent"),
    ("only averages", lambda o: rewrite(results(o, "student"),
     lambda c: c["results"].pop(TASK)), "no task in it"),
    ("no accuracy", lambda o: rewrite(results(o, "student"),
     lambda c: c["results"].update({TASK: {"bleu": 1.0}})), r"\(bleu\) is known to be an accuracy"),
    ("cut details", lambda o: parquet(o, "tiny0").write_bytes(b"PAR1"), "not details of lighteval"),
    ("details of another form", lambda o: pq.write_table(pa.table({"x": [1]}), parquet(o, "tiny0")),
     "not details of lighteval"),
    ("a line twice", lambda o: rewrite_details(parquet(o, "tiny0"), lambda r: r.append(r[0])),
     "document 19 a second time"),
    ("a line changed", lambda o: rewrite_details(parquet(o, "tiny0"),
     lambda r: r[0]["metric"].update(acc=1)), "have a mean of 0.4, the results say 0.3"),
    ("another question", lambda o: rewrite_details(parquet(o, "tiny1"),
     lambda r: r[0]["doc"].update(query="?")), "other items.*the first: 19"),
    ("other documents", lambda o: rewrite_details(parquet(o, "tiny1"),
     lambda r: [x["doc"].update(id=f"{i}x") for i, x in enumerate(r)]), "other items"),
    ("another version", lambda o: rewrite(results(o, "base"),
     lambda c: c["config_tasks"][TASK].update(version=1)), "version is 1, the student's is 0"),
    ("other samples", lambda o: rewrite(results(o, "base"),
     lambda c: c["config_general"].update(max_samples=5)), "max_samples is 5, the student's is 10"),
]  # fmt: skip


@pytest.mark.parametrize(("spoil", "message"), [b[1:] for b in BAD], ids=[b[0] for b in BAD])
def test_bad_files(out: Path, spoil: Callable[[Path], Any], message: str) -> None:
    spoil(out)
    with pytest.raises(ConfigError, match=message) as raised:
        imported(out)
    assert "\n" not in str(raised.value)


def test_the_language_is_to_be_said(out: Path) -> None:
    with pytest.raises(ConfigError, match=r"language of task capitals_de\|0 is not known"):
        imported(out, language="")


PLACES = (("results",), ("config_general",), ("config_tasks",), ("results", TASK),
          ("config_tasks", TASK), ("config_general", "model_name"), ("results", TASK, "acc"),
          ("config_general", "max_samples"), ("results", TASK, "acc_stderr"),
          ("config_tasks", TASK, "effective_num_docs"))  # fmt: skip


@pytest.mark.parametrize("detailed", [True, False])
@pytest.mark.parametrize("place", PLACES, ids=".".join)
def test_rubbish_is_refused_or_harmless(out: Path, place: tuple[str, ...], detailed: bool) -> None:
    if not detailed:
        parquet(out, "tiny0").unlink()
    path = results(out, "student")
    original = path.read_text(encoding="utf-8")
    for junk in (None, [], {}, "../x", "\ud800", -1, 10**400, math.nan, 1e400, True, [[1]]):
        path.write_text(original, encoding="utf-8")

        def spoil(content: dict[str, Any], junk: Any = junk) -> None:
            for key in place[:-1]:
                content = content[key]
            content[place[-1]] = junk

        rewrite(path, spoil)
        try:
            found = imported(out)
        except HarnessError as error:
            assert "\n" not in str(error)
        else:
            assert math.isfinite(row(found).raw or 0)

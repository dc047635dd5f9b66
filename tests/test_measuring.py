"""The stage measure: a stage a metric, one table, and what a failure or another metric costs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from measuring import given, measured, rejection, run_spec, sample

from polyglot_harness import stages
from polyglot_harness.errors import ConfigError, HarnessError
from polyglot_harness.files import write_jsonl
from polyglot_harness.intrinsic import METRICS, check_metrics, depends_on, describe
from polyglot_harness.intrinsic.samples import BLOCK, StageData, blocks, spread
from polyglot_harness.languages import load_pack
from polyglot_harness.lm.pool import ModelPool
from polyglot_harness.reporting import Quiet
from polyglot_harness.spec import Example, Rejection
from polyglot_harness.stages import Workshop

CHEAP = ("acceptance_rate", "length")


def stage_data(folder: Path, n: int = 5, language: str = "de") -> StageData:
    """Files as a generate stage leaves them."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        Example(
            id=f"{language}-{i}", language=language, strategy="translate" if i % 2 else "respond",
            seed_id=f"en-{i}", prompt="Wie heißt der Fluss?", response="Er heißt Elbe. " * (i + 1),
            finish_reason="stop",
        )
        for i in range(n)
    ]  # fmt: skip
    lost = Rejection(id="x", language=language, strategy="respond", reason="empty", reply="")
    write_jsonl(folder / "examples.jsonl", rows)
    write_jsonl(folder / "rejections.jsonl", [lost])
    sources = {"en-1": ("What is the river's name?", "")}
    return StageData(((folder / "examples.jsonl", folder / "rejections.jsonl"),), sources)


def workshop(root: Path, metrics: tuple[str, ...] = CHEAP, **more: Any) -> Workshop:
    return Workshop(root, run_spec(metrics=metrics, **more), ModelPool(), Quiet())


def test_data_of_a_stage(tmp_path: Path) -> None:
    data = stage_data(tmp_path)
    assert len(data) == 5
    rows = list(data.samples())
    assert [row.id for row in rows] == [f"de-{i}" for i in range(5)]
    assert rows[1].source == "What is the river's name?"
    assert [row.source for row in rows if row.id != "de-1"] == [""] * 4
    assert list(data.samples(3)) == rows[3:]
    assert [r.id for r in data.rejections()] == ["x"]


@pytest.mark.parametrize("size", [1, 2, 5, BLOCK])
def test_blocks_are_the_samples_in_order(size: int, tmp_path: Path) -> None:
    data = stage_data(tmp_path)
    cut = list(blocks(data, 1, size))
    assert [row for block in cut for row in block] == list(data.samples())[1:]
    assert [len(block) for block in cut[:-1]] == [size] * (len(cut) - 1)


@pytest.mark.parametrize(
    ("n", "limit", "chosen"),
    [
        (5, None, [0, 1, 2, 3, 4]), (5, 9, [0, 1, 2, 3, 4]), (5, 5, [0, 1, 2, 3, 4]),
        (10, 3, [0, 3, 6]), (10, 1, [0]), (7, 6, [0, 1, 2, 3, 4, 5]), (0, 3, []),
    ],
)  # fmt: skip
def test_limited_samples_are_evenly_spaced(n: int, limit: int | None, chosen: list[int]) -> None:
    assert sorted(spread(n, limit)) == chosen


def test_acceptance_over_all_and_by_strategy(tmp_path: Path) -> None:
    rows = [sample(i, "p", "r", "generate", attempt=1) for i in range(2)]
    rows += [sample(2, "p", "r", "translate", attempt=2)]
    lost = [rejection(i, "x", "generate") for i in range(2)] + [rejection(9, "", "respond")]
    found, values = measured("acceptance_rate", given(rows, lost), tmp_path)
    assert {name: (m.value, m.n) for name, m in found.items()} == {
        "acceptance_rate": (0.5, 6),
        "acceptance_rate_generate": (0.5, 4),
        "acceptance_rate_translate": (1.0, 1),
        "acceptance_rate_respond": (0.0, 1),
    }
    assert found["acceptance_rate"].stderr == pytest.approx((0.3 / 6) ** 0.5)
    assert values.rows == 0
    for foreign in ([], [sample(0, "p", "r")]):
        nothing, _ = measured("acceptance_rate", given(foreign), tmp_path)
        assert [(m.value, m.n) for m in nothing.values()] == [(None, 0)]


def test_one_table_and_one_record(tmp_path: Path) -> None:
    data = stage_data(tmp_path / "data")
    done = stages.measure_data(workshop(tmp_path), "t", load_pack("de"), data)
    names = [m.name for m in done.record.measurements]
    assert names == [
        "acceptance_rate", "acceptance_rate_translate", "acceptance_rate_respond",
        "prompt_length", "response_length",
    ]  # fmt: skip
    table = pq.read_table(done.folder / "values.parquet")
    assert table["id"].to_pylist() == [f"de-{i}" for i in range(5)]
    assert table["response_length"].to_pylist() == [3.0, 6.0, 9.0, 12.0, 15.0]
    assert [name for name, _ in done.record.outputs] == ["values.parquet"]


def test_another_metric_costs_only_itself(tmp_path: Path) -> None:
    data, pack = stage_data(tmp_path / "data"), load_pack("de")
    stages.measure_data(workshop(tmp_path, ("length",)), "t", pack, data)
    made = {p: p.stat().st_mtime_ns for p in tmp_path.glob("metrics/*/record.json")}
    assert len(made) == 1
    done = stages.measure_data(workshop(tmp_path), "t", pack, data)
    assert not done.reused
    assert len(list(tmp_path.glob("metrics/*/record.json"))) == 2
    assert {p: p.stat().st_mtime_ns for p in made} == made
    assert stages.measure_data(workshop(tmp_path), "t", pack, data).reused


def test_changed_data_are_measured_anew(tmp_path: Path) -> None:
    pack = load_pack("de")
    first = stages.measure_data(workshop(tmp_path), "t", pack, stage_data(tmp_path / "data"))
    second = stages.measure_data(workshop(tmp_path), "t", pack, stage_data(tmp_path / "data", 6))
    assert first.folder != second.folder
    assert not second.reused


def test_a_metric_that_fails_keeps_what_the_others_found(tmp_path: Path) -> None:
    data, pack = stage_data(tmp_path / "data"), load_pack("de")
    # a model that is not there
    shop = workshop(tmp_path, ("perplexity", "length"), perplexity_model=str(tmp_path / "none"))
    with pytest.raises(HarnessError, match="none"):
        stages.measure_data(shop, "t", pack, data)
    states = {}
    for path in tmp_path.glob("metrics/*/record.json"):
        record = json.loads(path.read_text())
        states[record["key"]] = record["status"]
    assert states == {"t-de-perplexity": "failed", "t-de-length": "complete"}


DYING = """
import os, sys
from pathlib import Path
from test_measuring import BLOCK, StageData, load_pack, stages, workshop
from polyglot_harness.intrinsic import length

counted, calls = length.length, 0

def dying(text, pack):
    global calls
    calls += 1
    if calls > 2 * BLOCK + 2:
        os.kill(os.getpid(), 9)
    return counted(text, pack)

length.length = dying
root = Path(sys.argv[1])
data = StageData(((root / "data" / "examples.jsonl", root / "data" / "rejections.jsonl"),))
stages.measure_data(workshop(root), "t", load_pack("de"), data)
"""


def test_the_values_of_a_metric_survive_a_kill(tmp_path: Path) -> None:
    """A process dies in its second block; the first one is not read again."""
    data = stage_data(tmp_path / "data", BLOCK + 3)
    here = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    died = subprocess.run([sys.executable, "-c", DYING, str(tmp_path)], env=here, check=False)
    assert died.returncode == -9
    (rows,) = tmp_path.glob("metrics/*/values.f64")
    assert rows.stat().st_size == BLOCK * 16
    before = rows.read_bytes()
    done = stages.measure_data(workshop(tmp_path), "t", load_pack("de"), data)
    assert rows.read_bytes()[: BLOCK * 16] == before
    assert pq.read_table(done.folder / "values.parquet").num_rows == BLOCK + 3


def test_metrics_are_found_by_name_and_described() -> None:
    for name in METRICS:
        line = describe(name)
        assert line.endswith("."), name
        assert len(line) > 20, name
        assert depends_on(name, run_spec(), load_pack("de"))["language"] == "de"


def test_an_unknown_metric_lists_the_valid_ones() -> None:
    with pytest.raises(ConfigError, match="unknown metric 'perplexty'.*perplexity"):
        check_metrics(("perplexty",))

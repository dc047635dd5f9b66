"""Trainings that are killed, starved of memory, kept from the disk, or run off to infinity.

Each is a process of its own; what a killed one left is taken up by another.
"""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
import sft_children as small

from polyglot_harness.store import file_sha256
from polyglot_harness.training.checkpoints import CHECKPOINTS, last_checkpoint

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits and /proc are Linux's")
KINDS: dict[str, dict[str, Any]] = {
    "dropout": {"recipe": {"held_out": 3}},
    "packed": {"recipe": {"held_out": 3, "packing": True, "max_length": 120, "epochs": 3}},
    "full": {"recipe": {"tuning": "full", "epochs": 2}},
}
FULL = {
    # which file does not find room: of safetensors, of tokenizers, of torch
    "weights": {"bytes": 1000},
    "tokenizer": {"bytes": 18_000, "recipe": {"lora_r": 1}},
    "optimizer": {"bytes": 200_000, "recipe": {"tuning": "full"}},
}
WIDE = {"batch_size": 16, "micro_batch_size": 16, "epochs": 1, "save_steps": 1, "lora_dropout": 0}
SPARE = 500_000_000


def jobs(folder: Path) -> list[dict[str, Any]]:
    """Return what is done, in order."""
    base = str(small.make_model(folder / "small"))
    wide = str(small.make_model(folder / "wide", intermediate_size=4096))

    def job(name: str, place: str = "", **more: Any) -> dict[str, Any]:
        return {"name": name, "model": base, "folder": str(folder / (place or name)), **more}

    found = []
    for name, kind in KINDS.items():
        killed = {**kind, "signal": signal.SIGKILL}
        found += [
            job(f"{name}-whole", **kind),
            job(f"{name}-killed", f"{name}-part", at=3, **killed),
            job(f"{name}-resumed", f"{name}-part", **kind),
        ]
    for name, limit in FULL.items():
        after = {k: v for k, v in limit.items() if k != "bytes"}
        found += [
            job(f"disk-{name}", f"disk-{name}", at=3, **limit),
            job(f"disk-{name}-after", f"disk-{name}", **after),
        ]
    found += [
        job("at-once", at=1, signal=signal.SIGKILL, **KINDS["dropout"]),
        job("at-once-resumed", "at-once", **KINDS["dropout"]),
        job("interrupted", at=3, signal=signal.SIGINT),
        job("infinite", recipe={"learning_rate": 1e30, "warmup_steps": 3}),
        job("infinite-packed", recipe={"learning_rate": 1e30, "packing": True, "max_length": 120}),
    ]
    large = {"n": 16, "length": 40, "model": wide, "recipe": WIDE}
    return [
        *found,
        job("roomy", **large),
        job("starved", spare=SPARE, **large),
        job("fitted", spare=SPARE, options={"auto_batch": True}, **large),
    ]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("children")


@pytest.fixture(scope="module")
def done(place: Path) -> dict[str, dict[str, Any]]:
    return small.run(jobs(place), place)


def curve(folder: Path) -> Any:
    return json.loads((folder / "loss_curve.json").read_text())


def weights(folder: Path) -> dict[str, str]:
    return {file.name: file_sha256(file) for file in folder.glob("*/*.safetensors")}


def steadfast(counts: dict[str, Any]) -> dict[str, Any]:
    """Counts without what the clock and the allocator decide."""
    moving = {"seconds", "tokens_per_second", "peak_megabytes"}
    return {name: value for name, value in counts.items() if name not in moving}


@pytest.mark.parametrize("name", KINDS)
def test_a_killed_training_ends_as_if_it_had_not_been(
    name: str, done: dict[str, Any], place: Path
) -> None:
    assert done[f"{name}-killed"]["status"] == -signal.SIGKILL
    whole, part = place / f"{name}-whole", place / f"{name}-part"
    assert len(curve(whole)) > 4 and curve(part) == curve(whole)
    assert weights(part) == weights(whole) != {}
    counts = done[f"{name}-resumed"]["counts"]
    assert steadfast(counts) == steadfast(done[f"{name}-whole"]["counts"])
    assert not (part / CHECKPOINTS).exists()


def test_killed_before_the_first_checkpoint(done: dict[str, Any], place: Path) -> None:
    """The held-out loss of the beginning is kept, and takes no part in what dropout draws."""
    assert done["at-once"]["status"] == -signal.SIGKILL
    assert curve(place / "at-once") == curve(place / "dropout-whole")
    assert weights(place / "at-once") == weights(place / "dropout-whole")


@pytest.mark.parametrize("name", FULL)
def test_a_full_disk_loses_nothing(name: str, done: dict[str, Any], place: Path) -> None:
    kind, line = done[f"disk-{name}"]["error"]
    assert kind == "StoreError" and "no space left on the disk; what was finished is kept" in line
    counts = done[f"disk-{name}-after"]["counts"]
    assert counts["steps"] == 6
    # what it had trained on before counts, so it went on where it was
    assert counts["tokens"] == 657 and len(curve(place / f"disk-{name}")) == 6


def test_an_interruption_leaves_the_checkpoints(done: dict[str, Any], place: Path) -> None:
    assert done["interrupted"]["error"][0] == "KeyboardInterrupt"
    found = last_checkpoint(place / "interrupted" / CHECKPOINTS)
    assert found is not None and found.endswith("checkpoint-2")


@pytest.mark.parametrize("name", ["infinite", "infinite-packed"])
def test_a_loss_that_is_no_number_stops_at_once(
    name: str, done: dict[str, Any], place: Path
) -> None:
    kind, line = done[name]["error"]
    assert kind == "StageError"
    assert "is nan at step 3 of" in line and "lower --learning_rate (now 1e+30)" in line
    ids = line.split("on the examples ")[1].split(";")[0].split(", ")
    assert len(ids) >= 2 and {*ids} <= {e.id for e in small.examples(12)}
    # that of the step before, and none after
    left = [p.name for p in (place / name / CHECKPOINTS).glob("checkpoint-*")]
    assert left == ["checkpoint-2"]


def test_out_of_memory_says_what_to_change(done: dict[str, Any]) -> None:
    kind, line = done["starved"]["error"]
    assert kind == "OutOfMemory" and "\n" not in line
    for words in ("lower --micro_batch_size (now 16;", "--auto_batch", "--max_length (now 640)"):
        assert words in line


def test_auto_batch_finds_what_fits_with_the_same_numbers(
    done: dict[str, Any], place: Path
) -> None:
    counts, notes = done["fitted"]["counts"], done["fitted"]["notes"]
    fits = counts["micro_batch_size"]
    assert fits in (1, 2, 4, 8)
    assert notes[-1] == f"out of memory: going on with micro_batch_size {fits}"
    assert counts["peak_megabytes"] < done["roomy"]["counts"]["peak_megabytes"]
    for ours, theirs in zip(curve(place / "fitted"), curve(place / "roomy"), strict=True):
        assert ours["loss"] == pytest.approx(theirs["loss"], rel=1e-5)
        assert ours["tokens"] == theirs["tokens"]

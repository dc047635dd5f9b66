"""The loss curve, its picture, and the card of trained weights."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
import yaml
from huggingface_hub import ModelCard

from polyglot_harness.spec import Recipe, StudentCard
from polyglot_harness.students import load_student
from polyglot_harness.training.card import Made, card, describe, hub_name
from polyglot_harness.training.curve import (
    CURVE,
    PLOT,
    POINTS,
    curve_of,
    plot_curve,
    plot_scales,
    read_curve,
    running_mean,
    write_curve,
)

LOG = [
    {"eval_loss": 2.5, "step": 0},
    {"loss": 2.0, "learning_rate": 1e-3, "grad_norm": 1.5, "num_tokens": 90.0, "entropy": 3.0,
     "epoch": 0.5, "step": 1},
    {"loss": 1.0, "rewards/margins": 0.25, "step": 2},
    {"eval_loss": 1.25, "eval_runtime": 9.0, "eval_rewards/margins": 0.5, "step": 2},
    {"train_runtime": 12.0, "train_loss": 1.5, "step": 2},
]  # fmt: skip
CURVE_OF_LOG = [
    {"step": 0, "held_out_loss": 2.5},
    {"step": 1, "epoch": 0.5, "loss": 2.0, "learning_rate": 1e-3, "grad_norm": 1.5, "tokens": 90.0},
    {"step": 2, "loss": 1.0, "rewards/margins": 0.25},
    {"step": 2, "held_out_loss": 1.25, "eval_rewards/margins": 0.5},
]


def test_the_curve_keeps_what_says_something_and_can_be_had_again(tmp_path: Path) -> None:
    found = curve_of(LOG)
    assert found == CURVE_OF_LOG
    assert list(found[1]) == list(CURVE_OF_LOG[1])
    write_curve(found, tmp_path)
    assert read_curve(tmp_path) == CURVE_OF_LOG


@pytest.mark.parametrize("width", [1, 2, 3, 7, 50])
def test_the_running_mean_is_that_of_the_last_values(width: int) -> None:
    values = [(7 * i % 11) / 3 for i in range(20)]
    means = [sum(values[max(0, i + 1 - width) : i + 1]) / min(i + 1, width) for i in range(20)]
    assert running_mean(values, width) == pytest.approx(means)


def long_curve(steps: int) -> list[dict[str, float]]:
    rows = [{"step": i, "loss": 3 / (1 + i / 50)} for i in range(1, steps + 1)]
    return [{"step": 0, "held_out_loss": 3.2}, *rows, {"step": steps, "held_out_loss": 1.1}]


def text_of(path: Path) -> str:
    # matplotlib draws letters as paths and says in a comment what they are
    return "\n".join(str(node.text) for node in comments(path))


def comments(path: Path) -> list[Any]:
    parser = ET.XMLParser(target=ET.TreeBuilder(insert_comments=True))  # noqa: S314 - ours
    tree = ET.parse(path, parser)  # noqa: S314
    return [node for node in tree.iter() if node.tag is ET.Comment]


@pytest.mark.parametrize("steps", [0, 1, 2, 45, 5000])
def test_a_picture_is_the_same_bytes_each_time(tmp_path: Path, steps: int) -> None:
    curve = long_curve(steps)
    paths = [tmp_path / name for name in ("a.svg", "b.svg")]
    assert all(plot_curve(curve, path, "a_$student$, x^2 & <y>") for path in paths)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert b"<dc:date>" not in paths[0].read_bytes()
    words = text_of(paths[0])
    for word in ("optimiser step", "loss (nats a token)", "held out", "a_$student$"):
        assert word in words
    assert ("mean of" in words) is (steps >= 40)


def test_a_long_curve_is_thinned_in_the_picture_alone(tmp_path: Path) -> None:
    curve = long_curve(20 * POINTS)
    plot_curve(curve, tmp_path / PLOT, "long")
    write_curve(curve, tmp_path)
    assert (tmp_path / PLOT).stat().st_size < 200_000
    assert len(read_curve(tmp_path)) == 20 * POINTS + 2


def test_a_picture_of_scales(tmp_path: Path) -> None:
    def point(n: int, loss: float, **scores: float) -> dict[str, Any]:
        by_language = {c: {"mean": v, "stderr": 0.01, "n": 9} for c, v in scores.items()}
        error = 0.1 if n else None
        return {"examples": n, "held_out_loss": loss, "held_out_loss_stderr": error,
                "scores": by_language}  # fmt: skip

    plain = [point(0, 3.0), point(10, 2.5), point(100, 2.0)]
    scored = [point(0, 3.0, de=0.4), point(10, 2.5, de=0.5), point(100, 2.0, de=0.6)]
    for points, name in ((plain, "plain"), (scored, "scored"), (scored, "again")):
        assert plot_scales(points, tmp_path / f"{name}.svg", "tiny")
    assert (tmp_path / "again.svg").read_bytes() == (tmp_path / "scored.svg").read_bytes()
    assert "mean score over tasks" in text_of(tmp_path / "scored.svg")
    assert "mean score" not in text_of(tmp_path / "plain.svg")


# --- the card ------------------------------------------------------------------------------------


def made(student: StudentCard, **fields: Any) -> Made:
    base = {"name": fields.pop("base", student.pretrained)}
    counts = {
        "examples": 40, "too_long": 3, "held_out": 5, "steps": 10, "tokens": 4000,
        "first_loss": 2.0, "final_loss": 1.0, "held_out_loss_before": 2.5, "held_out_loss": 1.25,
        "seconds": 12.5, "peak_megabytes": 900,
    }  # fmt: skip
    return Made(
        student=student, base=base, recipe=fields.pop("recipe", Recipe(name="paper")), seed=7,
        data="0123456789abcdef", shares=(("de", "respond", 40), ("ja", "generate", 8)),
        counts=tuple(counts.items()), **fields,
    )  # fmt: skip


HUB = StudentCard(
    name="base-7b", pretrained="org/base-7b", revision="a" * 40, licence="Apache-2.0",
    url="https://huggingface.co/org/base-7b",
)  # fmt: skip


@pytest.mark.parametrize(
    ("student", "adapter", "metadata"),
    [
        (HUB, True, {"base_model": "org/base-7b", "library_name": "peft", "license": "apache-2.0",
                     "base_model_relation": "adapter"}),
        (HUB, False, {"base_model": "org/base-7b", "library_name": "transformers",
                      "base_model_relation": "finetune"}),
        (load_student("gemma-3-270m"), True, {"base_model": "google/gemma-3-270m",
                                              "license": "gemma"}),
        # what is not known is not said
        (StudentCard(name="x", pretrained="/home/me/base"), True,
         {"base_model": None, "license": None}),
        (StudentCard(name="x", pretrained="org/x", licence="My own terms"), True,
         {"base_model": "org/x", "license": "other", "license_name": "My own terms"}),
    ],
)  # fmt: skip
def test_the_head_of_a_card(student: StudentCard, adapter: bool, metadata: dict[str, Any]) -> None:
    text = card(made(student), adapter=adapter, drawn=True, place="adapter")
    found = ModelCard(text).data.to_dict()
    assert {name: found.get(name) for name in metadata} == metadata
    assert found["language"] == ["de", "ja"]
    assert {"sft", "lora", "polyglot-harness"} <= set(found["tags"])
    assert yaml.safe_load(text.split("---\n")[1]) == found


def test_what_a_card_says() -> None:
    text = card(made(HUB), adapter=True, drawn=True, place="adapter")
    for words in (
        "| de | respond | 40 |", "| ja | generate | 8 |", "| all |  | 48 |", "`0123456789abcdef`",
        "3 were longer than 16384 tokens", "5 were held out", "| learning_rate | 5e-05 |",
        "| seed | 7 |", "| held_out_loss_before | 2.5 |", "| held_out_loss | 1.25 |",
        "| tokens | 4000 |", f"![Loss by optimiser step]({PLOT})", "The base: Apache-2.0",
        "The training data: not stated", 'PeftModel.from_pretrained(model, "adapter")',
        "polyglot-harness evaluate --student base-7b --adapter adapter --languages de,ja",
    ):  # fmt: skip
        assert words in text, words
    # what differs from run to run is in the record alone
    assert "12.5" not in text and "peak" not in text
    assert "| beta |" not in text
    plain = card(made(HUB), adapter=False, drawn=False, place="model")
    assert "peft" not in plain.split("## Made with")[0].lower().replace("peft |", "")
    assert PLOT not in plain and 'AutoModelForCausalLM.from_pretrained("model"' in plain
    full = card(
        made(HUB, recipe=Recipe(name="f", tuning="full")), adapter=False, drawn=False, place="m"
    )
    assert "lora_r" not in full
    later = card(made(HUB, started_from="f" * 64), adapter=False, drawn=False, place="m")
    assert "after an adapter (ffffffffffffffff)" in later


def test_a_card_tells_nothing_of_the_machine_and_a_name_breaks_nothing() -> None:
    student = StudentCard(name="a|b*c*`d`<i>\n# x", pretrained="/home/somebody/secret/base-x",
                          licence="see <b>there</b> | here")  # fmt: skip
    text = card(made(student), adapter=True, drawn=True, place="adapter")
    assert "/home/somebody" not in text and "base-x" in text
    assert r"# a\|b\*c\*\`d\`&lt;i> # x, trained on de, ja" in text.splitlines()
    assert r"see &lt;b>there&lt;/b> \| here" in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.replace(r"\|", "").count("|") for line in rows} <= {3, 4}


@pytest.mark.parametrize(
    ("pretrained", "url", "name"),
    [
        ("org/base", "", "org/base"),
        ("smollm2-135m-instruct", "https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct",
         "HuggingFaceTB/SmolLM2-135M-Instruct"),
        ("org/base", "https://huggingface.co/other/name/tree/main", "other/name"),
        ("smollm2-135m-instruct", "", ""),
        ("/home/me/base", "", ""),
        ("a/b/c", "", ""),
        ("org/base", "https://example.org/model", "org/base"),
    ],
)  # fmt: skip
def test_the_name_of_a_base_on_the_hub(pretrained: str, url: str, name: str) -> None:
    assert hub_name(StudentCard(name="x", pretrained=pretrained, url=url)) == name


@pytest.mark.parametrize("kind", ["adapter", "model"])
def test_the_same_training_is_described_in_the_same_bytes(tmp_path: Path, kind: str) -> None:
    found = []
    for run in ("a", "b"):
        weights = tmp_path / run / kind
        weights.mkdir(parents=True)
        (weights / {"adapter": "adapter_config.json"}.get(kind, "config.json")).write_text("{}")
        write_curve(CURVE_OF_LOG, tmp_path / run)
        describe(tmp_path / run, weights, made(HUB, base="org/base-7b@" + "a" * 40))
        found.append({p.name: p.read_bytes() for p in weights.iterdir()})
    assert found[0] == found[1]
    assert {"README.md", "training.json", PLOT} < found[0].keys()
    about = json.loads(found[0]["training.json"])
    assert about["base"] == {"name": "org/base-7b@" + "a" * 40}
    assert Recipe.model_validate(about["recipe"]) == Recipe(name="paper")
    assert StudentCard.model_validate(about["student"]) == HUB
    assert about["examples"] == [["de", "respond", 40], ["ja", "generate", 8]]
    assert "seconds" not in about["counts"] and about["counts"]["steps"] == 10
    assert (tmp_path / "a" / CURVE).exists()

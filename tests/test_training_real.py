"""Real training of SmolLM2: an adapter and the merged model are one student to lm-eval."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lm_eval.api.instance import Instance

from polyglot_harness import stages
from polyglot_harness.languages import load_pack
from polyglot_harness.lm.evaluate import ITEMS, evaluate, read_items
from polyglot_harness.lm.load import load_lm
from polyglot_harness.models import resolve
from polyglot_harness.spec import TrainingOptions
from polyglot_harness.students import load_recipe, load_student
from polyglot_harness.training import sft
from polyglot_harness.training.data import gold_examples

pytestmark = pytest.mark.slow
STUDENT = load_student("smollm2-135m")
GOLD = sorted(gold_examples(load_pack("id")), key=lambda e: len(e.prompt + e.response))
TASK = "polyglot_mini_id_continuation"
ITEMS_ASKED = 12


@pytest.fixture(scope="module")
def lms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """lm-eval's ``hf`` with the base, the adapter, and the merged model of the same training."""
    recipe = load_recipe("demo", {"batch_size": 2, "micro_batch_size": 2, "warmup_steps": 0})
    args = {"base": stages.base_args(STUDENT)}
    for save in ("adapter", "merged"):
        folder = tmp_path_factory.mktemp(save)
        sft.train(
            GOLD[:4], STUDENT, recipe, folder, pretrained=resolve("smollm2-135m-instruct"),
            seed=0, device="cpu", options=TrainingOptions(save=save),  # type: ignore[arg-type]
        )  # fmt: skip
        weights = stages.find_weights(folder)
        stages.check_base(STUDENT, weights)
        args[save] = stages.trained_args(STUDENT, weights)
    return {name: load_lm("hf", given, batch_size="4", device="cpu") for name, given in
            args.items()}  # fmt: skip


@pytest.fixture(scope="module")
def values(lms: dict[str, Any]) -> dict[str, list[float]]:
    """Log-likelihoods of responses in nats: of trained and of other examples."""
    asked = [Instance("loglikelihood", {}, (f"{e.prompt}\n", e.response), 0) for e in GOLD[:8]]
    return {name: [value for value, _ in lm.loglikelihood(asked, disable_tqdm=True)]
            for name, lm in lms.items()}  # fmt: skip


def test_an_adapter_changes_what_the_student_says(values: dict[str, list[float]]) -> None:
    assert sum(values["adapter"][:4]) > sum(values["base"][:4]) + 10
    assert all(abs(a - b) > 0.1 for a, b in zip(values["adapter"], values["base"], strict=True))


def test_merged_it_is_the_same_student(values: dict[str, list[float]]) -> None:
    assert values["merged"] == pytest.approx(values["adapter"], rel=1e-5, abs=1e-4)


def test_a_task_gives_every_item_the_same_score(lms: dict[str, Any], tmp_path: Path) -> None:
    items = {}
    for name in ("adapter", "merged"):
        folder = tmp_path / name
        folder.mkdir()
        evaluate(lms[name], [TASK], "id", folder, limit=ITEMS_ASKED, seed=0)
        items[name] = read_items(folder / ITEMS)
    assert items["adapter"] == items["merged"]
    assert len(items["adapter"][TASK]) == ITEMS_ASKED

"""The stages that end CroCo: their recipes, what they depend on, what they leave."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from preferences import byte_model, made
from toy_lms import spec_of

from polyglot_harness.errors import ConfigError, StageError
from polyglot_harness.files import read_jsonl
from polyglot_harness.lm.pool import ModelPool
from polyglot_harness.reporting import Quiet
from polyglot_harness.spec import Preference, Recipe, StudentCard
from polyglot_harness.stages.preferring_training import (
    best_examples,
    check_method,
    sample,
    train_best,
    train_preference,
)
from polyglot_harness.stages.students import trained_args, trained_folder
from polyglot_harness.stages.workshop import Done, Workshop
from polyglot_harness.students import load_recipe

QUICK = {
    "max_length": 256, "batch_size": 2, "held_out": 1, "learning_rate": 1e-3, "max_train_samples": 4
}  # fmt: skip
PAIRS = made(6)


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> StudentCard:
    folder = byte_model(tmp_path_factory.mktemp("models") / "bytes")
    return StudentCard(name="bytes", pretrained=str(folder))


def shop_of(root: Path, student: StudentCard) -> Workshop:
    return Workshop(root, spec_of(1, student=student, device="cpu"), ModelPool(), Quiet())


def test_the_paper_s_recipes() -> None:
    """As the authors' code and README have them (github.com/jjzha/CroCo)."""
    shared = {
        "tuning": "lora", "lora_r": 16, "lora_alpha": 32, "lora_dropout": 0.05, "epochs": 1,
        "target_modules": ("all-linear",), "micro_batch_size": 1, "batch_size": 64,
        "scheduler": "cosine", "warmup_steps": 0.05, "weight_decay": 0.01, "max_length": 4096,
    }  # fmt: skip
    of_each = {
        "croco": {"method": "dpo", "learning_rate": 5e-6, "beta": 0.1},
        "croco-sft": {"method": "sft", "learning_rate": 2e-4},
    }
    for name, own in of_each.items():
        assert (shared | own).items() <= load_recipe(name).model_dump().items()


@pytest.mark.parametrize(
    ("method", "wrong", "valid"), [("dpo", "demo", ["croco"]), ("sft", "croco", ["croco-sft"])]
)
def test_a_recipe_of_the_other_method(method: Any, wrong: str, valid: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        check_method(load_recipe(wrong), method, "this")
    said = str(caught.value)
    assert said.startswith(f"recipe {wrong!r} is of the method {load_recipe(wrong).method!r}, and ")
    listed = (
        said.split(f"needs one of {method!r}: ")[1].split(", or one of your own")[0].split(", ")
    )
    assert set(valid) <= set(listed)
    assert wrong not in listed
    check_method(load_recipe(valid[0]), method, "this")


def test_the_stages_refuse_it(tmp_path: Path, student: StudentCard) -> None:
    shop = shop_of(tmp_path, student)
    for stage, wrong in ((train_preference, "croco-sft"), (train_best, "croco")):
        with pytest.raises(ConfigError, match="is of the method"):
            stage(shop, "x", student, PAIRS, recipe=load_recipe(wrong))
    assert not any(tmp_path.iterdir())


def test_the_draw() -> None:
    ids = [pair.id for pair in sample(PAIRS, 4, seed=1)]
    assert len(set(ids)) == 4
    assert ids == [pair.id for pair in sample(PAIRS[::-1], 4, seed=1)]
    assert set(ids) < {pair.id for pair in sample(PAIRS, 5, seed=1)}
    assert ids != [pair.id for pair in sample(PAIRS, 4, seed=2)]


def test_best_responses_are_distinct_examples() -> None:
    again = PAIRS[0].model_copy(update={"id": "again", "rejected": "another"})
    found = best_examples([PAIRS[1], PAIRS[0], again])
    assert [e.id for e in found] == ["pair-1", "pair-0"]
    first = found[0]
    assert (first.prompt, first.response, first.language, first.strategy) == (
        PAIRS[1].prompt, PAIRS[1].chosen, "de", "respond"
    )  # fmt: skip


@pytest.fixture(scope="module")
def both(
    student: StudentCard, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Workshop, Done, Done]:
    shop = shop_of(tmp_path_factory.mktemp("run"), student)
    preferring = train_preference(shop, "de", student, PAIRS, recipe=load_recipe("croco", QUICK))
    best = train_best(shop, "de", student, PAIRS, recipe=load_recipe("croco-sft", QUICK))
    return shop, preferring, best


def test_what_a_stage_leaves(both: tuple[Workshop, Done, Done], student: StudentCard) -> None:
    _, preferring, best = both
    drawn = read_jsonl(preferring.folder / "data.jsonl", Preference)
    assert drawn == sample(PAIRS, 4, seed=0)
    counts = dict(preferring.record.counts)
    assert (counts["pairs"], counts["held_out"], counts["steps"]) == (3, 1, 2)
    assert (preferring.record.stage, best.record.stage) == ("prefer_train", "train")
    assert dict(best.record.counts)["examples"] == 3
    for done in (preferring, best):
        weights = trained_folder(done)
        assert trained_args(student, weights)["peft"] == str(weights)
        about = json.loads((weights / "training.json").read_text())
        assert about["recipe"]["method"] == ("dpo" if done is preferring else "sft")
        assert about["data"] == dict(done.record.inputs)["data"]


def test_it_is_found_again_unless_something_differs(
    both: tuple[Workshop, Done, Done], student: StudentCard
) -> None:
    shop, preferring, _ = both

    def found(pairs: list[Preference], recipe: Recipe, **more: Any) -> bool:
        only = Workshop(shop.root, shop.spec, shop.pool, shop.reporter, only_finished=True)
        try:
            done = train_preference(only, "de", student, pairs, recipe=recipe, **more)
        except StageError as error:
            assert str(error).endswith("not finished")
            return False
        return done.folder == preferring.folder

    recipe = load_recipe("croco", QUICK)
    assert found(PAIRS, recipe)
    assert found(PAIRS[::-1], recipe.model_copy(update={"name": "called otherwise"}))
    assert not found(PAIRS[:3], recipe)
    assert not found(PAIRS, recipe.model_copy(update={"beta": 0.2}))
    assert not found(PAIRS, recipe, adapter=trained_folder(preferring))


def test_preferring_after_the_best(both: tuple[Workshop, Done, Done], student: StudentCard) -> None:
    """From an adapter a whole model is made, whatever the options say; it is evaluated as one."""
    shop, _, best = both
    recipe = load_recipe("croco", QUICK)
    done = train_preference(shop, "on", student, PAIRS, recipe=recipe, adapter=trained_folder(best))
    weights = trained_folder(done)
    assert weights.name == "model"
    assert trained_args(student, weights)["pretrained"] == str(weights)
    assert "peft" not in trained_args(student, weights)
    assert json.loads((weights / "training.json").read_text())["started_from"]

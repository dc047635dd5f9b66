"""What a training leaves: weights that are whole and right, their curve, what is said of them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from polyglot_harness import stages
from polyglot_harness.errors import ConfigError, StoreError
from polyglot_harness.languages import load_pack
from polyglot_harness.spec import Recipe, StudentCard, TrainingOptions
from polyglot_harness.stages.weights import (
    base_of,
    check_base,
    find_weights,
    student_of_weights,
)
from polyglot_harness.training import outputs, sft
from polyglot_harness.training.data import gold_examples

EXAMPLES = gold_examples(load_pack("id"))[:6]
RECIPE = Recipe(
    name="test", learning_rate=0.05, epochs=1, batch_size=2, micro_batch_size=2, warmup_steps=0,
    max_length=1024, save_steps=1,
)  # fmt: skip
TEXT = torch.tensor([[1, 300, 4000, 77, 900, 12]])
Train = Callable[..., Path]


def card_of(folder: Path, **fields: Any) -> StudentCard:
    return StudentCard(name="tiny", pretrained=str(folder), **fields)


def sft_train(
    base: Path, folder: Path, *, save: str = "adapter", adapter: Path | None = None, **recipe: Any
) -> Path:
    """Train on the CPU; return the folder of the weights."""
    folder.mkdir(exist_ok=True, parents=True)
    sft.train(
        EXAMPLES, card_of(base), RECIPE.model_copy(update=recipe), folder, pretrained=str(base),
        seed=3, device="cpu", adapter=adapter,
        options=TrainingOptions(save=save),  # type: ignore[arg-type]
    )  # fmt: skip
    (weights,) = [folder / name for name in ("adapter", "model") if (folder / name).exists()]
    return weights


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = model.eval()(TEXT).logits
    return found


def load(base: Path, *adapters: Path) -> Any:
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    for adapter in adapters:
        model = PeftModel.from_pretrained(model, adapter).merge_and_unload()
    return model


@pytest.fixture(scope="module")
def tied(tiny_student: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny student with one matrix for both ends."""
    folder = tmp_path_factory.mktemp("models") / "tied"
    model = load(tiny_student)
    model.config.tie_word_embeddings = True
    model.tie_weights()
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(tiny_student).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def adapter(tiny_student: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sft_train(tiny_student, tmp_path_factory.mktemp("train") / "adapter")


@pytest.fixture(scope="module")
def model(tiny_student: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sft_train(tiny_student, tmp_path_factory.mktemp("train") / "model", save="merged")


# --- weights -----------------------------------------------------------------------------------


def test_an_adapter_changes_the_student_and_merged_it_is_the_same_student(
    tiny_student: Path, adapter: Path, model: Path
) -> None:
    assert (adapter.name, model.name) == ("adapter", "model")
    base, trained = logits(load(tiny_student)), logits(load(tiny_student, adapter))
    assert (trained - base).abs().max() > 0.1
    assert torch.allclose(logits(load(model)), trained, atol=1e-5)
    for weights in (adapter, model):
        assert "im_start" in AutoTokenizer.from_pretrained(weights).chat_template
        assert not list(weights.glob("*.bin"))
    assert (model / "generation_config.json").exists()
    assert not list(adapter.parent.glob("checkpoints*")), "checkpoints are not needed any more"


@pytest.mark.parametrize("recipe", [{}, {"tuning": "full", "learning_rate": 0.01}])
def test_tied_embeddings_stay_tied(tied: Path, tmp_path: Path, recipe: dict[str, Any]) -> None:
    before = logits(load(tied))
    found = load(sft_train(tied, tmp_path, save="merged", **recipe))
    ends = found.get_input_embeddings().weight, found.get_output_embeddings().weight
    assert ends[0].data_ptr() == ends[1].data_ptr()
    assert (logits(found) - before).abs().max() > 0.1


def test_all_weights_trained_are_a_model_whatever_is_asked_for(
    tiny_student: Path, tmp_path: Path
) -> None:
    weights = sft_train(tiny_student, tmp_path, tuning="full", learning_rate=0.01)
    assert weights.name == "model"
    assert (logits(load(weights)) - logits(load(tiny_student))).abs().max() > 0.1


def test_after_an_earlier_adapter_the_result_is_whole(
    tiny_student: Path, adapter: Path, tmp_path: Path
) -> None:
    """Its base is on no disk: an adapter alone would be of nothing."""
    weights = sft_train(tiny_student, tmp_path, adapter=adapter, learning_rate=1e-9)
    assert weights.name == "model"
    first = logits(load(tiny_student, adapter))
    assert torch.allclose(logits(load(weights)), first, atol=1e-4)


def test_an_adapter_of_a_base_in_4_bits_is_added_to_the_base_as_it_was(tiny_student: Path) -> None:
    """What bitsandbytes does is played: weights in memory are rounded, those on disk are not."""
    base = load(tiny_student)
    with torch.no_grad():
        for name, parameter in base.named_parameters():
            if "proj" in name:
                parameter.copy_((parameter * 20).round() / 20)
    peft = get_peft_model(
        base,
        LoraConfig(r=4, target_modules=["q_proj"], init_lora_weights=False, task_type="CAUSAL_LM"),
    )
    peft.base_model.model.is_loaded_in_4bit = True
    found = outputs.merged(peft)
    assert not torch.allclose(logits(found), logits(load(tiny_student)), atol=1e-3)
    delta = peft.base_model.model.model.layers[0].self_attn.q_proj.get_delta_weight("default")
    kept = load(tiny_student).model.layers[0].self_attn.q_proj.weight
    assert torch.allclose(found.model.layers[0].self_attn.q_proj.weight, kept + delta, atol=1e-6)


def test_a_whole_model_has_the_precision_of_the_card(tiny_student: Path, tmp_path: Path) -> None:
    student = card_of(tiny_student, dtype="bfloat16")
    sft.train(
        EXAMPLES[:2], student, RECIPE, tmp_path, pretrained=str(tiny_student), seed=3,
        device="cpu", options=TrainingOptions(save="merged"),
    )  # fmt: skip
    found = AutoModelForCausalLM.from_pretrained(tmp_path / "model", dtype="auto")
    assert found.dtype == torch.bfloat16


def test_a_save_that_is_cut_short_leaves_nothing_that_looks_complete(
    tiny_student: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torn = tmp_path / "adapter" / "torn.safetensors"
    torn.parent.mkdir()
    torn.write_bytes(b"half of an earlier one")

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(outputs, "write_curve", full)
        with pytest.raises((OSError, StoreError)):
            sft_train(tiny_student, tmp_path)
    assert (tmp_path / outputs.UNFINISHED).exists() and torn.exists()
    assert list((tmp_path / "checkpoints").glob("checkpoint-*"))
    weights = sft_train(tiny_student, tmp_path)  # goes on from the checkpoint
    assert not torn.exists() and not (tmp_path / outputs.UNFINISHED).exists()
    assert find_weights(tmp_path) == weights


# --- are they whole, and of this base ------------------------------------------------------------


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize(
    ("kind", "harm", "message"),
    [
        ("adapter", lambda w: shutil.rmtree(w), "no such folder"),
        ("adapter", lambda w: (w / "adapter_config.json").unlink(), "no weights of an adapter or"),
        ("adapter", lambda w: (w / "adapter_config.json").write_text("{"), "config.json: damaged"),
        ("adapter", lambda w: (w / "adapter_config.json").write_text("[]"), "expected a JSON obj"),
        ("adapter", lambda w: (w / "adapter_model.safetensors").unlink(), "no weights .*beside"),
        ("adapter", lambda w: cut(w / "adapter_model.safetensors"), "damaged or cut short"),
        ("model", lambda w: cut(w / "model.safetensors"), "damaged or cut short"),
        ("model", lambda w: (w / "model.safetensors").unlink(), "no weights .*beside config.json"),
        (
            "model",
            lambda w: (w / "model.safetensors.index.json").write_text(
                '{"weight_map": {"a": "model.safetensors", "b": "model-2.safetensors"}}'
            ),
            "model-2.safetensors: missing, though",
        ),
    ],
)
def test_damaged_weights_are_named(
    adapter: Path, model: Path, tmp_path: Path, kind: str, harm: Any, message: str
) -> None:
    weights = shutil.copytree(adapter if kind == "adapter" else model, tmp_path / "w")
    assert find_weights(weights) == weights
    harm(weights)
    with pytest.raises(ConfigError, match=message) as found:
        find_weights(weights)
    assert str(weights) in str(found.value) and "\n" not in str(found.value)


def described(weights: Path, base: Path) -> None:
    from polyglot_harness.training.card import Made, describe

    made = Made(
        student=card_of(base), base=base_of(card_of(base)), recipe=RECIPE, seed=3, data="d1",
        shares=(("id", "respond", 6),), counts=(("examples", 6), ("steps", 3)),
    )  # fmt: skip
    describe(weights.parent, weights, made)


def another(base: Path, folder: Path, **changes: Any) -> Path:
    """Write a model of the same kind, with other weights or other shapes."""
    model = load(base)
    config = model.config.__class__(**{**model.config.to_dict(), **changes})
    torch.manual_seed(5)
    model.__class__(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(base).save_pretrained(folder)
    return folder


def test_an_adapter_of_another_base(tiny_student: Path, adapter: Path, tmp_path: Path) -> None:
    weights = shutil.copytree(adapter.parent, tmp_path / "run") / "adapter"
    described(weights, tiny_student)
    moved = shutil.copytree(tiny_student, tmp_path / "moved")
    for base in (tiny_student, moved):
        check_base(card_of(base), weights)
    other = another(tiny_student, tmp_path / "other")
    message = f"trained on {tiny_student}, and student 'tiny' is {other}; give the student"
    with pytest.raises(ConfigError, match=message):
        check_base(card_of(other), weights)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"intermediate_size": 96}, r"it has 128 features for model\.layers\.0\.mlp.*the base 96"),
        ({"model_type": "gpt_neox"}, "has none of the modules that it adapts"),
    ],
)
def test_shapes_say_it_where_nothing_else_does(
    tiny_student: Path, adapter: Path, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    weights = shutil.copytree(adapter, tmp_path / "adapter")
    config = json.loads((weights / "adapter_config.json").read_text())
    (weights / "adapter_config.json").write_text(
        json.dumps({**config, "base_model_name_or_path": "/gone"})
    )
    check_base(card_of(tiny_student), weights)
    base = tmp_path / "base"
    if "model_type" in changes:
        from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

        GPTNeoXForCausalLM(
            GPTNeoXConfig(vocab_size=64, hidden_size=64, num_hidden_layers=1,
                          num_attention_heads=2, intermediate_size=64)
        ).save_pretrained(base)  # fmt: skip
    else:
        another(tiny_student, base, **changes)
    with pytest.raises(ConfigError, match=message) as found:
        check_base(card_of(base), weights)
    assert "an adapter of another base" in str(found.value)


@pytest.mark.parametrize(
    ("theirs", "ours", "same"),
    [
        ("org/base", "org/base", True),
        ("org/base", "org/other", False),
        ("org/base@" + 40 * "a", "org/base", True),
        ("org/base@" + 40 * "a", "org/base@" + 40 * "a", True),
        ("org/base@" + 40 * "a", "org/base@" + 40 * "b", False),
    ],
)
def test_bases_of_the_hub_are_told_by_name_and_commit(
    model: Path, tmp_path: Path, theirs: str, ours: str, same: bool
) -> None:
    weights = shutil.copytree(model, tmp_path / "model")
    (weights / "training.json").write_text(json.dumps({"base": {"name": theirs}}))
    name, _, revision = ours.partition("@")
    student = StudentCard(name="s", pretrained=name, revision=revision)
    if same:
        return check_base(student, weights)
    with pytest.raises(ConfigError, match=f"trained on {theirs}, and student 's' is {ours}"):
        check_base(student, weights)


def test_a_tokenizer_is_the_bases_where_an_adapter_brings_none(
    tiny_student: Path, adapter: Path, tmp_path: Path
) -> None:
    assert stages.trained_args(card_of(tiny_student), adapter)["tokenizer"] == str(adapter)
    weights = shutil.copytree(adapter, tmp_path / "adapter")
    (weights / "tokenizer_config.json").unlink()
    assert "tokenizer" not in stages.trained_args(card_of(tiny_student), weights)


@pytest.mark.parametrize(
    ("about", "name"),
    [
        ({"student": {"name": "gemma-3-270m"}}, "gemma-3-270m"),
        ({"student": {"name": "somebody's own"}}, None),
        ({"student": "gemma-3-270m"}, None),
        ({}, None),
        (None, None),
    ],
)
def test_weights_name_their_student(adapter: Path, tmp_path: Path, about: Any, name: Any) -> None:
    weights = shutil.copytree(adapter.parent, tmp_path / "run") / "adapter"
    if about is not None:
        (weights / "training.json").write_text(json.dumps(about))
    assert student_of_weights(weights.parent) == name

"""Supervised fine-tuning, on random small models: what is learnt from, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sft_children as small

from polyglot_harness.errors import ConfigError, StageError
from polyglot_harness.spec import Example, StudentCard
from polyglot_harness.students import load_student
from polyglot_harness.training import encoding, sft
from polyglot_harness.training.base import load_model, load_tokenizer, lora

CHATML = load_student("smollm2-135m").chat_template


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small.make_model(tmp_path_factory.mktemp("models") / "small")


def card(model: Path, **fields: Any) -> StudentCard:
    return load_student("smollm2-135m", {"pretrained": str(model), **fields})


def train(
    model: Path, folder: Path, given: list[Example], *, student: dict[str, Any] | None = None,
    adapter: Path | None = None, progress: Any = None, **recipe: Any,
) -> dict[str, Any]:  # fmt: skip
    return sft.train(
        given, card(model, **(student or {})), small.recipe(**{"lora_dropout": 0.0, **recipe}),
        folder, pretrained=str(model), seed=small.SEED, device="cpu", adapter=adapter,
        **({"progress": progress} if progress else {}),
    )  # fmt: skip


def curve(folder: Path, name: str = "loss") -> list[float]:
    rows = json.loads((folder / "loss_curve.json").read_text())
    return [row[name] for row in rows if name in row]


def logits(folder: Path, adapter: Path | None = None) -> Any:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    found = AutoModelForCausalLM.from_pretrained(folder)
    if adapter is not None:
        found = PeftModel.from_pretrained(found, adapter)
    with torch.no_grad():
        return found.eval()(torch.arange(5, 25)[None]).logits


def test_the_losses_are_those_of_plain_trl(model: Path, tmp_path: Path) -> None:
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    given = small.examples(10)
    counts = train(model, tmp_path / "ours", given, epochs=2, micro_batch_size=1)
    tokenizer = AutoTokenizer.from_pretrained(model)
    tokenizer.chat_template = CHATML
    rows = [
        {"prompt": [{"role": "user", "content": e.prompt}],
         "completion": [{"role": "assistant", "content": e.response}]}
        for e in given
    ]  # fmt: skip
    recipe = small.recipe(lora_dropout=0.0)
    trainer = SFTTrainer(
        model=AutoModelForCausalLM.from_pretrained(model),
        args=SFTConfig(
            str(tmp_path / "theirs"), num_train_epochs=2, per_device_train_batch_size=1,
            gradient_accumulation_steps=2, learning_rate=1e-3, lr_scheduler_type="linear",
            warmup_steps=1, weight_decay=0.001, max_length=640, seed=small.SEED,
            data_seed=small.SEED, logging_steps=1, report_to="none", use_cpu=True, bf16=False,
            gradient_checkpointing=False, save_strategy="no", dataloader_pin_memory=False,
        ),
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        peft_config=lora(card(model), recipe),
    )  # fmt: skip
    trainer.train()
    theirs = [row for row in trainer.state.log_history if "loss" in row]
    assert len(theirs) == 10 and counts["steps"] == 10
    assert curve(tmp_path / "ours") == [row["loss"] for row in theirs]
    assert counts["tokens"] == theirs[-1]["num_tokens"]
    ids = [row["input_ids"] for row in trainer.train_dataset]
    labels = [row["labels"] for row in trainer.train_dataset]
    encoded = [encoding.encode(tokenizer, e) for e in given]
    assert [e.tokens.tolist() for e in encoded] == ids
    assert [e.labels.tolist() for e in encoded] == labels


def test_packed_examples_do_not_see_one_another(model: Path, tmp_path: Path) -> None:
    """All in one step: three rows of several examples have the loss of ten rows of one."""
    how = {"epochs": 3, "batch_size": 16, "max_length": 200}
    plain = train(model, tmp_path / "plain", small.examples(10), micro_batch_size=16, **how)
    packed = train(
        model, tmp_path / "packed", small.examples(10), micro_batch_size=1, packing=True, **how
    )
    assert plain["steps"] == packed["steps"] == 3 and plain["tokens"] == packed["tokens"]
    assert curve(tmp_path / "packed") == pytest.approx(curve(tmp_path / "plain"), rel=1e-5)
    assert len(set(curve(tmp_path / "plain"))) > 1


def test_a_model_that_cannot_keep_packed_examples_apart(model: Path, tmp_path: Path) -> None:
    from transformers import AutoTokenizer, OPTConfig, OPTForCausalLM

    tokenizer = AutoTokenizer.from_pretrained(model)
    sizes = {"hidden_size": 32, "ffn_dim": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = OPTConfig(
        vocab_size=len(tokenizer), word_embed_proj_dim=32, eos_token_id=0, bos_token_id=0,
        pad_token_id=2, **sizes,
    )  # fmt: skip
    OPTForCausalLM(config).save_pretrained(tmp_path / "opt")
    tokenizer.save_pretrained(tmp_path / "opt")
    with pytest.raises(ConfigError, match=r"packed examples would see one another.*--packing"):
        train(
            tmp_path / "opt", tmp_path / "out", small.examples(4), packing=True,
            target_modules=["q_proj"],
        )  # fmt: skip


@pytest.mark.parametrize(
    "fields",
    [{"micro_batch_size": 1}, {"gradient_checkpointing": True}, {"target_modules": ["all-linear"]}],
)
def test_what_changes_memory_does_not_change_losses(
    fields: dict[str, Any], model: Path, tmp_path: Path
) -> None:
    for name, more in (("plain", {}), ("other", fields)):
        train(model, tmp_path / name, small.examples(7), **more)
    assert curve(tmp_path / "other") == pytest.approx(curve(tmp_path / "plain"), rel=1e-5)


def test_all_weights(model: Path, tmp_path: Path) -> None:
    counts = train(model, tmp_path, small.examples(8), tuning="full", epochs=3, learning_rate=1e-2)
    assert counts["trained_parameters"] == counts["parameters"]
    assert counts["final_loss"] < 0.8 * counts["first_loss"]
    assert (tmp_path / "model" / "model.safetensors").exists()
    assert not (tmp_path / "adapter").exists()


@pytest.mark.parametrize(
    ("given", "held_out", "expected"), [(10, 3, 3), (10, 9, 5), (3, 9, 1), (1, 5, 0), (10, 0, 0)]
)
def test_at_most_half_are_held_out(given: int, held_out: int, expected: int) -> None:
    all_of_them = [encoding.Encoded(f"e{i}", np.arange(9), 2) for i in range(given)]
    trained, held = encoding.split(all_of_them, held_out, seed=1)
    assert len(held) == expected and {*trained, *held} == {*all_of_them}
    assert [*trained] == [e for e in all_of_them if e in trained]
    # the draw depends on seed and id, not on the order
    again = encoding.split(all_of_them[::-1], held_out, seed=1)[1]
    assert {e.id for e in again} == {e.id for e in held}
    others = [encoding.split(all_of_them, held_out, seed=n)[1] for n in range(2, 9)]
    assert not expected or any(other != held for other in others)


def test_held_out_loss_is_the_mean_over_tokens(model: Path, tmp_path: Path) -> None:
    """Against transformers' own loss of each example of an untrained and a trained model."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    given = [*small.examples(6), *small.examples(12, length=20)[6:]]
    counts = train(model, tmp_path, given, held_out=4, epochs=4, learning_rate=2e-2)
    assert (counts["examples"], counts["held_out"]) == (8, 4)
    tokenizer = load_tokenizer(str(model), card(model))
    held = encoding.split([encoding.encode(tokenizer, e) for e in given], 4, small.SEED)[1]
    first, second = (AutoModelForCausalLM.from_pretrained(model) for _ in range(2))
    last = PeftModel.from_pretrained(second, tmp_path / "adapter").eval()
    for base, name in ((first, "held_out_loss_before"), (last, "held_out_loss")):
        total = 0.0
        for e in held:
            ids, labels = (torch.tensor(x)[None] for x in (e.tokens, e.labels))
            with torch.no_grad():
                total += float(base(ids, labels=labels).loss) * (len(e.tokens) - e.prompt)
        assert counts[name] == pytest.approx(total / counts["held_out_tokens"], rel=1e-5)
    assert counts["held_out_loss"] < counts["held_out_loss_before"] - 0.1
    assert 0 < counts["held_out_change_stderr"]
    ends = [counts["held_out_loss_before"], counts["held_out_loss"]]
    assert curve(tmp_path, "held_out_loss") == ends


def test_one_example_trains_and_none_is_an_error(model: Path, tmp_path: Path) -> None:
    counts = train(model, tmp_path / "one", small.examples(1), held_out=3)
    assert (counts["examples"], counts["steps"]) == (1, 1) and "held_out" not in counts
    # a warm-up as long as the training would leave it at a learning rate of 0
    assert curve(tmp_path / "one", "learning_rate") == [1e-3]
    with pytest.raises(StageError, match=r"no example to train on \(0 given"):
        train(model, tmp_path / "none", [])
    with pytest.raises(StageError, match=r"2 given, 2 longer than 30 tokens"):
        train(model, tmp_path / "long", small.examples(2), max_length=30)


def test_too_long_for_the_recipe_or_for_the_model(model: Path, tmp_path: Path) -> None:
    given = [*small.examples(3), *small.examples(5, length=400)[3:]]
    counts = train(model, tmp_path, given, max_length=16384)  # the model bears 512
    assert (counts["examples"], counts["too_long"]) == (3, 2)
    encoded = [
        encoding.encode(load_tokenizer(str(model), card(model)), e) for e in small.examples(3)
    ]
    assert counts["dataset_tokens"] == sum(len(e.tokens) for e in encoded)
    assert counts["response_tokens"] == sum(len(e.tokens) - e.prompt for e in encoded)


def test_a_template_that_leaves_out_the_responses(model: Path, tmp_path: Path) -> None:
    template = "{% for m in messages if m.role == 'user' %}{{ m.content }}{% endfor %}"
    with pytest.raises(StageError, match="2 of whose responses the chat template leaves nothing"):
        train(model, tmp_path, small.examples(2), student={"chat_template": template})


def test_responses_without_an_end_are_told_once(model: Path, tmp_path: Path) -> None:
    template = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
    notes: list[str] = []
    counts = train(
        model, tmp_path / "without", small.examples(3), student={"chat_template": template},
        progress=lambda done, total, note="": notes.append(note) if note else None,
    )  # fmt: skip
    assert counts["no_end"] == 3
    assert [n for n in notes if "3 of 3 responses end without a token that ends" in n] == notes
    assert len(notes) == 1
    assert train(model, tmp_path / "with", small.examples(3))["no_end"] == 0


def test_a_pad_that_is_the_eos_leaves_the_end_in_the_loss(model: Path, tmp_path: Path) -> None:
    from transformers import AutoTokenizer
    from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

    plain = AutoTokenizer.from_pretrained(model)
    plain.pad_token = None
    plain.save_pretrained(tmp_path)
    tokenizer = load_tokenizer(str(tmp_path), card(tmp_path))
    assert tokenizer.pad_token == tokenizer.eos_token == "<|im_end|>"
    rows = encoding.dataset(
        [encoding.encode(tokenizer, e) for e in (*small.examples(1), *small.examples(2, 20)[1:])]
    )
    batch = DataCollatorForLanguageModeling(tokenizer.pad_token_id)(list(rows))
    ends = (batch["labels"] == tokenizer.eos_token_id).sum(1).tolist()
    assert ends == [1, 1]  # and none of the padding
    assert (batch["labels"][0] == -100).sum() > (batch["attention_mask"][0] == 0).sum() > 0


def test_without_chat_template_or_pad(model: Path, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    bare = StudentCard(name="anna", pretrained=str(model))
    with pytest.raises(
        ConfigError, match=r"anna: .*no chat template.*chat_template=plain: .*plain"
    ):
        load_tokenizer(str(model), bare)
    tokenizer = AutoTokenizer.from_pretrained(model)
    tokenizer.pad_token = tokenizer.eos_token = None
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match="neither a pad nor an eos token"):
        load_tokenizer(str(tmp_path), card(tmp_path))


def test_a_tokenizer_of_another_model(model: Path, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    small.make_model(tmp_path, vocab_size=100)
    AutoTokenizer.from_pretrained(model).save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match=r"writes token \d+, and the model has embeddings of 100"):
        train(tmp_path, tmp_path / "out", small.examples(3))


@pytest.mark.parametrize("tuning", ["lora", "full"])
def test_tied_embeddings_are_saved_as_they_were_trained(tuning: str, tmp_path: Path) -> None:
    base = small.make_model(tmp_path / "tied", tie_word_embeddings=True)
    out = tmp_path / "out"
    counts = train(base, out, small.examples(6), tuning=tuning, held_out=2, learning_rate=1e-2)
    assert counts["held_out_loss"] != counts["held_out_loss_before"]
    found = logits(base, out / "adapter") if tuning == "lora" else logits(out / "model")
    assert (found - logits(base)).abs().max() > 1e-3
    # what was saved has the loss that was measured before saving
    again = train(
        out / "model" if tuning == "full" else base, tmp_path / "again", small.examples(6),
        held_out=2, adapter=out / "adapter" if tuning == "lora" else None,
    )  # fmt: skip
    assert again["held_out_loss_before"] == pytest.approx(counts["held_out_loss"], rel=1e-5)


@pytest.mark.parametrize(
    ("tied", "module", "why"),
    [(True, "embed_tokens", "tied"), (True, "lm_head", "head"), (False, "lm_head", "head")],
)
def test_embeddings_are_not_adapted(tied: bool, module: str, why: str, tmp_path: Path) -> None:
    base = small.make_model(tmp_path / "base", tie_word_embeddings=tied)
    with pytest.raises(ConfigError, match=rf"cannot adapt {module} \(.*{why}.*--tuning full"):
        train(base, tmp_path / "out", small.examples(2), target_modules=["q_proj", module])


def test_modules_that_the_model_has_not(model: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="none of the modules c_attn; name those of its arch"):
        train(model, tmp_path, small.examples(2), target_modules=["c_attn"])


@pytest.mark.parametrize("tuning", ["lora", "full"])
def test_of_a_model_that_sees_only_the_language_model_is_trained(
    tuning: str, model: Path, tmp_path: Path
) -> None:
    """As Gemma-3-4B is: its vision tower has modules of the same names."""
    from safetensors.torch import load_file
    from transformers import AutoTokenizer, Gemma3Config, Gemma3ForConditionalGeneration

    tokenizer = AutoTokenizer.from_pretrained(model)
    text = {
        "vocab_size": len(tokenizer), "hidden_size": 32, "intermediate_size": 64, "head_dim": 16,
        "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1,
        "bos_token_id": 1, "eos_token_id": 0, "pad_token_id": 2,
    }  # fmt: skip
    sees = {
        "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1,
        "num_attention_heads": 2, "image_size": 28, "patch_size": 14,
    }  # fmt: skip
    base = tmp_path / "gemma3"
    config = Gemma3Config(
        text_config=text, vision_config=sees, mm_tokens_per_image=4, boi_token_index=3,
        eoi_token_index=4, image_token_index=5,
    )  # fmt: skip
    Gemma3ForConditionalGeneration(config).save_pretrained(base)
    tokenizer.save_pretrained(base)
    out = tmp_path / "out"
    train(base, out, small.examples(6), tuning=tuning, learning_rate=1e-2, epochs=3, packing=True)
    if tuning == "lora":
        names = list(load_file(out / "adapter" / "adapter_model.safetensors"))
        assert names and all(".language_model." in name for name in names)
        found = logits(base, out / "adapter")
    else:
        before, after = (load_file(p / "model.safetensors") for p in (base, out / "model"))
        same = {n for n in before if before[n].equal(after[n])}
        assert same and all("language_model" not in n for n in same)
        assert {n for n in before if "vision" in n or "projector" in n} == same
        found = logits(out / "model")
    assert (found - logits(base)).abs().max() > 1e-3


@pytest.mark.parametrize("tuning", ["lora", "full"])
def test_a_second_training_begins_where_the_first_ended(
    tuning: str, model: Path, tmp_path: Path
) -> None:
    how = {"tuning": tuning, "held_out": 4, "learning_rate": 1e-2}
    first = train(model, tmp_path / "1", small.examples(10), **how)
    left = tmp_path / "1" / ("adapter" if tuning == "lora" else "model")
    second = train(model, tmp_path / "2", small.examples(10), adapter=left, **how)
    assert second["held_out_loss_before"] == pytest.approx(first["held_out_loss"], rel=1e-5)
    assert second["held_out_loss"] < second["held_out_loss_before"]


def test_a_card_of_16_bits_is_float32_on_a_cpu(model: Path) -> None:
    found = load_model(
        str(model), card(model, dtype="bfloat16"), small.recipe(), seed=0, device="cpu"
    )
    assert {str(p.dtype) for p in found.parameters()} == {"torch.float32"}

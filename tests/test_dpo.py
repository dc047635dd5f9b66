"""Direct preference optimisation on a tiny random model: against TRL alone, and by hand."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from preferences import byte_model, made

from polyglot_harness.errors import ConfigError, StageError
from polyglot_harness.spec import Preference, Recipe, StudentCard
from polyglot_harness.training import dpo, margins
from polyglot_harness.training import pairs as pairing

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return byte_model(tmp_path_factory.mktemp("models") / "bytes")


def recipe(**fields: Any) -> Recipe:
    defaults = {
        "name": "test", "method": "dpo", "target_modules": ["all-linear"], "lora_alpha": 32,
        "learning_rate": 2e-3, "epochs": 1, "batch_size": 2, "micro_batch_size": 2,
        "max_length": 256, "scheduler": "constant", "warmup_steps": 0, "save_steps": 2,
    }  # fmt: skip
    return Recipe.model_validate({**defaults, **fields})


def train(base: Path, given: list[Preference], folder: Path, **fields: Any) -> dict[str, Any]:
    folder.mkdir(parents=True, exist_ok=True)
    more = {"adapter": fields.pop("adapter", None)}
    return dpo.train(
        given,
        card(base),
        recipe(**fields),
        folder,
        pretrained=str(base),
        seed=3,
        device="cpu",
        **more,
    )


def card(base: Path) -> StudentCard:
    return StudentCard(name="tiny", pretrained=str(base))


def curve(folder: Path) -> list[dict[str, float]]:
    rows = json.loads((folder / "loss_curve.json").read_text())
    return [row for row in rows if "loss" in row]


def losses(folder: Path) -> list[float]:
    return [row["loss"] for row in curve(folder)]


def weights(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    [file] = folder.rglob("*.safetensors")
    return load_file(file)


def log_prob(model: Any, tokenizer: Any, pair: Preference, response: str) -> float:
    """Sum of the log-probabilities of all tokens after the prompt, from full logits."""
    import torch

    user, answer = (
        {"role": "user", "content": pair.prompt},
        {"role": "assistant", "content": response},
    )
    start = tokenizer.apply_chat_template([user], tokenize=False, add_generation_prompt=True)
    whole = tokenizer.apply_chat_template([user, answer], tokenize=False)
    ids = tokenizer(whole, return_tensors="pt", add_special_tokens=False)["input_ids"]
    n = len(tokenizer(start, add_special_tokens=False)["input_ids"])
    with torch.no_grad():
        found = torch.log_softmax(model(input_ids=ids).logits[0].double(), -1)
    return sum(float(found[i - 1, ids[0, i]]) for i in range(n, ids.shape[1]))


@pytest.mark.parametrize("tuning", ["lora", "full"])
def test_loss_by_hand(base: Path, tmp_path: Path, tuning: str) -> None:
    """After one step on one pair the second loss is -log sigmoid(beta * difference of ratios)."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    [pair], beta = made(1), 0.4
    for epochs in (1, 2):
        train(base, [pair], tmp_path / str(epochs), epochs=epochs, beta=beta, tuning=tuning)
    first, second = losses(tmp_path / "2")
    model = AutoModelForCausalLM.from_pretrained(base)
    tokenizer = AutoTokenizer.from_pretrained(base)
    reference = [log_prob(model, tokenizer, pair, text) for text in (pair.chosen, pair.rejected)]
    if tuning == "lora":
        policy = PeftModel.from_pretrained(model, tmp_path / "1" / "adapter")
    else:
        policy = AutoModelForCausalLM.from_pretrained(tmp_path / "1" / "model")
    now = [log_prob(policy, tokenizer, pair, text) for text in (pair.chosen, pair.rejected)]
    margin = beta * ((now[0] - reference[0]) - (now[1] - reference[1]))
    assert first == pytest.approx(math.log(2), abs=1e-6)
    assert margin > 0.05
    assert second == pytest.approx(-math.log(1 / (1 + math.exp(-margin))), abs=1e-4)
    assert curve(tmp_path / "2")[1]["rewards/margins"] == pytest.approx(margin, abs=1e-4)


def test_one_step_with_a_warm_up_learns(base: Path, tmp_path: Path) -> None:
    """The first step of a warm-up has a learning rate of 0, which must not be the only one."""
    train(base, made(1), tmp_path, warmup_steps=0.05, scheduler="cosine")
    moved = [value for name, value in weights(tmp_path / "adapter").items() if "lora_B" in name]
    assert moved and all(float(value.abs().max()) > 0 for value in moved)


def test_trl_alone_gives_the_same(base: Path, tmp_path: Path) -> None:
    import torch
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import DPOConfig, DPOTrainer

    given = made(6)
    train(base, given, tmp_path / "ours", micro_batch_size=1, epochs=2)
    tokenizer = AutoTokenizer.from_pretrained(base)
    trainer = DPOTrainer(
        model=AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32),
        args=DPOConfig(
            output_dir=str(tmp_path / "trl"), num_train_epochs=2, per_device_train_batch_size=1,
            gradient_accumulation_steps=2, learning_rate=2e-3, lr_scheduler_type="constant",
            weight_decay=0.001, max_length=256, seed=3, data_seed=3, logging_steps=1, beta=0.1,
            save_strategy="no", report_to="none", disable_tqdm=True, use_cpu=True, bf16=False,
            gradient_checkpointing=False, dataloader_pin_memory=False,
        ),
        train_dataset=pairing.dataset(pairing.sort(tokenizer, given, 256).kept),
        processing_class=tokenizer,
        peft_config=LoraConfig(
            r=16, lora_alpha=32, lora_dropout=0.0, target_modules=LINEAR, task_type="CAUSAL_LM"
        ),
    )  # fmt: skip
    trainer.train()
    theirs = [row["loss"] for row in trainer.state.log_history if "loss" in row]
    assert losses(tmp_path / "ours") == theirs
    rows = [(e.chosen.tokens.tolist(), e.prompt) for e in pairing.sort(tokenizer, given, 256).kept]
    trl = [(r["prompt_ids"] + r["chosen_ids"], len(r["prompt_ids"])) for r in trainer.train_dataset]
    assert rows == trl


def test_it_learns_what_is_preferred(base: Path, tmp_path: Path) -> None:
    counts = train(base, made(16), tmp_path, epochs=3, batch_size=4, held_out=6)
    found = curve(tmp_path)
    assert (counts["pairs"], counts["held_out"], counts["steps"]) == (10, 6, 9)
    assert found[0]["loss"] == pytest.approx(math.log(2), abs=1e-6)
    assert found[-1]["loss"] < 0.5 < found[0]["loss"]
    assert found[-1]["rewards/margins"] > 0.5 > found[0]["rewards/margins"] == 0
    assert found[-1]["rewards/accuracies"] == 1
    # German before Spanish, of pairs that it has not seen
    assert counts["held_out_margin"] > 2 * counts["held_out_margin_stderr"] > 0
    assert counts["held_out_loss"] < counts["held_out_loss_before"] == math.log(2)


def test_parts_of_a_batch(base: Path, tmp_path: Path) -> None:
    """A batch in four parts is the same batch, as is one with activations computed twice."""
    for micro, twice in ((4, False), (1, False), (4, True)):
        train(
            base, made(8), tmp_path / f"{micro}{twice}",
            batch_size=4, micro_batch_size=micro, gradient_checkpointing=twice,
        )  # fmt: skip
    assert losses(tmp_path / "1False") == pytest.approx(losses(tmp_path / "4False"), abs=1e-5)
    assert losses(tmp_path / "4True") == pytest.approx(losses(tmp_path / "4False"), abs=1e-6)


def test_dropout_of_the_recipe(base: Path, tmp_path: Path) -> None:
    """TRL's own setting would turn it off."""
    for dropout in (0.0, 0.5):
        train(base, made(4), tmp_path / str(dropout), epochs=2, lora_dropout=dropout)
    without, with_it = losses(tmp_path / "0.0"), losses(tmp_path / "0.5")
    assert without[0] == with_it[0]
    assert abs(without[-1] - with_it[-1]) > 1e-4


def test_what_cannot_be_trained_on_is_counted(base: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(base)
    [pair] = made(1)
    given = [
        pair,
        pair.model_copy(update={"id": "long", "rejected": pair.rejected + " y" * 60}),
        pair.model_copy(update={"id": "same", "rejected": pair.chosen}),
    ]
    longest = max(len(e.tokens) for e in _sides(pairing.sort(tokenizer, [pair], 999).kept[0]))
    found = pairing.sort(tokenizer, given, longest)
    assert [p.pair.id for p in found.kept] == ["pair-0"]
    assert (found.too_long, found.identical, found.no_response) == (1, 1, 0)
    assert pairing.sort(tokenizer, [pair], longest - 1).too_long == 1
    tokenizer.chat_template = (
        "{% for m in messages if m.role == 'user' %}{{ m.content }}{% endfor %}"
    )
    assert pairing.sort(tokenizer, [pair], 999).identical == 1


def _sides(pair: pairing.EncodedPair) -> tuple[Any, Any]:
    return pair.chosen, pair.rejected


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ([], "no pair to train on (0 given, "),
        ([made(1)[0].model_copy(update={"rejected": made(1)[0].chosen})], "1 whose responses are"),
        (made(1, responses=10**6), "1 longer than 160 tokens"),
    ],
)
def test_no_pair_is_left(base: Path, tmp_path: Path, given: list[Preference], why: str) -> None:
    with pytest.raises(StageError) as caught:
        train(base, given, tmp_path, max_length=160)
    assert why in str(caught.value)
    assert "\n" not in str(caught.value)


def test_packing_is_refused(base: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="recipe test: packing is for the method 'sft' only"):
        train(base, made(2), tmp_path, packing=True)


def test_it_goes_on_from_an_adapter(base: Path, tmp_path: Path) -> None:
    """Policy and reference begin at base and adapter, and the result is a whole model."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    earlier, given = tmp_path / "earlier", made(4)
    train(base, given, earlier, epochs=2, learning_rate=5e-3)
    counts = train(base, given, tmp_path / "later", adapter=earlier / "adapter", learning_rate=1e-9)
    assert counts["first_loss"] == pytest.approx(math.log(2), abs=1e-6)
    ids = torch.arange(5, 45)[None]
    model = AutoModelForCausalLM.from_pretrained(base)
    with torch.no_grad():
        untrained = model(ids).logits
        started = PeftModel.from_pretrained(model, earlier / "adapter")(ids).logits
        found = AutoModelForCausalLM.from_pretrained(tmp_path / "later" / "model")(ids).logits
    assert torch.allclose(found, started, atol=1e-5)
    assert not torch.allclose(found, untrained, atol=1e-2)


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from preferences import made
from test_dpo import card, dpo, recipe

def progress(done, total, note=""):
    if done == 3:
        os.kill(os.getpid(), signal.SIGKILL)

base = Path({base!r})
dpo.train(made(10), card(base), recipe(**{fields!r}), Path({folder!r}), pretrained=str(base),
          seed=3, device="cpu", progress=progress)
"""


@pytest.mark.parametrize(
    "fields",
    [{"lora_dropout": 0.3, "held_out": 2}, {"tuning": "full", "held_out": 2}],
    ids=["lora", "full"],
)
def test_a_killed_training_ends_the_same(
    base: Path, tmp_path: Path, fields: dict[str, Any]
) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    expected = train(base, made(10), whole, **fields)
    killed.mkdir()
    script = KILLED.format(
        tests=str(Path(__file__).parent), base=str(base), fields=fields, folder=str(killed)
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert ended.returncode == -9, ended.stderr.decode()[-500:]
    assert [p.name for p in (killed / "checkpoints").glob("checkpoint-*")] == ["checkpoint-2"]
    counts = train(base, made(10), killed, **fields)
    assert losses(killed) == pytest.approx(losses(whole), abs=1e-6)
    assert len(losses(killed)) == 4
    for name, tensor in weights(whole).items():
        assert weights(killed)[name].numpy() == pytest.approx(tensor.numpy(), abs=1e-6), name
    for name in ("steps", "tokens", "held_out_margin", "held_out_accuracy", "pairs"):
        assert counts[name] == pytest.approx(expected[name], abs=1e-5), name


def test_a_loss_that_is_no_number_stops(base: Path, tmp_path: Path) -> None:
    """It says on which pairs; the checkpoint of before stays."""
    from safetensors.torch import load_file, save_file
    from transformers import AutoTokenizer

    broken, given = tmp_path / "broken", made(6)
    shutil.copytree(base, broken)
    mark = "☃"
    tensors = load_file(broken / "model.safetensors")
    first = AutoTokenizer.from_pretrained(base)(mark)["input_ids"][0]
    tensors["model.embed_tokens.weight"][first] = math.nan
    save_file(tensors, broken / "model.safetensors", {"format": "pt"})
    given[0] = given[0].model_copy(update={"rejected": mark})
    folder = tmp_path / "out"
    with pytest.raises(
        StageError, match=r"loss is nan at step \d of 6, on the examples pair-0;"
    ) as it:
        train(broken, given, folder, batch_size=1, micro_batch_size=1, save_steps=1)
    step = int(str(it.value).split(" at step ")[1][0])
    assert step > 1
    assert (folder / "checkpoints" / f"checkpoint-{step - 1}").is_dir()
    assert not (folder / "adapter").exists()


def test_margins_by_hand() -> None:
    reference, policy = [(-10.0, -20.0), (-5.0, -5.0)], [(-8.0, -23.0), (-6.0, -4.0)]
    found = margins.implicit_margins(reference, policy, 0.1)
    assert found == pytest.approx([0.1 * (2 + 3), 0.1 * (-1 - 1)])
    counts = margins.summary(found)
    first, second = math.log(1 + math.exp(-0.5)), math.log(1 + math.exp(0.2))
    assert counts == pytest.approx(
        {
            "held_out": 2,
            "held_out_loss_before": math.log(2),
            "held_out_margin": 0.15,
            "held_out_margin_stderr": 0.35,  # 0.7 / sqrt(2) / sqrt(2)
            "held_out_accuracy": 0.5,
            "held_out_accuracy_stderr": 0.5,
            "held_out_loss": (first + second) / 2,
            "held_out_loss_stderr": abs(first - second) / 2,
        }
    )
    assert margins.summary([0.3])["held_out_margin_stderr"] is None
    assert margins.summary([-1000.0, 1000.0])["held_out_loss"] == pytest.approx(500)

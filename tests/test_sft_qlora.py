"""QLoRA for real, where bitsandbytes is installed: on a CPU it is slow, but the same code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import sft_children as small

from polyglot_harness.students import load_student
from polyglot_harness.training import base, sft

pytest.importorskip("bitsandbytes")
pytestmark = pytest.mark.filterwarnings("ignore:.*bitsandbytes.*:UserWarning")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sizes = {"hidden_size": 128, "intermediate_size": 256}
    return small.make_model(tmp_path_factory.mktemp("models") / "small", **sizes)


def test_an_adapter_on_a_base_of_four_bits(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # no GPU is asked for: a CPU has the same quantisation, in float32
    monkeypatch.setattr(base, "check_quantisable", lambda recipe, device: None)
    student = load_student("smollm2-135m", {"pretrained": str(model)})
    losses = {}
    for tuning in ("lora", "qlora"):
        recipe = small.recipe(
            tuning=tuning, held_out=4, epochs=3, learning_rate=1e-2, lora_dropout=0
        )
        losses[tuning] = sft.train(
            small.examples(12), student, recipe, tmp_path / tuning, pretrained=str(model),
            seed=small.SEED, device="cpu",
        )  # fmt: skip
    fine, coarse = losses["lora"], losses["qlora"]
    assert coarse["held_out_loss"] < coarse["held_out_loss_before"] - 0.1
    # four bits are another base, not much another
    gap = abs(coarse["held_out_loss_before"] - fine["held_out_loss_before"])
    assert 0 < gap < 1
    assert coarse["parameters"] == fine["parameters"]
    config = json.loads((tmp_path / "qlora" / "adapter" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == str(model)


def test_the_adapter_is_float32_and_the_base_is_not(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from peft import get_peft_model

    monkeypatch.setattr(base, "check_quantisable", lambda recipe, device: None)
    student = load_student("smollm2-135m", {"pretrained": str(model)})
    recipe = small.recipe(tuning="qlora")
    found = base.load_model(str(model), student, recipe, seed=0, device="cpu")
    assert found.is_loaded_in_4bit
    peft = get_peft_model(found, base.lora(student, recipe, found))
    base.float32_adapter(peft)
    types = {str(p.dtype) for n, p in peft.named_parameters() if "proj" in n and "lora" not in n}
    assert types == {"torch.uint8"}
    assert {str(p.dtype) for p in peft.parameters() if p.requires_grad} == {"torch.float32"}

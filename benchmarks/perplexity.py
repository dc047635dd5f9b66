"""Claim: perplexity of real examples at twice the speed of a padded loop, and exact for each.

Both sides get the same tokens and the same model, in float32:

- ours: ``polyglot_harness.lm.token_likelihood``: batches by length with a budget of tokens, the
  head of the model on the positions that predict a response's token;
- the loop: batches of 8 in the given order, padded, ``model(**inputs, labels=labels)`` with labels
  of -100 on prompt and padding. It returns the mean over a batch; values of single examples, which
  ours gives, would cost it more.

The examples: prompts and responses of the packs' seeds, and real passages (web sentences and
paragraphs of the Declaration of Human Rights in eight languages, see ``_language_texts.py``) of 10
to 400 tokens, most of them short: log-normal with a median of `--median` tokens. The beginning of a
passage (10 to 50 %) is the prompt. They are run in slices, both sides in turn, so that noise hits
both; a slice is also what ours sorts (the metric sorts 1,024). Seconds are the processor's, which
other jobs hardly change. Equality is with one example at a time, unpadded, all logits. Peak memory
is beyond what lay in memory before (Linux).

    python benchmarks/perplexity.py [--model gemma-3-270m] [--limit 2000] [--slice 250]
"""

from __future__ import annotations

import argparse
import math
import random
import re
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from _timing import machine, report

# ruff: isort: split
import torch
from _language_texts import LANGUAGES, sentences

from polyglot_harness.languages import load_pack, pack_folders
from polyglot_harness.lm.likelihood import split
from polyglot_harness.lm.load import load_lm
from polyglot_harness.lm.token_likelihood import Encoded, batches, log_likelihoods

SHORTEST, LONGEST = 10, 400
ROWS = 8


def examples(tokenizer: Any, n: int, middle: float) -> list[tuple[str, str]]:
    """Return prompts and responses in an order that mixes languages and lengths."""
    draw = random.Random(0)  # noqa: S311 (no secret)
    seeds = [seed for code in sorted(pack_folders()) for seed in load_pack(code).seeds]
    found = [(seed.prompt, seed.response) for seed in seeds]
    streams = [_passages(tokenizer, texts, draw, middle) for texts in _material()]
    while len(found) < max(n, 2000):
        found += [next(stream) for stream in streams]
    draw.shuffle(found)
    return found[:n]


def _material() -> Iterator[list[str]]:
    texts = sentences(1000)
    for code in LANGUAGES:
        for source in ("web", "udhr", "interface"):
            if (source, code) in texts:
                yield texts[source, code]


def _passages(
    tokenizer: Any, texts: list[str], draw: random.Random, middle: float
) -> Iterator[tuple[str, str]]:
    """Yield prompts and responses: passages cut where a token ends."""
    at = 0
    while True:
        wanted = min(LONGEST, max(SHORTEST, round(draw.lognormvariate(math.log(middle), 0.8))))
        text = ""
        while len(ends := _ends(tokenizer, text)) < wanted:
            text, at = f"{text} {texts[at % len(texts)]}".strip(), at + 1
        cut = ends[max(1, round(wanted * draw.uniform(0.1, 0.5))) - 1]
        if response := text[cut : ends[wanted - 1]].strip():
            yield text[:cut], response


def _ends(tokenizer: Any, text: str) -> list[int]:
    offsets = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    return [end for _, end in offsets["offset_mapping"]]


def padded_loop(lm: Any, encoded: Sequence[Encoded]) -> list[float]:
    """Return the mean loss of each batch of 8 in the given order."""
    losses = []
    for start in range(0, len(encoded), ROWS):
        rows = encoded[start : start + ROWS]
        width = max(len(c) + len(r) for c, r in rows)
        ids = torch.zeros((len(rows), width), dtype=torch.long)
        mask, labels = torch.zeros_like(ids), torch.full_like(ids, -100)
        for n, (context, response) in enumerate(rows):
            end = len(context) + len(response)
            ids[n, :end] = torch.tensor(context + response)
            mask[n, :end] = 1
            labels[n, len(context) : end] = torch.tensor(response)
        with torch.inference_mode():
            inputs = {"input_ids": ids, "attention_mask": mask}
            losses.append(float(lm.model(**inputs, labels=labels).loss))
    return losses


def alone(lm: Any, encoded: Encoded) -> float:
    """Return the log-likelihood of one response, by all logits of the unpadded row."""
    context, response = encoded
    with torch.inference_mode():
        logits = lm.model(torch.tensor([context + response])).logits[0]
    logs = torch.log_softmax(logits[len(context) - 1 : -1].double(), dim=-1)
    return float(logs.gather(1, torch.tensor(response)[:, None]).sum())


def peak(call: Callable[[], object]) -> float:
    """Return how far the memory of this process rises in a call, in MB."""
    Path("/proc/self/clear_refs").write_text("5")
    before = _status("VmRSS")
    call()
    return (_status("VmHWM") - before) / 1024


def _status(field: str) -> int:
    found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1])


def padding(lengths: Sequence[int], groups: Sequence[Sequence[int]]) -> float:
    """Return the share of padding among the tokens of batches."""
    total = sum(max(lengths[i] for i in group) * len(group) for group in groups)
    return 1 - sum(lengths) / total


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="gemma-3-270m")
    parser.add_argument("--limit", type=int, default=2000)
    parser.add_argument("--slice", type=int, default=250)
    parser.add_argument("--median", type=float, default=60)
    given = parser.parse_args()
    print(machine())
    lm = load_lm(
        "hf", {"pretrained": given.model, "dtype": "float32"}, batch_size="8", device="cpu"
    )
    pairs = examples(lm.tokenizer, given.limit, given.median)
    encoded = [split(lm.tok_encode, f"{prompt}\n", response) for prompt, response in pairs]
    slices = [encoded[i : i + given.slice] for i in range(0, len(encoded), given.slice)]
    _describe(encoded, slices)

    found: list[float] = []
    rows: Sequence[Encoded] = ()
    sides: dict[str, Callable[[], object]] = {
        "ours": lambda: found.extend(log_likelihoods(lm, rows)),
        "padded loop of 8": lambda: padded_loop(lm, rows),
    }
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    peaks: dict[str, list[float]] = {name: [] for name in sides}
    worst = {"nats": 0.0, "perplexity": 0.0}
    alone(lm, encoded[0])  # reads the weights from the disk
    for number, rows in enumerate(slices):
        found.clear()
        for name in list(sides)[:: -1 if number % 2 else 1]:
            started = time.process_time()
            peaks[name].append(peak(sides[name]))
            seconds[name].append(time.process_time() - started)
        _compare([alone(lm, row) for row in rows], found, rows, worst)
        rates = [len(rows) / times[-1] for times in seconds.values()]
        print(f"  {rates[0]:6.2f} and {rates[1]:6.2f} examples/s, x {rates[0] / rates[1]:.2f};"
              f" largest relative differences so far: nats {worst['nats']:.1e},"
              f" perplexity {worst['perplexity']:.1e}", flush=True)  # fmt: skip
    report(f"{given.model}, {len(encoded)} examples, seconds a slice", seconds, "ours")
    for name, times in seconds.items():
        print(f"  {name}: {len(encoded) / sum(times):.2f} examples/s,"
              f" peak memory {max(peaks[name]):.0f} MB")  # fmt: skip
    print(f"  over all: {sum(seconds['padded loop of 8']) / sum(seconds['ours']):.2f} x")


def _describe(encoded: Sequence[Encoded], slices: Sequence[Sequence[Encoded]]) -> None:
    lengths = sorted(len(c) + len(r) for c, r in encoded)
    share = sum(len(r) for _, r in encoded) / sum(lengths)
    at = [lengths[round(q * (len(lengths) - 1))] for q in (0, 0.1, 0.5, 0.9, 1)]
    print(f"tokens of an example: min, 10 %, 50 %, 90 %, max {at}; {share:.0%} are the response's")
    ours, loop = [], []
    for rows in slices:
        sizes = [len(c) + len(r) for c, r in rows]
        ours.append(padding(sizes, list(batches(sizes, 1024))))
        loop.append(
            padding(sizes, [range(i, min(i + ROWS, len(rows))) for i in range(0, len(rows), ROWS)])
        )
    print(f"padding: ours {sum(ours) / len(ours):.1%}, loop {sum(loop) / len(loop):.1%}")


def _compare(
    exact: Sequence[float], found: Sequence[float], rows: Sequence[Encoded], worst: dict[str, float]
) -> None:
    for a, b, (_, response) in zip(exact, found, rows, strict=True):
        n = len(response)
        worst["nats"] = max(worst["nats"], abs(b / a - 1))
        worst["perplexity"] = max(worst["perplexity"], abs(math.exp(-b / n + a / n) - 1))


if __name__ == "__main__":
    main()

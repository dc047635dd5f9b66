"""Documents of a strategy: what is asked of the teacher, one dict a request.

A document is drawn by H(seed, language, strategy, index), so the first n documents are the same
whatever n is, and independent of everything else that is scheduled.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from polyglot_harness.errors import ConfigError, unknown_name
from polyglot_harness.languages import check_strategy
from polyglot_harness.spec import LanguagePack, Seed, key_hash
from polyglot_harness.strategies.checks import to_sentence_end
from polyglot_harness.strategies.given import Given, given_of, given_path, read_given
from polyglot_harness.strategies.templates import (
    FORMS,
    Render,
    renderer,
    reply_format_of,
    template_path,
)

__all__ = ["FORMS", "SHOTS", "Given", "documents", "given_path", "read_given", "stop_sequences"]

SHOTS = 3


def documents(
    pack: LanguagePack,
    strategy: str,
    n: int | None,
    *,
    seed: int = 0,
    form: str = "chat",
    first: int = 0,
    reply_format: str | None = None,
    instruction_language: str = "en",
    given: Sequence[Given] | None = None,
) -> list[dict[str, Any]]:
    """Build a block of the documents of one language and strategy.

    Args:
        pack: The language.
        strategy: One of `languages.strategies_of` the pack.
        n: How many; None for one a prompt that there is to start from (for generate, one a seed).
            Beyond that, prompts come round again: sampling makes the replies differ.
        seed: Decides order and shots.
        form: ``chat`` or ``completion``.
        first: Number of the block's first document.
        reply_format: How generate and translate ask for prompt and response, ``json`` or
            ``labels``; None for JSON in the chat form and labels in the completion form.
        instruction_language: ``en``, or ``own`` for the pack's ``teach_templates.toml``.
        given: What the strategy starts from, see `read_given`; None for what the pack has.

    Returns:
        Dicts of strings: id, language, strategy, form, reply_format (``json``, ``labels`` or
        ``text``), seed_id, prompt (the prompt given, "" for generate), given_response (refine
        only), prompt_label, response_label, text (the request), and of lists: shot_ids,
        shot_prompts, shot_responses.

    Raises:
        ConfigError: If a name is unknown, a template is missing or wrong, or the seeds are too few.
    """
    check_strategy(pack, strategy)
    if form not in FORMS:
        raise unknown_name("form", form, FORMS)
    if len(pack.seeds) <= SHOTS:
        raise ConfigError(f"{pack.folder}/seeds.jsonl: needs more than {SHOTS} seeds")
    reply_format = reply_format_of(strategy, form, reply_format)
    path = template_path(pack, strategy, form, instruction_language)
    render = renderer(path, form, strategy, reply_format)
    if given is None:
        given = given_of(pack, strategy)
    order = _order(seed, pack.code, strategy, len(given))
    count = n if n is not None else (len(given) or len(pack.seeds))
    return [
        _document(pack, strategy, form, reply_format, index, source, render, seed)
        for index in range(first, first + count)
        for source in [given[order[index % len(given)]] if given else Given("", "")]
    ]


@lru_cache(maxsize=64)
def _order(seed: int, language: str, strategy: str, count: int) -> tuple[int, ...]:
    order = list(range(count))
    _rng(seed, language, strategy, "order").shuffle(order)
    return tuple(order)


def _document(
    pack: LanguagePack,
    strategy: str,
    form: str,
    reply_format: str,
    index: int,
    source: Any,
    render: Render,
    seed: int,
) -> dict[str, Any]:
    rng = _rng(seed, pack.code, strategy, index)
    # never the prompt itself as its own example
    shots = rng.sample([s for s in pack.seeds if s.id != source.id], SHOTS)
    refined = {"given_response": source.response} if strategy == "refine" else {}
    tidy = _closed_up if form == "completion" else str
    text = render(
        language=pack.name,
        own_name=pack.own_name,
        P=pack.labels.prompt,
        R=pack.labels.response,
        shots=[_shot(shot) for shot in shots],
        prompt=tidy(source.prompt),
        response=tidy(refined.get("given_response", "")),
    )
    return {
        "id": f"{pack.code}-{strategy}-{seed}-{index:06d}",
        "language": pack.code,
        "strategy": strategy,
        "form": form,
        "reply_format": reply_format,
        "seed_id": source.id or "+".join(shot.id for shot in shots),
        "prompt": source.prompt,
        **refined,
        "prompt_label": pack.labels.prompt,
        "response_label": pack.labels.response,
        "shot_ids": [shot.id for shot in shots],
        "shot_prompts": [shot.prompt for shot in shots],
        "shot_responses": [shot.response for shot in shots],
        "text": text.lstrip("\n") if form == "completion" else text.strip(),
    }


@lru_cache(maxsize=4096)
def _shot(seed: Seed) -> dict[str, str]:
    """Return a seed as templates see it.

    A dict of strings, not the record: its methods would be open to a template.
    """
    pair = {"prompt": seed.prompt, "response": seed.response}
    return {
        "prompt": seed.prompt,
        "prompt_en": seed.prompt_en,
        "response": _closed_up(seed.response),
        "draft": _closed_up(_draft(seed.response)),
        "json": json.dumps(pair, ensure_ascii=False),
    }


def _draft(response: str) -> str:
    """Return the first half of a response, at a sentence's end if it has one: what refine mends."""
    half = response[: (len(response) + 1) // 2]
    return to_sentence_end(half) or half.strip()


def _closed_up(text: str) -> str:
    """Close up blank lines: in a completion a blank line ends the example."""
    return re.sub(r"\n\s*\n", "\n", text.strip())


def _rng(*key: Any) -> random.Random:
    return random.Random(key_hash(*key))  # noqa: S311 - a draw, no secret


def stop_sequences(pack: LanguagePack, form: str) -> list[str]:
    """Return the strings that end a reply: in a completion, where the next example would begin."""
    if form == "chat":
        return []
    return ["\n\n", f"\n{pack.labels.prompt}:", "\nEnglish:"]

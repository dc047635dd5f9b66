"""Models in memory: loaded when first needed, one language model at a time."""

from __future__ import annotations

import gc
from collections.abc import Mapping
from typing import Any

from polyglot_harness.spec import canonical_json


class ModelPool:
    """Keep the last language model and the embedder; a second model replaces the first."""

    def __init__(self) -> None:
        """Begin empty."""
        self._key = ""
        self._lm: Any = None
        self._embedder_name = ""
        self._embedder: Any = None

    def lm(
        self,
        model: str,
        model_args: Mapping[str, Any],
        *,
        batch_size: str,
        device: str | None,
        likelihoods: bool = False,
    ) -> Any:
        """Return the lm-eval ``LM`` (see `load_lm`), loading it if it is not the one in memory."""
        from polyglot_harness.lm.load import load_lm

        key = canonical_json([model, sorted(model_args.items()), batch_size, device, likelihoods])
        if key != self._key:
            self.release()
            self._lm = load_lm(
                model, model_args, batch_size=batch_size, device=device, likelihoods=likelihoods
            )
            self._key = key
        return self._lm

    def embedder(self, name: str) -> Any:
        """Return the embedder of a name, loading it if it is not the one in memory."""
        from polyglot_harness.intrinsic.embedding.embedders import load_embedder

        if name != self._embedder_name:
            self._embedder, self._embedder_name = None, ""
            self._embedder, self._embedder_name = load_embedder(name), name
        return self._embedder

    def release(self) -> None:
        """Free the language model, e.g. before a training."""
        if self._lm is None:
            return
        if close := getattr(self._lm, "close", None):
            close()
        self._key, self._lm = "", None
        gc.collect()

"""What scores responses: a reward model, a server, or a plain function.

``hf:NAME`` is a sequence classifier of one label (`lm.reward_model`); a URL is a vLLM server of one
(`preference.server`); ``python:module:function`` or ``python:./file.py:function`` is
``f(prompts: list[str], responses: list[str], language: str) -> list[float]``. A reward that is
missing (None) or no finite number is NaN here, and counted by who asks: it is never 0.
"""

from __future__ import annotations

import gc
import importlib
import importlib.util
import inspect
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from polyglot_harness.errors import ConfigError, HarnessError, StageError, first_line
from polyglot_harness.provenance import relevant
from polyglot_harness.store import file_sha256

VALID = (
    "hf:MODEL (a sequence classifier of one label), python:module:function, "
    "python:./file.py:function, or the http:// or https:// address of a vLLM server"
)
SHOWN = 60
"""Characters of a text in a message."""
Function = Callable[[list[str], list[str], str], Sequence[Any]]


class Scorer(Protocol):
    """Scores pairs of prompt and response."""

    name: str
    """As the user gave it."""

    @property
    def identity(self) -> Any:
        """All that decides a reward."""

    def score(self, prompts: Sequence[str], responses: Sequence[str], language: str) -> list[float]:
        """Return a reward for each pair; NaN where there is none.

        Raises:
            HarnessError: If it fails.
        """

    def release(self) -> None:
        """Give back the memory of a model."""


def scorer_of(text: str, device: str | None = None) -> Scorer:
    """Return the scorer that ``--reward`` stands for; a model is loaded when it is first needed.

    Raises:
        ConfigError: If it stands for none, or there is no such function.
    """
    if text.startswith("hf:") and len(text) > len("hf:"):
        return ModelScorer(text.removeprefix("hf:"), device)
    if text.startswith("python:"):
        return FunctionScorer(text)
    if "://" in text:
        from polyglot_harness.preference.server import ServerScorer

        return ServerScorer(text)
    raise ConfigError(f"--reward {text}: expected {VALID}")


class ModelScorer:
    """A sequence classifier in this process."""

    def __init__(self, name: str, device: str | None) -> None:
        """Name it; a path that does not exist is an error now, not after the sampling."""
        from polyglot_harness.models import resolve

        self.name = f"hf:{name}"
        self._name, self._device = name, device
        self._model: Any = None
        resolve(name)

    @property
    def identity(self) -> Any:
        """Return the model's name and revision, or the digest of the weights in a folder."""
        from polyglot_harness.lm.load import model_identity

        files = sorted(Path(self._name).glob("*.safetensors"))
        what = [file_sha256(file) for file in files] or model_identity(self._name)
        # where it runs changes rounding
        return [what, dict(relevant("torch", "transformers")), self._device]

    def score(self, prompts: Sequence[str], responses: Sequence[str], language: str) -> list[float]:
        """Return the model's logits; a response longer than its context has none."""
        from polyglot_harness.lm.reward_model import load_reward_model, score

        if self._model is None:
            self._model = load_reward_model(self._name, self._device)
        found = score(self._model, list(zip(prompts, responses, strict=True)))
        return [math.nan if reward.value is None else reward.value for reward in found]

    def release(self) -> None:
        """Forget the model."""
        self._model = None
        gc.collect()


class FunctionScorer:
    """A plain function. Naming it on the command line is the consent to run it."""

    def __init__(self, name: str) -> None:
        """Import it.

        Raises:
            ConfigError: If there is no such function.
        """
        self.name = name
        module, _, function = name.removeprefix("python:").rpartition(":")
        if not module or not function:
            raise ConfigError(f"--reward {name}: expected {VALID}")
        found = getattr(_module(module, name), function, None)
        if not callable(found):
            raise ConfigError(f"--reward {name}: there is no function {function!r} in {module}")
        self._function: Function = found

    @property
    def identity(self) -> Any:
        """Return the name and the digest of the file that the function stands in."""
        try:
            file = inspect.getsourcefile(self._function)
        except TypeError:  # of an extension module, or an object that can be called
            file = None
        function = self.name.rpartition(":")[2]
        return [function, file_sha256(Path(file))] if file else [self.name, ""]

    def score(self, prompts: Sequence[str], responses: Sequence[str], language: str) -> list[float]:
        """Call it once for all pairs; where that fails, find the pair that it fails at."""
        try:
            return self._call(prompts, responses, language)
        except HarnessError:
            raise
        except Exception as error:  # a function of the user raises anything
            raise self._explained(error, prompts, responses, language) from error

    def release(self) -> None:
        """Nothing is held."""

    def _call(self, prompts: Sequence[str], responses: Sequence[str], language: str) -> list[float]:
        found = list(self._function(list(prompts), list(responses), language))
        if len(found) != len(prompts):
            raise StageError(
                f"--reward {self.name} returned {len(found)} rewards for {len(prompts)} responses"
            )
        return [self._number(value, prompt) for value, prompt in zip(found, prompts, strict=True)]

    def _number(self, value: Any, prompt: str) -> float:
        if value is None:
            return math.nan
        try:
            number = float(value) if not isinstance(value, str) else None
        except (TypeError, ValueError):
            number = None
        if number is None:
            raise StageError(
                f"--reward {self.name} returned {value!r:.{SHOWN}} for a response to "
                f"{prompt!r:.{SHOWN}}: expected a number, or None for no reward"
            )
        return number if math.isfinite(number) else math.nan

    def _explained(
        self, error: Exception, prompts: Sequence[str], responses: Sequence[str], language: str
    ) -> StageError:
        what = f"{type(error).__name__}: {first_line(error)}"
        for prompt, response in zip(prompts, responses, strict=True):
            try:
                self._call([prompt], [response], language)
            except Exception as alone:
                what = f"{type(alone).__name__}: {first_line(alone)}"
                return StageError(
                    f"--reward {self.name} failed at the response {response!r:.{SHOWN}} to "
                    f"{prompt!r:.{SHOWN}} ({language}): {what}"
                )
        return StageError(f"--reward {self.name} failed at {len(prompts)} responses: {what}")


def _module(name: str, given: str) -> Any:
    """Import a module by its dotted name, or from a file."""
    try:
        if not name.endswith(".py"):
            return importlib.import_module(name)
        path = Path(name)
        if not path.is_file():
            raise ConfigError(f"--reward {given}: {name}: no such file")
        spec = importlib.util.spec_from_file_location(f"_reward_{path.stem}", path)
        assert spec and spec.loader, "a file that ends with .py has a loader"
        module = importlib.util.module_from_spec(spec)
        # dataclasses and pickle look a module up by its name
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        return module
    except HarnessError:
        raise
    except Exception as error:  # its own code may raise anything
        what = f"{type(error).__name__}: {first_line(error)}"
        raise ConfigError(f"--reward {given}: {name} cannot be imported: {what}") from error

"""The requests of one teacher, language and strategy, built one at a time when they are needed.

lm-eval builds all requests of a task before it sends the first one. Here its `Task` says what a
request looks like (templates, chat form, settings), and documents pass through it one by one.
"""

from __future__ import annotations

from typing import Any

from polyglot_harness.lm.exchange import Request
from polyglot_harness.lm.index import load_tasks, task_manager
from polyglot_harness.spec import LanguagePack, RunSpec, TeacherCard, key_hash
from polyglot_harness.strategies import REPLY_SCHEMA
from polyglot_harness.strategies.documents import documents, given_path, read_given, stop_sequences


class Source:
    """Documents and requests by their number."""

    def __init__(
        self, lm: Any, teacher: TeacherCard, pack: LanguagePack, strategy: str, spec: RunSpec
    ) -> None:
        """Load the lm-eval task of the language and strategy.

        Raises:
            ConfigError: If it cannot be built, or the file of `spec.given` is wrong.
        """
        self.task = f"polyglot_teach_{pack.code}_{strategy}"
        self._lm, self._pack, self._strategy, self._spec = lm, pack, strategy, spec
        self._form = teacher.form
        self._reply_format = teacher.reply_format
        self._given = read_given(given_path(spec.given, strategy, pack.code), strategy)
        # one document: what is needed of the task is how it asks
        metadata = {
            "n": 1,
            "form": self._form,
            "packs": spec.include_path,
            "instruction_language": spec.instruction_language,
            "reply_format": teacher.reply_format,
        }
        manager = task_manager([self.task], include_path=spec.include_path, metadata=metadata)
        self._task = load_tasks(manager, [self.task])["tasks"][self.task]
        self._task.set_config("generation_kwargs", self._settings(teacher), update=True)
        self._gen_kwargs = dict(self._task.config.generation_kwargs)
        self._chat = self._form == "chat"
        if spec.apply_chat_template is not None:
            self._chat = spec.apply_chat_template

    def _settings(self, teacher: TeacherCard) -> dict[str, Any]:
        return {
            "until": stop_sequences(self._pack, teacher.form),
            **dict(teacher.gen_kwargs),
            **dict(self._spec.gen_kwargs),
        }

    def document(self, index: int) -> dict[str, Any]:
        """Build the document of a number."""
        (document,) = documents(
            self._pack,
            self._strategy,
            1,
            first=index,
            seed=self._spec.seed,
            form=self._form,
            reply_format=self._reply_format,
            instruction_language=self._spec.instruction_language,
            given=self._given,
        )
        return document

    def request(self, document: dict[str, Any], index: int, attempt: int, seed: int) -> Request:
        """Build the request of a document, as lm-eval would."""
        context = self._task.fewshot_context(
            document,
            num_fewshot=0,
            system_instruction=self._spec.system_instruction,
            apply_chat_template=self._chat,
            chat_template=self._lm.apply_chat_template if self._chat else None,
        )
        schema = REPLY_SCHEMA if document["reply_format"] == "json" else None
        return Request(index, attempt, context, self._gen_kwargs, seed, schema)

    def seed(self, *key: Any) -> int:
        """Return a seed (32 bits) that depends on the run's seed, the task and `key` alone."""
        return int.from_bytes(key_hash(self._spec.seed, self.task, *key)[:4], "big")

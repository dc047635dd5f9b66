"""A teacher behind an OpenAI-compatible server, as lm-eval's model type ``openai-compatible``.

lm-eval's own ``local-chat-completions`` returns bare strings, turns an empty answer into a
placeholder and sends all requests with one seed. This one streams: replies come with their finish
reasons, tokens and errors as they arrive (`exchange.Streaming`).
"""

from __future__ import annotations

import inspect
import json
import logging
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import lm_eval.models  # noqa: F401 - fills the registry, or ours would be the only model in it
from lm_eval.api.instance import Instance
from lm_eval.api.model import LM
from lm_eval.api.registry import register_model

from polyglot_harness.errors import ConfigError, StageError
from polyglot_harness.lm.arguments import choice, flag, known_only, number
from polyglot_harness.lm.concurrency import Window
from polyglot_harness.lm.exchange import Reply, Request
from polyglot_harness.lm.http_outcome import Server, Without
from polyglot_harness.lm.http_session import api_key, make_session, require_aiohttp
from polyglot_harness.lm.http_stream import Stream
from polyglot_harness.lm.http_wire import Known, Wire
from polyglot_harness.lm.openai_payload import Messages, encoded, endpoint_of, payload
from polyglot_harness.lm.patience import Patience
from polyglot_harness.spec import key_hash

if TYPE_CHECKING:
    import aiohttp

_log = logging.getLogger(__name__)

_IGNORED = ("tokenizer", "tokenizer_backend", "tokenized_requests", "max_length", "batch_size")
"""lm-eval's arguments of models behind a server, of which we have no need."""
_PLAIN_SEED = 1234
"""lm-eval's seed of models behind a server."""


@register_model("openai-compatible")
class OpenAICompatible(LM):  # type: ignore[misc]
    """Chat or text completions over HTTP."""

    def __init__(
        self,
        model: str = "",
        *,
        base_url: str = "https://api.openai.com/v1",
        endpoint: str = "auto",
        api_key_env: str = "OPENAI_API_KEY",
        num_concurrent: int | str = "auto",
        max_concurrent: int = 256,
        timeout: float = 300.0,
        max_retries: int = 8,
        retry_seconds: float = 600.0,
        unreachable_seconds: float | None = None,
        backoff_seconds: float = 1.0,
        grace_seconds: float = 10.0,
        structured_output: bool | str = "auto",
        send_seed: bool = True,
        max_tokens_field: str = "auto",
        max_gen_toks: int = 256,
        ca_bundle: str | None = None,
        verify_certificate: bool = True,
        **others: Any,
    ) -> None:
        """Check the arguments; nothing is sent yet.

        Args:
            model: Name of the model, as the server knows it.
            base_url: ``https://host/v1``, or with ``/chat/completions`` or ``/completions``.
            endpoint: ``chat``, ``completions``, or ``auto``: by the URL's end, else chat.
            api_key_env: Environment variable of the API key; it is read nowhere else.
            num_concurrent: Requests in flight; ``auto`` finds the number (see `concurrency`).
            max_concurrent: The most that ``auto`` takes.
            timeout: Seconds for one try of a request.
            max_retries: Tries of a request after the first.
            retry_seconds: Seconds for all tries of a request.
            unreachable_seconds: Seconds in which nobody is there before the run fails; None for
                `retry_seconds`, but at most 60 before the first answer.
            backoff_seconds: Longest wait before the second try; it doubles with each one.
            grace_seconds: Seconds for what is in flight when the run fails.
            structured_output: Send a request's JSON schema; ``auto`` until the server says that it
                knows none.
            send_seed: Send each request's seed.
            max_tokens_field: ``max_tokens``, ``max_completion_tokens``, or ``auto``: the first
                until the server asks for the second.
            max_gen_toks: Budget of a reply where the request names none.
            ca_bundle: File of certificates to trust, in PEM.
            verify_certificate: False trusts any.
            others: lm-eval's further arguments are ignored: tokenizer, tokenizer_backend,
                tokenized_requests, max_length, batch_size.

        Raises:
            ConfigError: If an argument is unknown or wrong, or api.openai.com has no key.
            MissingDependency: If aiohttp is not installed.
        """
        super().__init__()
        require_aiohttp()
        known_only(others, {*inspect.signature(type(self).__init__).parameters, *_IGNORED})
        if not model:
            raise ConfigError("openai-compatible: model= is missing")
        self.model = str(model)
        self.endpoint = endpoint_of(str(base_url), endpoint)
        self.api_key_env = str(api_key_env)
        api_key(self.api_key_env, self.endpoint)
        self.max_gen_toks = int(number("max_gen_toks", max_gen_toks, at_least=1))
        self.send_seed = flag("send_seed", send_seed)
        self.structured_output = choice(
            "structured_output", structured_output, ("auto", "true", "false")
        )
        self.with_schema = self.structured_output != "false"
        self.max_tokens_field = choice(
            "max_tokens_field", max_tokens_field, ("auto", "max_tokens", "max_completion_tokens")
        )
        self.tokens_field = self.max_tokens_field.replace("auto", "max_tokens")
        self.ca_bundle = str(ca_bundle) if ca_bundle else ""
        self.verify_certificate = flag("verify_certificate", verify_certificate)
        self.patience = Patience(
            timeout=number("timeout", timeout),
            max_retries=int(number("max_retries", max_retries, at_least=0)),
            retry_seconds=number("retry_seconds", retry_seconds),
            unreachable_seconds=None
            if unreachable_seconds is None
            else number("unreachable_seconds", unreachable_seconds),
            backoff_seconds=number("backoff_seconds", backoff_seconds),
            grace_seconds=number("grace_seconds", grace_seconds),
        )
        auto = str(num_concurrent) == "auto"
        name, most = (
            ("max_concurrent", max_concurrent) if auto else ("num_concurrent", num_concurrent)
        )
        self.known = Known(Window(int(number(name, most, at_least=1)), fixed=not auto))

    @classmethod
    def create_from_arg_obj(
        cls, arg_dict: dict[str, Any], additional_config: dict[str, Any] | None = None
    ) -> OpenAICompatible:
        """Build it from arguments; batch size and device mean nothing here."""
        return cls(**arg_dict)

    @classmethod
    def create_from_arg_string(
        cls, arg_string: str, additional_config: dict[str, Any] | None = None
    ) -> OpenAICompatible:
        """Build it from lm-eval's ``key=value,...``; batch size and device mean nothing here."""
        from lm_eval.utils import simple_parse_args_string

        return cls(**simple_parse_args_string(arg_string))

    def stream_replies(self, requests: Iterator[Request]) -> Iterator[tuple[Request, Reply]]:
        """Yield each request with its reply; see `exchange.Streaming`.

        Raises:
            ConfigError: If the server refuses key, model or address.
            StageError: If nobody is there, the account is empty, or nothing but errors comes.
        """
        yield from self._stream(requests, kept=True)

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = False) -> list[str]:
        """Return one reply a request, in order; "" where there was nothing to say.

        Raises:
            StageError: If a request fails for good, and as `stream_replies`.
        """
        from tqdm import tqdm  # type: ignore[import-untyped]

        replies: dict[int, str] = {}
        reasons: Counter[str] = Counter()
        with tqdm(total=len(requests), disable=disable_tqdm, desc="Requesting API") as bar:
            for request, reply in self._stream(_plain_requests(requests), kept=False):
                asked = requests[request.index]
                if reply.error:
                    raise StageError(f"{asked.task_name}, item {asked.doc_id}: {reply.error}")
                text = "" if reply.finish_reason == "content_filter" else reply.text
                reasons[reply.finish_reason if not text else "text"] += 1
                replies[request.index] = text
                self.cache_hook.add_partial("generate_until", asked.args, text)
                bar.update()
        for reason in sorted(set(reasons) - {"text"}):
            _log.warning("%d empty replies of %s: %s", reasons[reason], self.model, reason)
        return [replies[i] for i in range(len(requests))]

    def loglikelihood(self, requests: list[Instance], **_: Any) -> list[tuple[float, bool]]:
        """Refuse: servers of this kind tell no log-probabilities of given texts.

        Raises:
            StageError: Always.
        """
        raise StageError(
            "openai-compatible: a chat API gives no log-probabilities of a text;"
            " use the model type local-completions"
        )

    def loglikelihood_rolling(self, requests: list[Instance], **_: Any) -> list[float]:
        """Refuse, as `loglikelihood` does."""
        return self.loglikelihood(requests)  # type: ignore[return-value]

    def apply_chat_template(
        self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True
    ) -> str:
        """Return the messages as JSON; the server has the template.

        Raises:
            ConfigError: If the endpoint takes no messages.
        """
        if not self.endpoint.chat:
            raise ConfigError(
                f"{self.endpoint.shown} takes text, not messages: leave --apply_chat_template out"
            )
        return Messages(json.dumps(chat_history, ensure_ascii=False))

    def chat_template(self, chat_template: bool | str = False) -> str:
        """Return "": only the server knows it."""
        return ""

    @property
    def tokenizer_name(self) -> str:
        """Name of the model, for lm-eval's cache of requests."""
        return self.model

    def _stream(
        self, requests: Iterator[Request], *, kept: bool
    ) -> Iterator[tuple[Request, Reply]]:
        key = api_key(self.api_key_env, self.endpoint)
        server = Server(self.endpoint.shown, self.model, self.api_key_env, key)
        del key  # a traceback may show local variables
        stream = Stream(
            requests,
            wire=Wire(self.endpoint.url, self._session, self._body, self._without),
            server=server,
            known=self.known,
            patience=self.patience,
            kept=kept,
        )
        yield from stream.replies()

    def _session(self) -> aiohttp.ClientSession:
        return make_session(
            self.endpoint,
            self.api_key_env,
            timeout=self.patience.timeout,
            ca_bundle=self.ca_bundle,
            verify=self.verify_certificate,
        )

    def _body(self, request: Request) -> tuple[bytes, frozenset[str]]:
        body = payload(
            request,
            self.model,
            self.endpoint,
            max_tokens_field=self.tokens_field,
            max_gen_toks=self.max_gen_toks,
            with_seed=self.send_seed,
            with_schema=self.with_schema,
        )
        optional = {"response_format"} if self.structured_output == "auto" else set()
        optional |= {"max_tokens"} if self.max_tokens_field == "auto" else set()
        return encoded(body), frozenset(optional & body.keys())

    def _without(self, unknown: Without) -> None:
        """Leave a field out from now on."""
        if unknown.field == "response_format" and self.with_schema:
            self.with_schema = False
            _log.warning("%s: no structured output (%s)", self.endpoint.shown, unknown.words)
        elif unknown.field == "max_tokens":
            self.tokens_field = "max_completion_tokens"


def _plain_requests(requests: list[Instance]) -> Iterator[Request]:
    """Seed each request by itself, so that repeats of one differ and no order matters."""
    copies: Counter[str] = Counter()
    for index, instance in enumerate(requests):
        context, gen_kwargs = instance.args
        settings = json.dumps(gen_kwargs, sort_keys=True, default=str)
        copies[same := f"{context}\x1f{settings}"] += 1
        seed = int.from_bytes(key_hash(_PLAIN_SEED, same, copies[same])[:4], "big") >> 1
        yield Request(index, 1, context, gen_kwargs, seed)

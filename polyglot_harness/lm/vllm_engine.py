"""vLLM in this process, fed continuously.

lm-eval's ``vllm`` hands all requests to one call and returns bare strings. Here the engine below it
is driven step by step: requests are added while others run, and each reply comes out as soon as it
is done, with finish reason and tokens. All else (log-likelihoods, chat template, arguments) is
lm-eval's. Importing this module imports vLLM.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count
from typing import Any

# before vLLM is imported. A process of its own would cost a hop a step and outlive a kill of this
# one; standard output is ours.
os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
os.environ.setdefault("VLLM_LOGGING_STREAM", "ext://sys.stderr")
os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")

from lm_eval.models.utils import postprocess_generated_text
from lm_eval.models.vllm_causallms import VLLM
from vllm import SamplingParams, TokensPrompt  # type: ignore[import-not-found, unused-ignore]
from vllm.exceptions import VLLMValidationError  # type: ignore[import-not-found, unused-ignore]
from vllm.platforms import current_platform  # type: ignore[import-not-found, unused-ignore]
from vllm.sampling_params import (  # type: ignore[import-not-found, unused-ignore]
    RequestOutputKind,
    StructuredOutputsParams,
)

from polyglot_harness.errors import ConfigError, StageError, first_line
from polyglot_harness.lm.exchange import FinishReason, Reply, Request

MIN_IN_FLIGHT = 64
COMPACT_JSON = {"backend": "xgrammar", "disable_any_whitespace": True}
"""For structured output; a small model that may write white space writes nothing else."""
_INVALID = (TypeError, ValueError, VLLMValidationError)
_REASONS: dict[str | None, FinishReason] = {"stop": "stop", "length": "length"}


class StreamingVLLM(VLLM):  # type: ignore[misc]
    """lm-eval's ``vllm`` with `exchange.Streaming`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Start the engine; arguments as lm-eval's."""
        kwargs.setdefault("structured_outputs_config", COMPACT_JSON)
        if current_platform.is_cpu():
            # a prompt in pieces has vLLM turn back the request's random generator, which torch
            # cannot do on a CPU: the engine would fail
            kwargs.setdefault("enable_chunked_prefill", False)
        self._numbers = count()
        super().__init__(*args, **kwargs)
        if self.data_parallel_size == 1:
            generate = self.model.generate
            # vLLM divides by the time on its progress bar, which is 0 where TQDM_DISABLE is set
            self.model.generate = lambda *a, **k: generate(*a, **{**k, "use_tqdm": False})

    def stream_replies(self, requests: Iterator[Request]) -> Iterator[tuple[Request, Reply]]:
        """Yield each request with its reply, in the order in which they are done.

        Twice as many requests as run at a time are in flight, so that a free place is taken at
        once. Each is sampled by its own seed; other requests in the batch can change a reply only
        by the rounding of a matrix product. A request that leaves no room for its reply is
        answered with ``prompt_truncated`` and not sent. One stream at a time; closing it aborts
        what is in flight.

        Args:
            requests: What to ask, taken one by one when there is a place.

        Raises:
            ConfigError: If vLLM does not know a generation setting or its value, or the model was
                loaded with ``data_parallel_size`` > 1.
            StageError: If the engine fails, e.g. out of memory.
        """
        if self.data_parallel_size > 1:
            raise ConfigError("vllm: a teacher runs with data_parallel_size=1")
        engine = self.model.llm_engine
        places = max(MIN_IN_FLIGHT, 2 * engine.vllm_config.scheduler_config.max_num_seqs)
        in_flight: dict[str, Request] = {}
        try:
            while True:
                while len(in_flight) < places and (request := next(requests, None)):
                    name = f"stream-{next(self._numbers)}"
                    in_flight[name] = request
                    if reply := self._send(name, request):
                        yield in_flight.pop(name), reply
                if not (in_flight and engine.has_unfinished_requests()):
                    return
                for output in _step(engine):
                    # any other is what a call of lm-eval's that failed has left in the engine
                    if output.request_id in in_flight:
                        request = in_flight.pop(output.request_id)
                        yield request, self._reply(request, output)
        finally:
            engine.abort_request(list(in_flight))

    def close(self) -> None:
        """Stop the engine, so that its memory comes back; the model is of no use afterwards."""
        if model := self.__dict__.pop("model", None):
            model.llm_engine.engine_core.shutdown()

    def _send(self, name: str, request: Request) -> Reply | None:
        """Add a request to the engine, or return why there is no answer."""
        tokens = self.tok_encode(request.context)
        params = self._sampling_params(request)
        if len(tokens) + params.max_tokens > self.max_length:
            return Reply("", "prompt_truncated", len(tokens))
        engine = self.model.llm_engine
        try:
            (prompt,) = engine.renderer.render_cmpl([TokensPrompt(prompt_token_ids=tokens)])
            engine.add_request(name, prompt, params, lora_request=self.lora_request)
        except _INVALID as error:  # e.g. an empty prompt, or a schema that no backend can follow
            return Reply("", error=f"vllm: {first_line(error)}")
        return None

    def _sampling_params(self, request: Request) -> SamplingParams:
        try:
            settings, until, budget = self._settings(request)
            if self.think_end_token:
                # what ends a reply may well occur in the thoughts before it
                until = [stop for stop in until if stop == self._eos]
            if request.schema:
                settings["structured_outputs"] = StructuredOutputsParams(json=dict(request.schema))
            settings |= {"max_tokens": budget, "stop": until, "seed": request.seed}
            return SamplingParams(**settings, output_kind=RequestOutputKind.FINAL_ONLY)
        except _INVALID as error:
            raise ConfigError(f"vllm: generation settings: {first_line(error)}") from error

    def _reply(self, request: Request, output: Any) -> Reply:
        _, until, _ = self._settings(request)
        (completion,) = output.outputs
        reason = completion.finish_reason
        return Reply(
            postprocess_generated_text(completion.text, until, self.think_end_token),
            _REASONS.get(reason, "unknown"),
            tokens_in=len(output.prompt_token_ids),
            tokens_out=len(completion.token_ids),
            error="" if reason in _REASONS else f"vllm: {reason}",
        )

    def _settings(self, request: Request) -> tuple[dict[str, Any], list[str], int]:
        """Return lm-eval's settings in vLLM's names, the stop sequences and the token budget."""
        given = dict(request.gen_kwargs)
        if "temperature" not in given:
            # left open, lm-eval means greedy, but here vLLM's own default of 1 would apply
            given.setdefault("do_sample", False)
        return self.modify_gen_kwargs(  # type: ignore[no-any-return]
            given, eos=self._eos, default_max_gen_toks=self.max_gen_toks
        )

    @property
    def _eos(self) -> str:
        return str(self.tokenizer.decode(self.eot_token_id) or self.tokenizer.eos_token)


def _step(engine: Any) -> list[Any]:
    """Take one step of all running requests; return the outputs of those that are done."""
    try:
        return [output for output in engine.step() if output.finished]
    except Exception as error:  # whatever stops it, replies that are out stay
        raise StageError(f"vllm: the engine failed: {first_line(error)}") from error

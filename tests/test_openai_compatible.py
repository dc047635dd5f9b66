"""The model type ``openai-compatible`` against a real server that fails on request."""

from __future__ import annotations

import gc
import itertools
import json
import logging
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asking import KEY, asked, client, expected, replies
from fault_replies import reply_to
from fault_server import FaultServer
from lm_eval.api.instance import Instance
from lm_eval.api.registry import get_model

from polyglot_harness.errors import ConfigError, HarnessError, StageError
from polyglot_harness.languages import load_pack
from polyglot_harness.lm.exchange import Request, Streaming
from polyglot_harness.lm.http_session import proxy_of
from polyglot_harness.lm.openai_payload import Messages
from polyglot_harness.spec import Example
from polyglot_harness.strategies import parse
from polyglot_harness.strategies.documents import documents


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


# --- requests ----------------------------------------------------------------------------------


def test_seeds_key_and_messages_reach_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEACHER_KEY", f" {KEY}\n")
    history = [{"role": "system", "content": "Kurz."}, {"role": "user", "content": "Grüß \ud83d!"}]
    with FaultServer(key=KEY) as server:
        lm = client(server, api_key_env="TEACHER_KEY")
        context = lm.apply_chat_template(history)
        assert isinstance(context, str) and isinstance(context, Messages)
        replies(lm, context, context)
        bodies = {r.body["seed"]: r.body for r in server.requests}
        assert sorted(bodies) == [100, 101]
        assert bodies[100]["messages"][1]["content"] == "Grüß ?!"
        assert bodies[100]["messages"][0] == history[0]
        replies(client(server, api_key_env="TEACHER_KEY", send_seed="false"), "Hallo")
        assert "seed" not in server.requests[-1].body


def test_the_endpoint_for_base_models() -> None:
    with FaultServer() as server:
        lm = client(f"{server.url}/completions")
        (reply,) = replies(lm, "Aufgabe: Wann?\nAntwort:")
        (request,) = server.requests
        assert request.path == "/v1/completions"
        assert request.body["prompt"] == "Aufgabe: Wann?\nAntwort:"
        assert (reply.text, reply.finish_reason) == (reply_to(request.body), "stop")
        with pytest.raises(ConfigError, match="takes text, not messages"):
            lm.apply_chat_template([])
        with pytest.raises(ConfigError, match="takes text, not messages"):
            replies(lm, Messages("[]"))


def test_a_reply_that_runs_out_of_tokens() -> None:
    with FaultServer() as server:
        ((_, reply),) = client(server).stream_replies(
            iter([Request(0, 1, "Wie war der Tag?", {"max_gen_toks": 3}, 1)])
        )
        assert (reply.finish_reason, reply.tokens_out) == ("length", 3)


# --- many requests -----------------------------------------------------------------------------

MIXED = ("429", "500", "503", "reset", "truncated", "bad-json", "no-choices", "502", "529", "408")


@pytest.mark.parametrize("concurrent", [32, "auto"])
def test_each_of_many_gets_its_own_answer_through_all_faults(concurrent: Any) -> None:
    prompts = [
        f"Satz {i} [[{MIXED[i // 10 % 10]} x{i % 3 + 1}]]" if i % 10 == 0 else f"Frage {i}"
        for i in range(300)
    ]
    with FaultServer(latency=0.01) as server:
        lm = client(server, num_concurrent=concurrent, max_retries=8, max_concurrent=64)
        found = {r.index: (r, reply) for r, reply in lm.stream_replies(asked(prompts))}
        assert len(found) == 300
        for request, reply in found.values():
            assert (reply.text, reply.error) == (expected(request), "")
        assert server.max_concurrent <= (32 if concurrent == 32 else 64)


def test_a_server_that_refuses_what_is_too_much_is_still_served_to_the_end() -> None:
    with FaultServer(latency=0.02, capacity=6) as server:
        lm = client(server, num_concurrent="auto", max_retries=20)
        found = replies(lm, *map(str, range(200)))
        assert {r.error for r in found} == {""}
        assert lm.known.window.size < 16
        refused = len(server.requests) - 200
        assert 0 < refused < 100


def test_no_request_is_taken_before_it_can_be_sent() -> None:
    taken = []

    def endless() -> Iterator[Request]:
        for i in itertools.count():
            taken.append(i)
            yield Request(i, 1, f"Frage {i}", {}, i)

    with FaultServer(latency=0.02) as server:
        stream = client(server).stream_replies(endless())
        assert taken == []
        next(stream)
        assert len(taken) <= 4 + 4
        stream.close()


def test_a_reply_keeps_its_place_until_the_consumer_is_done_with_it() -> None:
    """So a kill costs no more replies than may be in flight, arrived or not."""
    with FaultServer() as server:
        stream = client(server, num_concurrent=4).stream_replies(asked(map(str, range(12))))
        for done, _ in enumerate(stream):
            time.sleep(0.02)  # what is in flight arrives
            assert len(server.requests) <= 4 + done
        assert len(server.requests) == 12


def test_the_time_that_the_consumer_takes_is_no_time_out() -> None:
    with FaultServer(latency=0.05) as server:
        # while the first four are handed out, the last two are in flight
        for _, reply in client(server, timeout=1).stream_replies(asked(map(str, range(6)))):
            time.sleep(0.3)
            assert (reply.tries, reply.error) == (1, "")


def test_retry_after_of_one_among_many_holds_that_one() -> None:
    with FaultServer(plan={1: "429-after"}, retry_after=0.4) as server:
        found = replies(client(server, num_concurrent=1), *"abcd")
        assert [reply.tries for reply in found] == [2, 1, 1, 1]
        first, *_, last = [request.at for request in server.requests]
        assert last - first >= 0.4


def test_retry_after_of_several_in_a_row_holds_all() -> None:
    with FaultServer(plan=dict.fromkeys((1, 2, 3), "429-after"), retry_after=0.4) as server:
        found = replies(client(server, num_concurrent=1), *"abcd")
        assert sorted(reply.tries for reply in found) == [1, 2, 2, 2]
        third, *later = [request.at for request in server.requests][2:]
        assert min(later) - third >= 0.4


def test_same_seeds_same_replies_whatever_the_concurrency() -> None:
    with FaultServer(latency=0.005) as server:
        alone = replies(client(server, num_concurrent=1), *map(str, range(20)))
        beside = replies(client(server, num_concurrent=20), *map(str, range(20)))
        assert [r.text for r in alone] == [r.text for r in beside]
        assert len({r.text for r in alone}) == 20


# --- ends --------------------------------------------------------------------------------------


def test_closing_leaves_nothing(recwarn: pytest.WarningsRecorder) -> None:
    with FaultServer(latency=0.05) as server:
        stream = client(server, num_concurrent=8).stream_replies(asked(map(str, range(99))))
        for _ in range(5):
            next(stream)
        threads = threading.active_count()
        stream.close()
        end = time.monotonic() + 20
        while server.connections and time.monotonic() < end:
            time.sleep(0.005)
        assert not server.connections
        assert threading.active_count() <= threads
        sent = len(server.requests)
        del stream
        gc.collect()
        assert len(server.requests) == sent <= 5 + 8 + 8
    assert not recwarn.list


def test_what_was_paid_for_arrives_before_a_fatal_error() -> None:
    with FaultServer(latency=0.05, plan={21: "bad-key"}) as server:
        arrived = []
        with pytest.raises(ConfigError, match="401"):
            for item in client(server, num_concurrent=8).stream_replies(asked(map(str, range(99)))):
                arrived.append(item)
        assert len(arrived) == server.answered >= 20
        assert len(server.requests) == server.answered + 1


def test_what_does_not_come_in_the_grace_is_given_up() -> None:
    with FaultServer(plan={1: "hang", 3: "bad-key"}) as server:
        with pytest.raises(ConfigError, match="401"):
            list(client(server, num_concurrent=2, grace_seconds=0.05).stream_replies(asked("abcd")))


@pytest.mark.parametrize("error", [ValueError("broken"), KeyboardInterrupt()])
def test_what_arrived_comes_before_an_error_of_the_requests(error: BaseException) -> None:
    def breaking() -> Iterator[Request]:
        yield from asked("abcdef")
        if isinstance(error, KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        raise error

    with FaultServer(latency=0.02) as server:
        arrived = []
        with pytest.raises(type(error)):
            for item in client(server, num_concurrent=3).stream_replies(breaking()):
                arrived.append(item)
        assert len(arrived) >= (6 if isinstance(error, ValueError) else 4)


def test_twenty_one_failures_in_a_row_end_the_run() -> None:
    with FaultServer() as server:
        arrived = []
        lm = client(server, num_concurrent=1, max_retries=0)
        with pytest.raises(StageError) as caught:
            prompts = ["Hallo", *[f"[[500]] {i}" for i in range(40)]]
            arrived.extend(lm.stream_replies(asked(prompts)))
        assert str(caught.value) == (
            f"21 requests to 'm' at {server.url}/chat/completions failed one after another;"
            " the last one: 500 after 1 try: Internal server error"
        )
        assert len(arrived) == 22


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.mark.parametrize(
    ("host", "cause"),
    [("127.0.0.1", "connection refused"), ("no-such-host.invalid", "host name not found")],
)
def test_a_server_that_is_not_there(host: str, cause: str) -> None:
    url = f"http://{host}:{free_port()}/v1"
    with pytest.raises(StageError) as caught:
        replies(client(url, unreachable_seconds=0.2), *"abcdef")
    assert str(caught.value) == (
        f"no server answers at {url}/chat/completions ({cause}); 0 replies were kept;"
        " start it and give the same command again"
    )


def test_a_server_that_goes_away() -> None:
    with FaultServer() as server:
        lm = client(server, unreachable_seconds=0.2, num_concurrent=1)
        stream = lm.stream_replies(asked(map(str, range(50))))
        next(stream)
    with pytest.raises(StageError, match=r"no server answers .*; \d+ repl(y was|ies were) kept;"):
        list(stream)


def test_a_server_that_comes_late_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    port = free_port()
    late = FaultServer(port=port)
    starter = threading.Timer(0.3, late.__enter__)
    starter.start()
    # nobody was there to take the tries, so they do not count
    found = replies(client(f"http://127.0.0.1:{port}/v1", max_retries=0), *"abc")
    assert [r.error for r in found] == ["", "", ""]
    assert caplog.text.count("(connection refused); trying for 60 s") == 1
    starter.join()
    late.__exit__()


def test_the_budget_of_a_request_in_seconds() -> None:
    with FaultServer(retry_after=5) as server:
        (reply,) = replies(client(server, retry_seconds=1), "[[503-after]]")
        assert reply.error == "503 after 1 try: Restarting"


def test_within_a_running_loop_there_is_a_clear_error() -> None:
    import asyncio

    async def notebook() -> None:
        list(client("http://127.0.0.1:9/v1").stream_replies(asked("a")))

    with pytest.raises(StageError, match="use another thread"):
        asyncio.run(notebook())


# --- the key -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault", ["bad-key", "echo-key", "forbidden", "bad-request", "500", "hang"]
)
def test_the_key_is_told_to_nobody_else(
    fault: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    told = []
    with FaultServer(key=KEY) as server:
        lm = client(server, timeout=0.2 if fault == "hang" else 60)
        try:
            told += [repr(reply) for reply in replies(lm, f"[[{fault}]]")]
        except HarnessError as error:
            told += [str(error), repr(error)]
            told += traceback.TracebackException.from_exception(error, capture_locals=True).format()
        assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
    told += [repr(lm), str(vars(lm)), caplog.text]
    assert told[0]
    assert KEY not in "".join(told)


@pytest.mark.parametrize("key", ["sk-ä", "sk-\x01", "a\nb"])
def test_a_key_that_cannot_be_one(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(ConfigError) as caught:
        client("http://127.0.0.1:9/v1")
    assert str(caught.value) == "OPENAI_API_KEY: holds characters that no API key has"


# --- certificates ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    openssl = shutil.which("openssl")
    if not openssl:
        pytest.skip("needs openssl")
    folder = tmp_path_factory.mktemp("tls")
    pem, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
         "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key),
         "-out", str(pem)],
        check=True, capture_output=True,
    )  # fmt: skip
    return pem, key


def test_certificates(certificate: tuple[Path, Path], tmp_path: Path) -> None:
    pem, key = certificate
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key)
    with FaultServer(ssl_context=context) as server:
        with pytest.raises(ConfigError, match=r"no secure connection .*; set ca_bundle=FILE"):
            replies(client(server), "a")
        assert not server.requests
        assert replies(client(server, ca_bundle=pem), "a")[0].text
        assert replies(client(server, verify_certificate="False"), "a")[0].text
        with pytest.raises(ConfigError, match="ca_bundle=.*none.pem: No such file"):
            replies(client(server, ca_bundle=tmp_path / "none.pem"), "a")


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("http://host/v1", "http://proxy:3128"),
        ("https://host/v1", None),
        ("http://127.0.0.1:8000/v1", None),
        ("http://inside.example/v1", None),
    ],
)
def test_the_proxy_of_the_environment(
    url: str, proxy: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "HTTP_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", "http://proxy:3128")
    monkeypatch.setenv("no_proxy", "inside.example")
    assert proxy_of(url) == proxy


# --- as lm-eval sees it ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ({"modle": "x"}, "unknown argument of openai-compatible 'modle' (did you mean 'model'?)"),
        ({"api_key": KEY}, "unknown argument of openai-compatible 'api_key'"),
        ({"model": ""}, "openai-compatible: model= is missing"),
        ({"base_url": "localhost:8000"}, "base_url: needs to be like https://host/v1"),
        ({"base_url": "http://h:port/v1"}, "base_url: needs to be like https://host/v1"),
        ({"endpoint": "chats"}, "endpoint=chats: valid: auto, chat, completions"),
        ({"base_url": "http://h/completions", "endpoint": "chat"},
         "base_url ends with /completions, but endpoint=chat"),
        ({"num_concurrent": 0}, "openai-compatible: num_concurrent=0: needs a number >= 1"),
        ({"num_concurrent": "many"}, "openai-compatible: num_concurrent=many: needs a number"),
        ({"timeout": "inf"}, "openai-compatible: timeout=inf: needs a number >= 0"),
        ({"structured_output": "yes"}, "openai-compatible: structured_output=yes: valid: auto"),
        ({"base_url": "https://api.openai.com/v1"}, "https://api.openai.com/v1/chat/completions "
         "needs an API key: set the environment variable OPENAI_API_KEY"),
    ],
)  # fmt: skip
def test_wrong_arguments(arguments: dict[str, Any], line: str) -> None:
    given = {"model": "m", "base_url": "http://127.0.0.1:9/v1", **arguments}
    with pytest.raises(ConfigError) as caught:
        get_model("openai-compatible").create_from_arg_obj(given)
    assert str(caught.value).startswith(line)
    assert KEY not in str(caught.value)
    if line.startswith("unknown"):
        assert "base_url" in str(caught.value) and "batch_size" in str(caught.value)
        assert "others" not in str(caught.value)


def test_lm_eval_builds_it_and_the_built_in_models_are_still_there() -> None:
    kind = get_model("openai-compatible")
    config = {"batch_size": 8, "max_batch_size": None, "device": "cpu"}
    common = "base_url=http://h/v1/completions,num_concurrent=4,tokenizer=x,batch_size=1"
    lm = kind.create_from_arg_string(f"model=org/m,{common}", config)
    assert (lm.tokenizer_name, lm.chat_template(True), lm.endpoint.chat) == ("org/m", "", False)
    assert lm.known.window.size == 4 and isinstance(lm, Streaming)
    assert kind.create_from_arg_obj({"model": "m", "base_url": "http://h"}, config).endpoint.chat
    assert get_model("local-chat-completions") and get_model("dummy")


@pytest.mark.parametrize("method", ["loglikelihood", "loglikelihood_rolling"])
def test_no_log_probabilities(method: str) -> None:
    with pytest.raises(StageError, match="use the model type local-completions"):
        getattr(client("http://127.0.0.1:9/v1"), method)([])


def instances(*prompts: str) -> list[Instance]:
    return [
        Instance("generate_until", {"id": i}, (prompt, {"until": []}), i, ("t", i, 1))
        for i, prompt in enumerate(prompts)
    ]


def test_generate_until_returns_texts_in_order(caplog: pytest.LogCaptureFixture) -> None:
    with FaultServer(latency=0.01) as server:
        lm = client(server)
        prompts = ["eins", "[[null]]", "[[refusal]]", "zwei", "[[too-long]]", "eins"]
        texts = lm.generate_until(instances(*prompts), disable_tqdm=True)
        assert [bool(text) for text in texts] == [True, False, False, True, False, True]
        assert texts[0] != texts[5]  # repeats of a request are other samples
        assert lm.generate_until(instances("zwei", "eins"))[0] == texts[3]
        assert "1 empty replies of m: content_filter" in caplog.text
        assert "1 empty replies of m: prompt_truncated" in caplog.text
        with pytest.raises(StageError, match="^t, item 1: 500 after 3 tries: Internal"):
            lm.generate_until(instances("a", "[[500]]", "b"))


def test_plain_lm_eval_runs_a_task_with_it(tmp_path: Path) -> None:
    import lm_eval
    from lm_eval.tasks import TaskManager

    rows = [{"q": f"Was ist {i} + {i}?", "a": str(2 * i)} for i in range(6)]
    (tmp_path / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "sums.yaml").write_text(
        f"""
task: sums
dataset_path: json
dataset_kwargs: {{data_files: {{test: {tmp_path / "items.jsonl"}}}}}
test_split: test
fewshot_split: test
output_type: generate_until
doc_to_text: "Frage: {{{{q}}}}"
doc_to_target: "{{{{a}}}}"
num_fewshot: 2
generation_kwargs: {{until: ["\\n\\n"], max_gen_toks: 40, do_sample: false}}
metric_list: [{{metric: exact_match}}]
"""
    )
    with FaultServer(plan={2: "503"}) as server:
        found = lm_eval.simple_evaluate(
            model="openai-compatible",
            model_args={"model": "m", "base_url": server.url, "backoff_seconds": 0.01},
            tasks=["sums"],
            task_manager=TaskManager(include_path=str(tmp_path), include_defaults=False),
            apply_chat_template=True,
            fewshot_as_multiturn=True,
            system_instruction="Antworte kurz.",
            bootstrap_iters=0,
        )
        assert found is not None and found["results"]["sums"]["exact_match,none"] == 0.0
        samples = found["samples"]["sums"]
        assert len(samples) == 6 and all(s["resps"][0][0] for s in samples)
        assert len(server.requests) == 7
        (body,) = {json.dumps(r.body["messages"]) for r in server.requests if "5 + 5" in
                   r.body["messages"][-1]["content"]}  # fmt: skip
        roles = [message["role"] for message in json.loads(body)]
        assert roles == ["system", "user", "assistant", "user", "assistant", "user"]


@pytest.mark.parametrize("language", ["ar", "cs", "de", "es", "id", "ja"])
@pytest.mark.parametrize("strategy", ["generate", "translate", "respond"])
def test_replies_become_examples(language: str, strategy: str) -> None:
    asked_for = documents(load_pack(language), strategy, 4, seed=1)
    with FaultServer() as server:
        found = replies(client(server), *[document["text"] for document in asked_for])
    outcomes = [parse(r.text, d) for r, d in zip(found, asked_for, strict=True)]
    assert [type(outcome) for outcome in outcomes] == [Example] * 4


# --- the server as a process -------------------------------------------------------------------


def test_the_server_as_a_process_logs_what_came_and_what_went(tmp_path: Path) -> None:
    import sys

    log, plan = tmp_path / "log.jsonl", tmp_path / "plan.json"
    plan.write_text('{"2": "500"}')
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).parent / "fault_server.py"), "--log", str(log),
         "--plan", str(plan), "--latency", "0.01"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout
        lm = client(f"http://127.0.0.1:{int(process.stdout.readline())}/v1")
        assert [r.error for r in replies(lm, *"abcd")] == [""] * 4
    finally:
        process.kill()
        process.communicate()
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    received = [line for line in lines if line["event"] == "received"]
    answered = [line for line in lines if line["event"] == "answered"]
    assert len(received) == len(answered) == 5
    assert len({line["id"] for line in received}) == 4
    assert [line["number"] for line in answered if line["outcome"] != "ok"] == [2]

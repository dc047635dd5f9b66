"""``generate`` as a user meets it, with a server that is a process of its own."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from serving import Served, outcomes, rows, served

KEY = "sk-Lxq7Vn3-not-for-files"
QUICK = "backoff_seconds=0.05,max_retries=3"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server without faults that all tests of the module may use."""
    with served(tmp_path_factory.mktemp("server") / "log.jsonl") as running:
        yield running


def command(server: Served, out: Path, *more: object, args: str = "") -> list[str]:
    given = f"model=toy,base_url={server.url},{QUICK}" + (f",{args}" if args else "")
    return ["generate", "--teacher", "openai-compatible", "--teacher_args", given,
            "--languages", "de", "--strategies", "respond", "--limit", "6",
            "--checks", "contamination=0", "--output_path", str(out), *map(str, more)]  # fmt: skip


PRICES = "price_in=10,price_out=100"


def examples(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for data in outcomes(out).values() for line in data.splitlines()]


def record(out: Path) -> dict[str, Any]:
    (path,) = out.glob("generate/*/record.json")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def counts(out: Path) -> dict[str, Any]:
    return dict(record(out)["counts"])


def started(arguments: list[str]) -> subprocess.Popen[str]:
    """Start the command; only its stderr is kept."""
    return subprocess.Popen(
        [sys.executable, "-m", "polyglot_harness", *arguments],
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
        # a shell's background jobs ignore it, and so would their children
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip


def wait_until(reached: Any, process: subprocess.Popen[str], limit: float = 120) -> None:
    deadline = time.monotonic() + limit
    while not reached():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "was not reached"
        time.sleep(0.01)


# --- what it leaves ----------------------------------------------------------------------------


def told(stderr: str) -> list[str]:
    """Return the lines without those on a stage that takes long: this machine may be busy."""
    return [line for line in stderr.splitlines() if not line.startswith("  ")]


def test_a_finished_command_and_the_same_again(cli, server: Served, tmp_path: Path) -> None:
    out = tmp_path / "out"
    before = len(server.received)
    strategies = ("--strategies", "generate,translate,respond,refine", "--languages", "de,ja")
    done = cli(*command(server, out, *strategies, args=PRICES))
    assert done.returncode == 0, done.stderr
    # plain lines where stderr is no terminal: one a cell, no control characters
    lines = told(done.stderr)
    assert len(lines) == 8 and all(line.startswith("✓ generate toy ") for line in lines), lines
    assert all(re.search(r"\d+ accepted.*\$0\.\d{4}$", line) for line in lines)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", done.stderr + done.stdout)
    assert len(done.stdout.splitlines()) == 9
    assert all(line in done.stdout for line in map(str, out.glob("generate/*/examples.jsonl")))
    assert len(server.received) - before == 48 == len(rows(out))
    kept = {row["language"] for row in examples(out) if "response" in row}
    assert kept == {"de", "ja"}
    assert json.loads((out / "generate.json").read_text(encoding="utf-8"))["limit"] == 6
    again = cli(*command(server, out, *strategies, args=PRICES))
    assert again.returncode == 0 and again.stdout == done.stdout
    assert again.stderr.count("found finished") == 8 == len(again.stderr.splitlines())
    assert len(server.received) - before == 48


def test_a_larger_limit_asks_for_what_is_new(cli, server: Served, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert cli(*command(server, out)).returncode == 0
    before = len(server.received)
    plan = cli(*command(server, out, "--dry_run", "--limit", 10))
    totals = next(line for line in plan.stdout.splitlines() if "│ all" in line)
    assert [cell.strip() for cell in totals.split("│")[4:6]] == ["10", "6"]
    done = cli(*command(server, out, "--limit", 10))
    assert done.returncode == 0, done.stderr
    assert len(server.received) - before == 4
    assert len(set(server.received[before - 6 :])) == 10


def test_concurrency_does_not_change_what_is_made(cli, server: Served, tmp_path: Path) -> None:
    made = []
    for concurrency in ("1", "8", "auto"):
        out = tmp_path / concurrency
        done = cli(*command(server, out, "--limit", 40, "--concurrency", concurrency))
        assert done.returncode == 0, done.stderr
        made.append(outcomes(out))
    assert made[0] == made[1] == made[2] and len(made[0]) == 2
    orders = server.received[-120:-80], server.received[-80:-40], server.received[-40:]
    assert set(orders[0]) == set(orders[1]) == set(orders[2])  # seeds are those of the documents


# --- flags -------------------------------------------------------------------------------------


def test_max_attempts_and_checks(cli, server: Served, tmp_path: Path) -> None:
    """No reply of three sentences has 400 characters: each document is asked twice, in vain."""
    out = tmp_path / "out"
    strict = ("--checks", "min_characters=400", "contamination=0", "--max_attempts", "2")
    done = cli(*command(server, out, *strict))
    assert done.returncode == 0, done.stderr
    assert counts(out)["replies"] == 12 == counts(out)["rejected_too_short"]
    assert len(set(server.received[-12:])) == 12
    assert "0/12 accepted" in done.stdout and "(12 too_short)" in done.stdout
    assert {row["attempt"] for row in examples(out)} == {1, 2}
    lenient = cli(*command(server, out))
    assert lenient.returncode == 0 and "6/6 accepted" in lenient.stdout
    assert len(rows(out)) == 18 and len(set(server.received[-12:])) == 12  # judged anew, not asked


def test_instructions_in_the_language_itself(cli, server: Served, tmp_path: Path) -> None:
    done = cli(*command(server, tmp_path / "en", "--strategies", "generate"))
    own = cli(*command(server, tmp_path / "own", "--strategies", "generate",
                       "--instruction_language", "own"))  # fmt: skip
    assert (done.returncode, own.returncode) == (0, 0), own.stderr
    assert not set(server.received[-6:]) & set(server.received[-12:-6])
    wrong = cli(*command(server, tmp_path / "x", "--instruction_language", "fr"))
    assert wrong.returncode == 2 and "'en', 'own'" in wrong.stderr


def test_refining_what_was_generated(cli, server: Served, tmp_path: Path) -> None:
    assert cli(*command(server, tmp_path / "first")).returncode == 0
    (made,) = (tmp_path / "first").glob("generate/*/examples.jsonl")
    given = [json.loads(line) for line in made.read_text(encoding="utf-8").splitlines()]
    out = tmp_path / "out"
    refine = ("--strategies", "refine", "--given", f"refine={made}")
    done = cli(*command(server, out, *refine))
    assert done.returncode == 0, done.stderr
    refined = examples(out)
    assert {row["prompt"] for row in refined} == {row["prompt"] for row in given}
    assert {row["seed_id"] for row in refined} == {row["id"] for row in given}
    before = len(server.received)
    made.write_text("".join(made.read_text(encoding="utf-8").splitlines(True)[:5]), "utf-8")
    assert cli(*command(server, out, *refine)).returncode == 0  # other documents now
    assert len(server.received) > before


def test_a_dry_run_asks_nothing_and_leaves_nothing(cli, server: Served, tmp_path: Path) -> None:
    before = len(server.received)
    plan = cli(*command(server, tmp_path / "out", "--dry_run", "--limit", 3500, "--max_cost",
                        "0.5", "--strategies", "generate,respond", args=PRICES))  # fmt: skip
    assert plan.returncode == 0, plan.stderr
    totals = next(line for line in plan.stdout.splitlines() if "│ all" in line)
    cells = [cell.strip() for cell in totals.split("│")[1:-1]]
    assert cells[3] == "7,000" and cells[4] == "0"
    assert all(re.fullmatch(r"\$[\d,]+\.\d\d", cell) for cell in cells[7:])
    assert "--max_cost 0.5 would stop the job before its end." in plan.stdout
    assert "Nothing was asked." in plan.stdout
    assert len(server.received) == before and not (tmp_path / "out").exists()
    unpriced = cli(*command(server, tmp_path / "out", "--dry_run"))
    assert "no price in its card" in unpriced.stdout and "—" in unpriced.stdout


def test_max_cost_stops_cleanly_and_more_money_goes_on(cli, server: Served, tmp_path: Path) -> None:
    out, whole = tmp_path / "out", tmp_path / "whole"
    limit = ("--limit", 40, "--concurrency", 4)
    assert cli(*command(server, whole, *limit, args=PRICES)).returncode == 0
    total = counts(whole)["cost_usd"]
    before = len(server.received)
    poor = (*limit, "--max_cost", total / 2)
    done = cli(*command(server, out, *poor, args=PRICES))
    assert done.returncode == 4, done.stderr
    kept = len(rows(out))
    assert f"stopped at --max_cost {total / 2}: {kept} replies are kept" in done.stderr
    assert len(told(done.stderr)) == 1 and "Traceback" not in done.stderr
    assert 14 <= kept <= 24 and len(server.received) - before == kept
    assert record(out)["status"] == "failed"
    assert len(examples(out)) == kept
    done = cli(*command(server, out, *limit, "--max_cost", total * 1.2, args=PRICES))
    assert done.returncode == 0, done.stderr
    assert len(server.received) - before == 40
    assert outcomes(out) == outcomes(whole)
    # nothing left to ask: a finished job costs nothing more
    assert cli(*command(server, out, *poor, args=PRICES)).returncode == 0


@pytest.mark.parametrize(
    ("more", "args", "words"),
    [
        (("--max_cost", "1"), "", ["--max_cost", "'toy' has no price", "price_in and price_out"]),
        (("--max_cost", "1"), "price_in=1", ["'toy' has no price"]),
        (("--max_cost", "0"), PRICES, ["--max_cost", "must be above 0"]),
        (("--max_cost", "much"), PRICES, ["--max_cost", "expected a number"]),
        ((), "price_in=-1", ["price_in", "greater than or equal to 0"]),
        (("--max_attempts", "0"), "", ["--max_attempts", "at least 1"]),
        (("--concurrency", "none"), "", ["--concurrency", "whole number"]),
        (("--concurrency", "0"), "", ["--concurrency", "at least 1"]),
        (("--checks", "langage=false"), "", ["--checks", "unknown field 'langage'"]),
        (("--checks", "near_duplicate=2"), "", ["--checks", "near_duplicate", "less than or"]),
        (("--checks", "language=perhaps"), "", ["--checks", "language", "boolean"]),
        (("--given", "refine=x.jsonl"), "", ["strategy of --given 'refine'", "valid: respond"]),
        (("--given", "respond=x-{lang}.jsonl"), "", ["--given respond=x-", "no such file"]),
        ((), f"api_key={KEY}", ["'api_key'", "environment only", "OPENAI_API_KEY"]),
        ((), f"header={KEY}", ["'header' looks like a secret"]),
        ((), "base_url=http://user:word@127.0.0.1/v1", ["user name or password"]),
        ((), "reply_format=xml", ["reply_format", "json", "labels"]),
    ],
)  # fmt: skip
def test_wrong_input_is_one_line_and_asks_nothing(
    cli, server: Served, tmp_path: Path, more: tuple[str, ...], args: str, words: list[str]
) -> None:
    before = len(server.received)
    done = cli(*command(server, tmp_path / "out", *more, args=args), cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    for word in words:
        assert word in done.stderr
    assert KEY not in done.stderr + done.stdout
    assert len(server.received) == before and not list(tmp_path.iterdir())


def test_an_argument_that_the_model_type_does_not_know(cli, server: Served, tmp_path: Path) -> None:
    done = cli(*command(server, tmp_path / "out", args="temprature=1"))
    assert done.returncode in (2, 4) and "temprature" in done.stderr
    assert "Traceback" not in done.stderr


# --- keys --------------------------------------------------------------------------------------


def everything(out: Path) -> bytes:
    """Return the bytes of all files below a folder, and their names."""
    files = [path for path in out.rglob("*") if path.is_file()]
    assert files
    return b"\n".join(str(path).encode() + path.read_bytes() for path in files)


@pytest.mark.parametrize(
    ("fault", "key", "status"),
    [
        (None, KEY, 0),
        ("echo-key", KEY, 4),  # the server sends the key back in its message
        (None, f"{KEY}-wrong", 4),
    ],
)
def test_the_key_is_in_no_file_and_in_no_output(
    cli, tmp_path: Path, fault: str | None, key: str, status: int
) -> None:
    options: dict[str, object] = {"key": KEY}
    if fault:
        options |= {"fail_every": 2, "fault": fault}
    with served(tmp_path / "log.jsonl", **options) as server:
        out = tmp_path / "out"
        quiet = cli(*command(server, out), OPENAI_API_KEY=key)
        other = ("--debug", "--seed", "1")
        loud = cli(*command(server, out, *other, args="api_key_env=MY_KEY"), MY_KEY=key)
        for done in (quiet, loud):
            assert done.returncode == status, done.stderr
            assert KEY not in done.stdout + done.stderr
        assert KEY.encode() not in everything(out)
    (line,) = told(quiet.stderr)
    if status:
        assert "check the key in OPENAI_API_KEY" in line and "401" in line
        assert "check the key in MY_KEY" in loud.stderr and "Traceback" in loud.stderr
    else:
        assert len(rows(out)) == 12


def test_without_a_key_the_variable_is_named(cli, tmp_path: Path) -> None:
    with served(tmp_path / "log.jsonl", key=KEY) as server:
        done = cli(*command(server, tmp_path / "out"), OPENAI_API_KEY="")
        assert done.returncode == 4
        assert "set OPENAI_API_KEY" in done.stderr and len(done.stderr.splitlines()) == 1


# --- a server that comes and goes --------------------------------------------------------------


def test_a_server_that_is_not_there_and_then_is(cli, tmp_path: Path) -> None:
    with served(tmp_path / "log.jsonl") as server:
        server.kill()
        out = tmp_path / "out"
        same = command(server, out, args="unreachable_seconds=1")
        done = cli(*same)
        assert done.returncode == 4
        (line,) = done.stderr.splitlines()
        assert f"no server answers at {server.url}" in line and "same command again" in line
        assert record(out)["status"] == "failed" and rows(out) == []
        server.start()
        done = cli(*same)
        assert done.returncode == 0, done.stderr
        assert len(rows(out)) == 6 == len(server.received)


def test_a_server_unplugged_in_the_middle(cli, tmp_path: Path) -> None:
    out, whole = tmp_path / "out", tmp_path / "whole"
    args = "unreachable_seconds=1,grace_seconds=1"
    flags = ("--limit", 60, "--concurrency", 4, "--max_attempts", 2)
    with served(tmp_path / "log.jsonl", latency=0.05) as server:
        same = command(server, out, *flags, args=args)
        process = started(same)
        wait_until(lambda: len(rows(out)) >= 20, process)
        server.kill()
        _, stderr = process.communicate(timeout=120)
        assert process.returncode == 4
        (line,) = stderr.splitlines()
        assert "no server answers" in line and "Traceback" not in line
        kept = {row["key"]: row for row in rows(out)}
        assert 20 <= len(kept) < 60
        assert f"; {len(kept)} replies were kept;" in line
        accepted = {row["id"] for row in examples(out) if "response" in row}
        assert accepted == {row["id"] for row in kept.values() if not row["reason"]}
        sent = server.received
        server.start(latency=0)
        done = cli(*same)
        assert done.returncode == 0, done.stderr
        after = server.received[len(sent) :]
        undisturbed = cli(*command(server, whole, *flags, args=args))
        assert undisturbed.returncode == 0, undisturbed.stderr
    assert outcomes(out) == outcomes(whole)
    assert len(rows(out)) == len(rows(whole))
    # asked again is only what had no reply on disk: what was in flight when the server died
    assert len(after) == len(rows(whole)) - len(kept)
    assert len(set(sent) & set(after)) <= 4
    assert {row["key"] for row in rows(out)} >= kept.keys()
    assert accepted <= {row["id"] for row in examples(out) if "response" in row}


def test_a_server_that_fails_now_and_then(cli, tmp_path: Path) -> None:
    faults = ["500", "503", "429", "reset", "truncated", "bad-json", "no-choices", "502", "529"]
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps({str(4 * i + 3): fault for i, fault in enumerate(faults)}))
    clean, out = tmp_path / "clean", tmp_path / "out"
    args = "max_retries=8,backoff_seconds=0.05"
    with served(tmp_path / "log.jsonl") as server:
        assert cli(*command(server, clean, "--limit", 40, args=args)).returncode == 0
        server.kill()
        server.start(plan=plan)
        done = cli(*command(server, out, "--limit", 40, args=args))
    assert done.returncode == 0, done.stderr
    assert outcomes(out) == outcomes(clean)
    assert counts(out)["retries"] >= 7  # a reset or lost connection is tried again, too
    assert counts(clean)["retries"] == 0


def test_requests_without_an_answer_are_asked_again_by_the_next_run(cli, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps({"3": "500", "5": "bad-request"}))
    with served(tmp_path / "log.jsonl", plan=plan) as server:
        out = tmp_path / "out"
        same = command(server, out, "--concurrency", 2, args="max_retries=0")
        done = cli(*same)
        assert done.returncode == 0 and "4/6 accepted" in done.stdout
        assert "(2 backend_error)" in done.stdout
        details = sorted(row["detail"] for row in examples(out) if "reason" in row)
        assert details[0] == "400: temperature must be at most 1"
        assert details[1].startswith("500 after 1 try")
        for left in (2, 0):
            before = len(server.received)
            done = cli(*same)
            assert done.returncode == 0 and "6/6 accepted" in done.stdout, done.stderr
            assert len(server.received) - before == left


def test_a_wrong_model_is_one_line(cli, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps({str(i): "wrong-model" for i in range(1, 50)}))
    with served(tmp_path / "log.jsonl", plan=plan) as server:
        done = cli(*command(server, tmp_path / "out"))
    assert done.returncode == 4
    (line,) = done.stderr.splitlines()
    assert "has no model 'toy'" in line


# --- the disk ----------------------------------------------------------------------------------


def test_a_full_disk_keeps_what_was_paid_for(cli, server: Served, tmp_path: Path) -> None:
    """A limit of the kernel on the size of files stands for it."""
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        # which unpacks its model into a file, once
        "from polyglot_harness.language_id import identify; identify('Guten Tag', 'de'); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (25000, 25000)); "
        "from polyglot_harness.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    out = tmp_path / "out"
    same = command(server, out, "--limit", 60)
    done = subprocess.run([sys.executable, "-c", code, *same], capture_output=True, text=True,
                          check=False)  # fmt: skip
    assert done.returncode == 5, done.stderr
    (line,) = done.stderr.splitlines()
    assert "no space left on the disk; what was finished is kept" in line
    kept = {row["key"] for row in rows(out)}
    assert 10 < len(kept) < 60
    before = len(server.received)
    assert cli(*same).returncode == 0
    assert len(server.received) - before == 60 - len(kept)
    assert kept < {row["key"] for row in rows(out)}
    (log,) = out.glob("replies/*/replies.jsonl")
    log.write_bytes(log.read_bytes().replace(b'"reply"', b'"repy"', 1))
    done = cli(*same, "--limit", "61")
    assert done.returncode == 5
    (line,) = done.stderr.splitlines()
    assert "replies.jsonl:1: damaged line; delete the line" in line


# --- two at once, Ctrl-C -----------------------------------------------------------------------


def test_a_second_process_on_the_folder_says_so_and_harms_nothing(cli, tmp_path: Path) -> None:
    with served(tmp_path / "log.jsonl", latency=0.2) as server:
        out = tmp_path / "out"
        same = command(server, out, "--limit", 60, "--concurrency", 2)
        first = started(same)
        wait_until(lambda: rows(out), first)
        second = cli(*same)
        assert first.poll() is None
        assert second.returncode == 4
        (line,) = second.stderr.splitlines()
        assert f"{out}: another process is working on this folder" in line
        _, stderr = first.communicate(timeout=120)
        assert first.returncode == 0, stderr
        assert len(rows(out)) == 60 == len(server.received)


def test_ctrl_c_keeps_what_had_arrived(cli, tmp_path: Path) -> None:
    with served(tmp_path / "log.jsonl", latency=0.1) as server:
        out = tmp_path / "out"
        same = command(server, out, "--limit", 50, "--concurrency", 4)
        process = started(same)
        wait_until(lambda: len(rows(out)) >= 10, process)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
        assert process.returncode == 130, stderr
        assert "same command again" in stderr and "Traceback" not in stderr
        kept = len(rows(out))
        assert 10 <= kept < 50
        before = len(server.received)
        assert cli(*same).returncode == 0
        assert len(server.received) - before == 50 - kept

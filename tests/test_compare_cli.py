"""``compare`` as a user meets it: processes, files of answers, students, judges behind a server."""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from side_server import SideServer, always

from polyglot_harness.cli import main
from polyglot_harness.languages import load_pack

JUDGE = ("--judge", "hf", "--judge_args", "pretrained=smollm2-135m-instruct")
SEEDS = {code: load_pack(code).seeds for code in ("de", "es", "cs")}


def write(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_text(text, encoding="utf-8")
    return path


def answers(path: Path, worth: Sequence[int], code: str = "de", **more: Any) -> Path:
    """Write a file of answers of so much worth."""
    rows = [
        {"id": f"p{i}", "language": code, "prompt": seed.prompt, "response": f"Antwort {n}", **more}
        for i, (seed, n) in enumerate(zip(SEEDS[code], worth, strict=False))
    ]
    return write(path, rows)


@pytest.fixture
def server() -> Iterator[SideServer]:
    with SideServer() as running:
        yield running


def judging(server: SideServer, **more: object) -> list[str]:
    given = {
        "model": "one",
        "base_url": server.url,
        "max_retries": 2,
        "backoff_seconds": 0.01,
        **more,
    }
    return ["--judge", "openai-compatible", "--judge_args",
            ",".join(f"{k}={v}" for k, v in given.items())]  # fmt: skip


@dataclass(frozen=True)
class Done:
    status: object
    stdout: str
    stderr: str

    @property
    def rows(self) -> Any:
        assert self.status == 0, self.stderr
        return json.loads(self.stdout)


Compare = Callable[..., Done]


@pytest.fixture
def compare(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Compare:
    """Run the subcommand in this process, which loads libraries once."""
    monkeypatch.setenv("COLUMNS", "140")

    def run(*arguments: object) -> Done:
        capsys.readouterr()
        try:
            status: object = main(["compare", *map(str, arguments)])
        except SystemExit as end:
            status = end.code
        said = capsys.readouterr()
        return Done(status, said.out, said.err)

    return run


# --- two files ---------------------------------------------------------------------------------

BETTER = [9] * 9 + [1] + [5] * 2
EVEN = [5] * 12


def test_two_files_by_a_judge(compare: Compare, server: SideServer, tmp_path: Path) -> None:
    a, b = answers(tmp_path / "a.jsonl", BETTER), answers(tmp_path / "b.jsonl", EVEN)
    flags = (a, b, *judging(server), "-o", tmp_path / "out")
    dry = compare(*flags, "--dry_run")
    assert dry.status == 0 and "Nothing was asked." in dry.stdout, dry.stderr
    assert "24" in dry.stdout and not (tmp_path / "out").exists() and not server.requests
    done = compare(*flags)
    assert done.status == 0, done.stderr
    # 9 wins, 2 ties, 1 loss: Tango's interval; sign test 2 * (1 + 10) / 2 ** 10
    for words in ("a against b, judged by one; 50 = parity", "83 [58, 94]", "0.021", "100 %",
                  "a is better than b in de: 83 [58, 94] (win rate of a).",
                  "de: equal answers to 2 prompts: ties, not judged."):  # fmt: skip
        assert words in done.stdout
    asked = len(server.requests)
    (row,) = compare(*flags, "--format", "json").rows
    assert len(server.requests) == asked == 20
    counts = {"wins": 9, "ties": 2, "losses": 1, "n": 12, "missing": 0, "identical": 2}
    assert {name: row[name] for name in counts} == counts
    assert row["win_rate"] == pytest.approx(100 * 10 / 12) and row["consistency"] == 1
    assert row["p"] == pytest.approx(22 / 1024)
    rows = [json.loads(line) for line in Path(row["comparisons"]).read_text().splitlines()]
    assert [r["outcome"] for r in rows] == ["win"] * 9 + ["loss"] + ["tie"] * 2
    assert (rows[0]["a"], rows[0]["b"]) == ("Antwort 9", "Antwort 5")
    (line,) = csv.DictReader(io.StringIO(compare(*flags, "--format", "csv").stdout))
    assert (line["a"], line["b"], line["wins"], line["language"]) == ("a", "b", "9", "de")
    assert float(line["win_rate"]) == row["win_rate"]


def test_several_languages_and_judges(compare: Compare, server: SideServer, tmp_path: Path) -> None:
    for name, worth in (("a", [2] * 7 + [1]), ("b", [1] * 8)):
        for code in SEEDS:
            answers(tmp_path / f"{name}-{code}.jsonl", worth, code)
        lines = [p.read_text() for p in sorted(tmp_path.glob(f"{name}-*.jsonl"))]
        (tmp_path / f"{name}.jsonl").write_text("".join(lines))
    with SideServer(always("A")) as biased:
        cards = []
        for name, judge in (("fair", server), ("biased", biased)):
            card = tmp_path / f"{name}.toml"
            card.write_text(
                f'name = "{name}"\nmodel = "openai-compatible"\nform = "chat"\n'
                f'[model_args]\nmodel = "{name}"\nbase_url = "{judge.url}"\n'
            )
            cards.append(str(card))
        flags = (tmp_path / "a.jsonl", tmp_path / "b.jsonl", "--judge", ",".join(cards),
                 "--languages", "es,de", "-o", tmp_path / "out")  # fmt: skip
        found = compare(*flags, "--format", "json").rows
        done = compare(*flags)
    assert [(r["judge"], r["language"]) for r in found] == [
        ("fair", "es"), ("fair", "de"), ("fair", "mean"),
        ("biased", "es"), ("biased", "de"), ("biased", "mean"),
    ]  # fmt: skip
    fair, biased_mean = found[2], found[5]
    assert (fair["win_rate"], fair["n"], fair["wins"]) == (93.75, 16, 14) and fair["low"] > 50
    # ids are shared: no narrower than one language
    assert fair["low"] == pytest.approx(found[0]["low"])
    assert biased_mean["win_rate"] == 50 and found[3]["first_twice"] == 1
    assert "a is better than b over all languages: 94" in done.stdout
    assert "biased chose the same answer in both orders for 0 % of the prompts only" in done.stdout
    assert "No difference can be told in de from 8 prompts: 50" in done.stdout


def test_missing_prompts_and_judgements_are_told(
    compare: Compare, server: SideServer, tmp_path: Path
) -> None:
    prompts = [s.prompt for s in SEEDS["de"][:4]] + ["Sag nichts. {{nichts}}"]
    rows = [{"prompt": p, "response": f"Antwort {9 - i}"} for i, p in enumerate(prompts)]
    a = write(tmp_path / "a.jsonl", rows)
    b = write(tmp_path / "b.jsonl", [r | {"response": "Antwort 1"} for r in rows[1:]])
    asked = write(tmp_path / "asked.jsonl", [{"prompt": p} for p in prompts])
    flags = (a, b, *judging(server), "--languages", "de", "-o", tmp_path / "out")
    both = compare(*flags)
    assert "prompts left out, as only one of the files answers them: 1" in both.stderr
    done = compare(*flags, "--prompts", asked)
    assert done.status == 0, done.stderr
    for words in ("de: 1 prompt without a verdict (2 unparsable).",
                  "de: b gave no answer to 1 prompt; they do not count."):  # fmt: skip
        assert words in done.stdout
    (row,) = compare(*flags, "--prompts", asked, "--format", "json").rows
    assert (row["n"], row["wins"], row["missing"], row["unanswered_b"]) == (3, 3, 1, 1)
    assert row["reasons"] == {"missing_unparsable": 2}


def test_killed_and_again(cli: Any, tmp_path: Path) -> None:
    a, b = answers(tmp_path / "a.jsonl", [2] * 40), answers(tmp_path / "b.jsonl", [1] * 40)
    with SideServer(latency=0.1) as server:
        flags = ["compare", str(a), str(b), *judging(server, num_concurrent=1), "-o",
                 str(tmp_path / "out")]  # fmt: skip
        process = subprocess.Popen(
            [sys.executable, "-m", "polyglot_harness", *flags],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + 120
        while len(server.requests) < 20:
            assert process.poll() is None and time.monotonic() < deadline, "was not caught at work"
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        server.latency = 0.0
        (row,) = json.loads(cli(*flags, "--format", "json").stdout)
        assert 80 <= len(server.requests) <= 81, "at most the one in flight was asked again"
    assert (row["wins"], row["n"]) == (40, 40)


def test_the_money_ends_and_goes_on(compare: Compare, server: SideServer, tmp_path: Path) -> None:
    a, b = answers(tmp_path / "a.jsonl", [2] * 10), answers(tmp_path / "b.jsonl", [1] * 10)
    judge = judging(server, num_concurrent=1, price_in=1, price_out=10)
    flags = (a, b, *judge, "-o", tmp_path / "out", "--max_cost")
    dry = compare(*flags, "0.021", "--dry_run")
    assert "at most about $0.1" in dry.stdout, dry.stdout
    poor = compare(*flags, "0.021")
    assert poor.status == 4 and "stopped at --max_cost 0.021" in poor.stderr
    assert len(server.requests) == 10
    (row,) = compare(*flags, "0.1", "--format", "json").rows
    assert len(server.requests) == 20 and row["cost_usd"] == pytest.approx(0.04)
    assert "one cost $0.0400." in compare(*flags, "0.1").stdout
    priceless = compare(a, b, *judging(server), "--max_cost", "1", "-o", tmp_path / "out")
    assert priceless.status == 2 and "has no price" in priceless.stderr


def test_a_language_that_fails_leaves_the_others(compare: Compare, tmp_path: Path) -> None:
    def rows(worth: int) -> list[dict[str, Any]]:
        fault = {"es": "[[bad-request]] "}
        return [
            {"language": code, "prompt": fault.get(code, "") + seeds[0].prompt,
             "response": f"Antwort {worth}"}
            for code, seeds in SEEDS.items()
        ]  # fmt: skip

    a, b = write(tmp_path / "a.jsonl", rows(2)), write(tmp_path / "b.jsonl", rows(1))
    with SideServer() as server:
        done = compare(a, b, *judging(server), "-o", tmp_path / "out", "--format", "json")
    assert done.status == 4 and "failed at 2 of 2 questions" in done.stderr
    found = json.loads(done.stdout)
    assert [row["language"] for row in found] == ["de", "cs"], "and no mean of a part"


# --- models ------------------------------------------------------------------------------------


def test_a_model_behind_a_server_against_a_file(compare: Compare, tmp_path: Path) -> None:
    def longer(first: str, second: str) -> str:
        return "A" if len(first) > len(second) else "B"

    with SideServer(longer) as server:
        flags = ("openai-compatible", "gold:de", "--a_args",
                 f"model=answering,base_url={server.url}", *judging(server), "--limit", "6",
                 "-o", tmp_path / "out", "--format", "json")  # fmt: skip
        (row,) = compare(*flags).rows
        assert len(server.requests) == 6 + 12
        own = [r.body for r in server.requests if r.body["model"] == "answering"]
        assert {body["temperature"] for body in own} == {0}
        assert compare(*flags).rows == [row] and len(server.requests) == 18
    assert (row["a"], row["b"], row["judge"], row["n"]) == ("answering", "gold-de", "one", 6)
    rows = [json.loads(line) for line in Path(row["comparisons"]).read_text().splitlines()]
    assert [r["b"] for r in rows] == [seed.response for seed in SEEDS["de"][:6]]


@pytest.fixture(scope="module")
def trained(tiny_student: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stage's folder of a student with an adapter that was trained on four seeds."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = tmp_path_factory.mktemp("train") / "tiny-on-mine-0123456789abcdef"
    base = AutoModelForCausalLM.from_pretrained(tiny_student)
    get_peft_model(base, LoraConfig(target_modules=["q_proj"])).save_pretrained(folder / "adapter")
    AutoTokenizer.from_pretrained(tiny_student).save_pretrained(folder / "adapter")
    write(folder / "data.jsonl", [{"prompt": seed.prompt} for seed in SEEDS["de"][2:6]])
    return folder


def test_a_student_against_its_base(
    compare: Compare, server: SideServer, trained: Path, tiny_student: Path, tmp_path: Path
) -> None:
    server.choose = always("tie")
    flags = ("base", "--student_args", f"pretrained={tiny_student}", *judging(server),
             "--languages", "de", "--limit", "3", "--gen_kwargs", "max_gen_toks=8", "-o",
             tmp_path / "out", "--format", "json")  # fmt: skip
    done = compare(trained, *flags)
    (row,) = done.rows
    assert (row["a"], row["b"]) == ("tiny-on-mine", "tiny")
    assert row["ties"] == row["n"] == 3 - max(row["unanswered_a"], row["unanswered_b"])
    assert "tiny-on-mine was trained on 1 of the 3 prompts" in done.stderr
    asked = len(server.requests)
    assert compare(trained / "adapter", *flags).rows == [row] and len(server.requests) == asked
    other = compare(trained, "base", *JUDGE, "--languages", "de", "--student", "smollm2-135m")
    assert other.status == 2 and "smollm2-135m" in other.stderr


@pytest.mark.slow
def test_a_real_model_as_judge(compare: Compare, tmp_path: Path) -> None:
    """SmolLM2 is asked, and whatever it says is counted; that it is no judge is known."""
    wrong = [seed.prompt_en for seed in SEEDS["de"][:2]]
    rows = [{"language": "de", "prompt": s.prompt, "response": r}
            for s, r in zip(SEEDS["de"], wrong, strict=False)]  # fmt: skip
    card = tmp_path / "small.toml"
    card.write_text(
        'name = "small"\nmodel = "hf"\nform = "chat"\nreply_format = "labels"\n'
        '[model_args]\npretrained = "smollm2-135m-instruct"\n[gen_kwargs]\nmax_gen_toks = 40\n'
    )
    flags = ("gold:de", write(tmp_path / "wrong.jsonl", rows), "--judge", card,
             "--judge_attempts", "1", "-o", tmp_path / "out", "--format", "json")  # fmt: skip
    (row,) = compare(*flags).rows
    assert row["n"] + row["missing"] == 2 and row["tokens_out"] > 0
    assert sum(row["reasons"].values()) >= row["missing"]
    assert compare(*flags).rows == [row]


# --- bad input ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("a.jsonl", "b.jsonl"), ["--judge or --reward_model is needed"]),
        (("a.jsonl",), ["arguments are required: B"]),
        (("a.jsonl", "a.jsonl", *JUDGE), ["A and B are both 'a.jsonl'"]),
        (
            ("a.jsonl", "nowhere.jsonl", *JUDGE),
            ["nowhere.jsonl", "no model and no answers", "base"],
        ),
        (("a.jsonl", "smolm2-135m-instruct", *JUDGE), ["smolm2-135m-instruct", "teacher card"]),
        (("a.jsonl", "b.jsonl", *JUDGE, "--languages", "es"), ["no prompts in 'es'", "de"]),
        (("a.jsonl", "b.jsonl", *JUDGE, "--languages", "xx"), ["'xx'"]),
        (("a.jsonl", "other.jsonl", *JUDGE), ["answer no prompt in common"]),
        (("a.jsonl", "b.jsonl", "--judge", "nobody"), ["unknown teacher 'nobody'"]),
        (("a.jsonl", "b.jsonl", "--judge", "hf", "--judge_args", "pretrained=./no"), ["./no"]),
        (("a.jsonl", "b.jsonl", "--reward_model", "./no"), ["./no"]),
        (("a.jsonl", "b.jsonl", *JUDGE, "--prompts", "no.jsonl"), ["no.jsonl: no such file"]),
        (("a.jsonl", "b.jsonl", *JUDGE, "--prompts", "bare.jsonl"), ["bare.jsonl", "language"]),
        (("base", "empty", *JUDGE), ["empty"]),
        (("base", "b.jsonl", *JUDGE, "--limit", "0"), ["--limit", "at least 1"]),
        (
            ("base", "hf", "--b_args", "dtype=float32", *JUDGE),
            ["--b hf needs --b_args pretrained="],
        ),
        (("base", "b.jsonl", *JUDGE, "--gen_kwargs", "temperature"), ["key=value"]),
    ],
)
def test_bad_input_is_one_clear_line(
    compare: Compare,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    words: list[str],
) -> None:
    answers(tmp_path / "a.jsonl", [1, 2])
    answers(tmp_path / "b.jsonl", [2, 1])
    write(tmp_path / "other.jsonl", [{"language": "de", "prompt": "Anders?", "response": "Ja 1"}])
    write(tmp_path / "bare.jsonl", [{"prompt": "Und?"}])
    (tmp_path / "empty").mkdir()
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.chdir(tmp_path)
    done = compare(*arguments)
    assert done.status == 2 and len(done.stderr.strip().splitlines()) == 1, done.stderr
    for word in words:
        assert word in done.stderr
    assert sorted(tmp_path.rglob("*")) == before, "bad input must leave nothing behind"

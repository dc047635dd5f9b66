"""Mixtures: how many examples of which language, nested, at the same places; the command."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyglot_harness.data_sources.examples import read_examples
from polyglot_harness.errors import ConfigError
from polyglot_harness.files import read_jsonl, write_jsonl
from polyglot_harness.spec import STRATEGIES, Example, Mixture, Strategy
from polyglot_harness.training.data import choose, deal, ranked, shares_of
from polyglot_harness.training.mixing import Mixed, mix, parse_mixture, replacements
from polyglot_harness.training.mixture_files import (
    about_path,
    in_training_order,
    is_mixture,
    write_mixture,
)


def of(code: str, number: int, strategy: Strategy = "respond") -> list[Example]:
    return [
        Example(
            id=f"{code}-{strategy}-{i}", language=code, strategy=strategy, seed_id="s",
            prompt=f"{code} p{i}", response=f"{code} r{i}", finish_reason="stop",
        )
        for i in range(number)
    ]  # fmt: skip


def mixed(english: int, text: str, seed: int = 0, **foreign: int) -> Mixed:
    data = {code: of(code, number) for code, number in foreign.items()}
    return mix(of("en", english), data, parse_mixture(text), seed=seed)


# --- names -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind", "amount"),
    [
        ("alone", "alone", 0), ("pinch:0", "pinch", 0), ("pinch:40", "pinch", 40),
        ("share:0", "share", 0), ("share:12.5", "share", 12.5), ("share:100", "share", 100),
        ("pinch:2000000", "pinch", 2e6),
    ],
)  # fmt: skip
def test_names(text: str, kind: Any, amount: float) -> None:
    mixture = parse_mixture(text)
    assert mixture == Mixture(kind=kind, amount=amount)
    assert parse_mixture(str(mixture)) == mixture


@pytest.mark.parametrize(
    "text",
    ["", "pinch", "pinch:", "pinch:-1", "pinch:1.5", "pinch:x", "pinch:nan", "pinch:inf",
     "share:101", "share:-1", "share:nan", "alone:1", "alone:", "dash:4", "40"],
)  # fmt: skip
def test_names_of_nothing(text: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse_mixture(text)
    assert f"unknown mixture {text!r}; valid: alone, pinch:N" in str(error.value)


# --- how many ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "size", "number"),
    [
        ("pinch:0", 10, 0), ("pinch:10", 10, 10), ("share:0", 10, 0), ("share:100", 10, 10),
        ("share:10", 25, 3), ("share:10", 24, 2), ("share:12.5", 4, 1), ("share:33", 100, 33),
        # the paper's set: 1 % would be 46, it took 40
        ("pinch:40", 4640, 40), ("share:1", 4640, 46), ("share:10", 4640, 464),
    ],
)  # fmt: skip
def test_replacements(text: str, size: int, number: int) -> None:
    assert replacements(parse_mixture(text), size) == number


@pytest.mark.parametrize(
    ("english", "text", "foreign", "counts"),
    [
        (100, "pinch:0", {"cs": 9, "de": 9}, {"en": 100}),
        (100, "pinch:0", {}, {"en": 100}),
        (100, "pinch:40", {"cs": 50, "de": 50}, {"en": 60, "cs": 20, "de": 20}),
        # what does not divide goes to the first by code
        (100, "pinch:10", {"ja": 9, "cs": 9, "de": 9}, {"en": 90, "cs": 4, "de": 3, "ja": 3}),
        (100, "pinch:1", {"ja": 9, "de": 9}, {"en": 99, "de": 1}),
        # where one has too few, the others make up for it
        (100, "pinch:40", {"cs": 4, "de": 50}, {"en": 60, "cs": 4, "de": 36}),
        (100, "pinch:40", {"cs": 1, "de": 7, "ja": 40}, {"en": 60, "cs": 1, "de": 7, "ja": 32}),
        (100, "pinch:12", {"cs": 2, "de": 10}, {"en": 88, "cs": 2, "de": 10}),
        (100, "share:10", {"cs": 50, "de": 50}, {"en": 90, "cs": 5, "de": 5}),
        (10, "share:100", {"cs": 50, "de": 50}, {"cs": 5, "de": 5}),
        (4640, "pinch:40", dict.fromkeys("abcdefghijk", 9), {"en": 4600, **dict.fromkeys(
            "abcdefg", 4), **dict.fromkeys("hijk", 3)}),
    ],
)  # fmt: skip
def test_counts(english: int, text: str, foreign: dict[str, int], counts: dict[str, int]) -> None:
    found = mixed(english, text, **foreign)
    assert found.counts == counts and len(found.examples) == english
    assert len(found.replaced) == sum(n for code, n in counts.items() if code != "en")


def test_the_strategies_of_a_language_are_treated_alike() -> None:
    german = [*of("de", 30, "generate"), *of("de", 2, "translate"), *of("de", 30, "respond")]
    czech = of("cs", 30, "generate")
    english = [*of("en", 40, "generate"), *of("en", 40, "respond")]
    found = mix(english, {"de": german, "cs": czech}, parse_mixture("pinch:24"), budget=60, seed=1)
    assert found.strategies["de"] == {"generate": 5, "translate": 2, "respond": 5}
    assert found.strategies["cs"] == {"generate": 12}
    before = Counter(e.strategy for _, e in found.replaced) + Counter(found.strategies["en"])
    assert before == {"generate": 30, "respond": 30}


@pytest.mark.parametrize(
    ("english", "text", "foreign", "words"),
    [
        (10, "alone", {"de": 9}, "alone: nothing is mixed; valid:"),
        (10, "pinch:11", {"de": 99}, "pinch:11: replaces 11 examples, but the English set has 10"),
        (10, "share:1", {"de": 99}, "share:1: less than one of 10 examples"),
        (10, "pinch:2", {}, "2 examples of other languages are needed, there are 0 (no language)"),
        (10, "pinch:9", {"de": 3, "cs": 4}, "there are 7 (cs 4, de 3)"),
        (10, "pinch:2", {"de": 9, "cs": 0}, "pinch:2: no example in cs"),
        (10, "pinch:2", {"en": 9}, "'en' is the language of the set that is to be mixed into"),
        (0, "pinch:0", {}, "the English set has 0 examples"),
    ],
)  # fmt: skip
def test_what_cannot_be_mixed(english: int, text: str, foreign: dict[str, int], words: str) -> None:
    with pytest.raises(ConfigError) as error:
        mixed(english, text, **foreign)
    assert words in str(error.value) and len(str(error.value).splitlines()) == 1


def test_further_limits() -> None:
    english, pinch = of("en", 10), parse_mixture("pinch:6")
    with pytest.raises(ConfigError, match="the English set has 10 examples, 11 needed"):
        mix(english, {"de": of("de", 9)}, pinch, budget=11, seed=0)
    with pytest.raises(ConfigError, match=r"in several languages \(cs, en\)"):
        mix([*english, *of("cs", 1)], {"de": of("de", 9)}, pinch, seed=0)
    few = {"de": of("de", 9), "cs": of("cs", 1)}
    assert mix(english, few, pinch, seed=0).counts == {"en": 4, "cs": 1, "de": 5}
    with pytest.raises(ConfigError, match="pinch:6: cs has 1 examples, too few"):
        mix(english, few, pinch, seed=0, strict=True)
    odd = {"de": of("de", 9), "cs": of("cs", 3)}
    assert mix(english, odd, parse_mixture("pinch:7"), seed=0, strict=True).counts["de"] == 4
    assert mix(english, {}, parse_mixture("pinch:0"), seed=0, strict=True).counts == {"en": 10}


# --- which ones --------------------------------------------------------------------------------

numbers = st.integers(0, 40)
amounts = st.tuples(numbers, numbers, numbers)


def stock(code: str, per_strategy: tuple[int, int, int]) -> list[Example]:
    named = zip(STRATEGIES, per_strategy, strict=False)
    return [example for strategy, n in named for example in of(code, n, strategy)]


@given(amounts, st.integers(0, 130), st.integers(0, 5))
def test_the_first_ranked_are_those_that_are_chosen(
    per_strategy: tuple[int, int, int], limit: int, seed: int
) -> None:
    examples = stock("de", per_strategy)
    order = ranked(examples, seed=seed)
    assert set(order[:limit]) == set(choose(examples, limit, seed=seed))
    assert len(order) == len(set(order)) == len(examples)


@given(st.lists(numbers, max_size=4), st.integers(0, 170))
def test_dealing_is_sharing(sizes: list[int], limit: int) -> None:
    groups = {str(i): [(str(i), n) for n in range(size)] for i, size in enumerate(sizes)}
    dealt = Counter(name for name, _ in deal(list(groups.values()))[:limit])
    available = {name: len(group) for name, group in groups.items()}
    assert dealt == Counter(shares_of(available, limit))


@given(english=amounts.filter(any), cs=amounts.filter(any), de=amounts.filter(any), data=st.data())
def test_mixtures_are_nested_and_keep_their_places(
    english: Any, cs: Any, de: Any, data: st.DataObject
) -> None:
    base, foreign = stock("en", english), {"cs": stock("cs", cs), "de": stock("de", de)}
    seed = data.draw(st.integers(0, 3))
    budget = data.draw(st.integers(1, len(base)))
    most = min(budget, sum(cs) + sum(de))
    small, large = sorted(data.draw(st.tuples(*[st.integers(0, most)] * 2)))
    control, less, more = (
        mix(base, foreign, Mixture(kind="pinch", amount=n), budget=budget, seed=seed)
        for n in (0, small, large)
    )
    for number, found in ((0, control), (small, less), (large, more)):
        assert len(found.examples) == len(set(found.examples)) == budget
        assert sum(found.counts.values()) == budget and len(found.replaced) == number
        assert budget - number == found.counts.get("en", 0)
        shares = shares_of({"cs": sum(cs), "de": sum(de)}, number)
        assert all(found.counts.get(code, 0) == share for code, share in shares.items())
        # what was not replaced stands where it stood
        places = dict(found.replaced)
        for place, example in enumerate(control.examples):
            changed = place in places
            assert (found.examples[place] == example) != changed
            assert not changed or places[place] == example
    # the smaller one is a part of the larger one
    assert more.replaced[:small] == less.replaced
    for place, _ in less.replaced:
        assert more.examples[place] == less.examples[place]
    assert control.examples == choose(base, budget, seed=seed)


def test_the_draw_is_the_seed_s() -> None:
    foreign = {"cs": of("cs", 50), "de": of("de", 50)}
    backwards = {code: foreign[code][::-1] for code in ("de", "cs")}
    pinch = parse_mixture("pinch:20")
    first = mix(of("en", 90), foreign, pinch, seed=1)
    assert mix(of("en", 90)[::-1], backwards, pinch, seed=1) == first
    other = mix(of("en", 90), foreign, pinch, seed=2)
    assert {e.id for _, e in other.replaced} != {e.id for _, e in first.replaced}
    assert set(other.examples) != set(first.examples)
    # a share and a pinch of as many are the same examples
    assert mixed(100, "share:20", cs=50).examples == mixed(100, "pinch:20", cs=50).examples


def test_the_replaced_are_spread_over_the_set() -> None:
    places = [place for place, _ in mixed(1000, "pinch:100", de=100).replaced]
    assert places != sorted(places)
    assert all(10 <= sum(start <= p < start + 250 for p in places) for start in range(0, 1000, 250))


# --- files -------------------------------------------------------------------------------------


def test_a_mixture_on_disk(tmp_path: Path) -> None:
    path, found = tmp_path / "new" / "x.jsonl", mixed(20, "pinch:5", cs=2, de=9)
    sources = [{"data": "x", "sha256": ["0"]}]
    write_mixture(path, found, seed=3, sources=sources)
    assert read_jsonl(path, Example) == found.examples == read_examples(str(path))
    about = json.loads(about_path(path).read_bytes())
    assert about["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (about["mixture"], about["seed"], about["examples"]) == ("pinch:5", 3, 20)
    assert about["languages"] == {c: {"respond": n} for c, n in (("cs", 2), ("de", 3), ("en", 15))}
    assert about["sources"] == sources
    read = read_jsonl(path, Example)
    assert [read[row["line"] - 1].id for row in about["replaced"]] == [
        row["by"] for row in about["replaced"]
    ]
    assert is_mixture(path)
    times = [p.stat().st_mtime_ns for p in (path, about_path(path))]
    write_mixture(path, found, seed=3, sources=sources)
    assert times == [p.stat().st_mtime_ns for p in (path, about_path(path))]


def test_a_mixture_is_trained_on_in_its_own_order(tmp_path: Path) -> None:
    path, found = tmp_path / "x.jsonl", mixed(20, "pinch:5", cs=2, de=9)
    write_mixture(path, found, seed=3, sources=[])
    read = read_examples(str(path))
    assert in_training_order([str(path)], read, 20, seed=8) == found.examples
    for data in ([str(path), "y"], ["y"]):
        assert in_training_order(data, read, 20, seed=8) == choose(read, 20, seed=8)
    with pytest.raises(ConfigError, match="a mixture of 20 examples, of .* leaves 19; give --max"):
        in_training_order([str(path)], read, 19, seed=8)


def test_other_data_are_never_overwritten(tmp_path: Path) -> None:
    path, found = tmp_path / "x.jsonl", mixed(20, "pinch:5", de=9)
    path.write_text("mine\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"x\.jsonl: is there, with other data"):
        write_mixture(path, found, seed=0, sources=[])
    assert path.read_text(encoding="utf-8") == "mine\n" and not about_path(path).exists()
    path.unlink()
    about_path(path).write_text("mine\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"x\.mixture\.json: is there without its data"):
        write_mixture(path, found, seed=0, sources=[])
    assert not is_mixture(path)


def test_an_edited_mixture_is_none(tmp_path: Path) -> None:
    path, found = tmp_path / "x.jsonl", mixed(20, "pinch:5", de=9)
    write_mixture(path, found, seed=0, sources=[])
    write_jsonl(path, found.examples[:-1])
    assert not is_mixture(path)
    about_path(path).write_text("[]", encoding="utf-8")
    assert not is_mixture(path)
    about_path(path).write_text("{", encoding="utf-8")
    assert not is_mixture(path) and not is_mixture(tmp_path)


# --- the command -------------------------------------------------------------------------------

GERMAN = """Frage;Antwort
Wie heißt die Hauptstadt von Hessen?;"Die Hauptstadt heißt Wiesbaden;
Frankfurt ist nur die größte Stadt."
Wo ist der Bahnhof?;Der Bahnhof liegt gleich hinter dem Marktplatz, zwei Minuten zu Fuß.
Wo ist der Bahnhof?;Der Bahnhof liegt gleich hinter dem Marktplatz, zwei Minuten zu Fuß.
Wann öffnet ihr?;
Kann ich die Ware zurückgeben?;Ja, innerhalb von vierzehn Tagen, wenn die Quittung beiliegt.
"""
NAMED = ("--columns", "prompt=Frage", "response=Antwort")
CONTROL = ("--english", "en.jsonl", "--seed", 1)
FROM = ("--from", "de=mine.csv", "gold:cs", *NAMED)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine.csv").write_bytes(GERMAN.encode("utf-8-sig"))
    texts = "The shop opens at nine in the morning and closes at noon, on every day number"
    english = [e.model_copy(update={"response": f"{texts} {e.id}."}) for e in of("en", 30)]
    write_jsonl(tmp_path / "en.jsonl", [*english, *of("ja", 1)])
    return tmp_path


def test_the_command(cli: Any, folder: Path) -> None:
    command = ("mix", *CONTROL, *FROM, "--pinch", "0,2,10", "-o", "mixes")
    given_files = {path: path.read_bytes() for path in folder.iterdir()}
    done = cli(*command, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-3:] == [f"mixes/pinch-{n}.jsonl" for n in (0, 2, 10)]
    cells = [line.replace("│", " ").split() for line in done.stdout.splitlines()]
    assert ["en", "30", "30", "28", "20"] in cells and ["all", "30", "30", "30"] in cells
    assert ["cs", "66", "0", "1", "7"] in cells and ["de", "3", "0", "1", "3"] in cells
    assert done.stderr.splitlines() == [
        "polyglot-harness: en.jsonl: 1 rows are passed over, for another language",
        "polyglot-harness: mine.csv: 1 of 5 rows are left out: 1 no response (row 4)",
        "polyglot-harness: 1 examples are copies of others, and left out",
        "polyglot-harness: pinch:10: de has only 3; the others make up for it",
    ]
    largest = read_jsonl(folder / "mixes" / "pinch-10.jsonl", Example)
    assert {e.id for e in largest if e.language == "de"} == {"mine-1", "mine-2", "mine-5"}
    assert {e.strategy for e in largest} == {"respond"}
    about = json.loads((folder / "mixes" / "pinch-10.mixture.json").read_bytes())
    assert [s["data"] for s in about["sources"]] == ["en.jsonl", "mine.csv", "gold:cs"]
    assert [s["taken"] for s in about["sources"]] == [30, 4, 66]
    written = hashlib.sha256((folder / "mine.csv").read_bytes()).hexdigest()
    assert about["sources"][1]["sha256"] == [written]
    # the same again is fine, anything else is not written over it; files given are as they were
    assert cli(*command, cwd=folder).returncode == 0
    other = cli("mix", *CONTROL, "--seed", 2, *FROM, "--pinch", "0,3", "-o", "mixes", cwd=folder)
    assert other.returncode == 2 and "pinch-0.jsonl: is there, with other data" in other.stderr
    assert not (folder / "mixes" / "pinch-3.jsonl").exists()
    assert given_files == {path: path.read_bytes() for path in given_files}


def test_one_mixture_is_one_file_and_a_dry_run_is_none(cli: Any, folder: Path) -> None:
    command = ("mix", *CONTROL, *FROM, "--share", "20", "-o", "x.jsonl", "--languages", "cs")
    dry = cli(*command, "--dry_run", cwd=folder)
    assert dry.returncode == 0 and "Nothing was written." in dry.stdout
    assert not (folder / "x.jsonl").exists()
    done = cli(*command, cwd=folder)
    assert done.stdout.splitlines()[-1] == "x.jsonl"
    codes = Counter(e.language for e in read_jsonl(folder / "x.jsonl", Example))
    assert codes == {"en": 24, "cs": 6} and (folder / "x.mixture.json").exists()


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ((*FROM, "--pinch", "2,x"), ["unknown mixture 'pinch:x'"]),
        ((*FROM, "--pinch", "1,2", "-o", "x.jsonl"), ["several mixtures need a folder"]),
        ((*FROM, "--pinch", "2", "--languages", "ja"), ["unknown language of --from: 'ja'", "cs"]),
        ((*FROM, "--pinch", "2", "--budget", "31"), ["has 30 examples, 31 needed"]),
        ((*FROM, "--pinch", "20", "--strict"), ["de has 3 examples, too few"]),
        (("--from", "mine.csv", *NAMED, "--pinch", "2"), ["mine.csv: row 1 does not say"]),
        (("--from", "cs=mine.csv", *NAMED, "--pinch", "2"), ["said to be in 'cs'", "(de 3)"]),
        (("--from", "nowhere.csv", "--pinch", "2"), ["nowhere.csv: no such file"]),
        (("--from", "en.jsonl", "--pinch", "2"), ["2 examples of other languages", "(ja 1)"]),
        (("--english", "gold:de", "--pinch", "0"), ["gold:de: holds examples, but none in Eng"]),
        (("--from", "en=mine.csv", *NAMED, "--pinch", "2"), ["mine.csv: holds", "English only"]),
        (("--pinch", "2"), ["there are 0"]),
        ((), ["--pinch", "--share", "required"]),
        (("--pinch", "2", "--share", "2"), ["not allowed with"]),
    ],
)  # fmt: skip
def test_wrong_commands(
    flags: tuple[str, ...], words: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    from polyglot_harness.cli import main

    monkeypatch.chdir(folder)
    monkeypatch.setenv("TQDM_DISABLE", "1")
    try:
        status = main(["mix", "--english", "en.jsonl", "-o", "mixes", *flags])
    except SystemExit as error:
        status = int(str(error.code))
    last = capsys.readouterr().err.splitlines()[-1]
    assert status == 2 and not (folder / "mixes").exists()
    for word in words:
        assert word in last


def test_any_language_goes_on(cli: Any, folder: Path) -> None:
    done = cli("mix", *CONTROL, "--from", "cs=mine.csv", *NAMED, "--pinch", 2, "-o", "mixes",
               "--any_language", cwd=folder)  # fmt: skip
    assert done.returncode == 0 and (folder / "mixes" / "pinch-2.jsonl").exists()

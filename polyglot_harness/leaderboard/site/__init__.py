"""The leaderboard as a web page: one static folder, for ``file://`` and any plain web server.

Nothing is loaded from elsewhere: the page's policy (CSP) forbids it, and plotly.js is copied from
the installed package. Names and texts of others reach it as data only.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

import polyglot_harness
from polyglot_harness.errors import MissingDependency, StoreError
from polyglot_harness.leaderboard.site.data import board_data, languages, script, summary
from polyglot_harness.leaderboard.site.flags import FLAGS
from polyglot_harness.leaderboard.site.slugs import teacher_slugs
from polyglot_harness.store import disk_errors

if TYPE_CHECKING:
    from jinja2 import Environment

    from polyglot_harness.leaderboard.boards import ScoredBoard
    from polyglot_harness.leaderboard.results import ResultsTable

TITLE = "Which model should teach?"
EXAMPLES = 3
"""Sample generations of each language on a teacher's page."""
PAGE = Path(__file__).parent / "page"
PLOTLY = "plotly.min.js"
EMPTY_STYLE = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
"""Of the empty style element that plotly.js fills rule by rule."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    f"style-src-elem 'self' '{EMPTY_STYLE}'; style-src-attr 'unsafe-inline'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'"
)
"""plotly.js sets style attributes; ``style-src`` is for browsers that do not know the other two."""
CHARTS = (
    ("cost", "Cost", "Quality against cost",
     "Further up is better, further left is cheaper; a teacher below the line of the Pareto front "
     "is beaten in both by another."),
    ("languages", "Languages", "Teachers by language",
     "Each cell is a teacher in a language; a teacher is not equally good in all of them."),
    ("ranks", "Ranks", "Ranks and how sure they are",
     "The line is the 95 % interval of the rank; where two lines overlap, the order may be "
     "chance."),
    ("robustness", "Alpha", "Does alpha matter?",
     "Rank correlation of the boards that the Polyglot Score gives with other weights of data "
     "and student: near 1, the choice changes little."),
    ("families", "Families", "Does the family matter?",
     "Mean gain by the family of teacher and student, over all boards; outlined: the same family."),
    ("scaling", "Scaling", "More data",
     "Gain against the number of examples, of teachers measured at several sizes and nothing else "
     "changed."),
    ("pca", "Metrics", "What the metrics have in common",
     "Loadings of the intrinsic metrics on the first principal components: metrics on the same "
     "side of an axis rise and fall together."),
)  # fmt: skip
"""Id, name of the link, heading and how to read it, of the sections that charts.js fills."""


def write_site(
    folder: Path,
    boards: Iterable[ScoredBoard],
    table: ResultsTable,
    *,
    title: str = TITLE,
    examples: int = EXAMPLES,
) -> list[Path]:
    """Write the page, in one pass over the boards. The same input gives the same bytes.

    It is made aside and put in the place of the old one as a whole.

    Args:
        folder: Where; what is there must be empty or such a page.
        boards: Each is dropped before the next one is asked for.
        table: The results that the boards are of.
        title: Heading of the page.
        examples: Sample generations of each language on a teacher's page.

    Returns:
        The files, sorted.

    Raises:
        MissingDependency: If plotly is not installed.
        StoreError: If the folder holds something else, or cannot be written.
    """
    from polyglot_harness.leaderboard.site.across import Across
    from polyglot_harness.leaderboard.site.teachers import TeacherPages

    plotly = plotly_path()
    slugs = teacher_slugs(table.teachers)
    with _replacing(folder) as new:
        _copy(new, plotly)
        pages = TeacherPages(new, table, slugs, title=title, examples=examples)
        across, summaries = Across(table), []
        for board in boards:
            across.add(board)
            pages.add(board)
            summaries.append(summary(board))
            (new / "data" / f"board-{board.key}.js").write_text(
                script(board_data(board, slugs)), encoding="ascii"
            )
        pages.write()
        index = {
            "kind": "index",
            "title": title,
            "boards": summaries,
            "languages": languages(code for board in summaries for code in board["languages"]),
            "flags": FLAGS,
            "across": across.done(),
        }
        (new / "data" / "index.js").write_text(script(index), encoding="ascii")
        html = (
            environment()
            .get_template("index.html.jinja")
            .render(
                title=title,
                reading=summaries[0]["reading"] if summaries else "",
                policy=POLICY,
                style_id=style_id(plotly),
                charts=[
                    dict(zip(("id", "link", "heading", "note"), chart, strict=True))
                    for chart in CHARTS
                ],
                version=polyglot_harness.__version__,
            )
        )
        (new / "index.html").write_text(html, encoding="utf-8")
    return sorted(path for path in folder.rglob("*") if path.is_file())


def environment() -> Environment:
    """Return how the page's templates are read: all that they are given is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(PAGE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def plotly_path() -> Path:
    """Return plotly.js as the installed package plotly carries it.

    Raises:
        MissingDependency: If it is not installed.
    """
    found = find_spec("plotly")
    path = Path(found.origin).parent / "package_data" / PLOTLY if found and found.origin else None
    if path is None or not path.is_file():
        raise MissingDependency("plotly, whose plotly.js the page draws with,", "page")
    return path


def style_id(plotly: Path) -> str:
    """Return the id under which plotly.js looks for the style of its maps before it adds it.

    The page draws no maps: its own style sheet bears the id, and nothing is added that its policy
    would have to allow or to report.
    """
    text = plotly.read_text(encoding="utf-8")
    found = re.search(
        r'getElementById\("([0-9a-f]{64})"\)\)\{var \w+=document\.createElement', text
    )
    return found[1] if found else "style"


def _copy(folder: Path, plotly: Path) -> None:
    (folder / "data").mkdir(parents=True)
    for path in (*PAGE.glob("*.css"), *PAGE.glob("*.js"), plotly):
        shutil.copyfile(path, folder / path.name)


@contextmanager
def _replacing(folder: Path) -> Iterator[Path]:
    """Give an empty folder, which takes the place of `folder` at the end."""
    folder = folder.absolute()
    new, old = (folder.with_name(f".{folder.name}.{which}") for which in ("new", "old"))
    with disk_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(f".{folder.name}.lock")):
            _check_ours(folder)
            for left_over in (new, old):
                shutil.rmtree(left_over, ignore_errors=True)
            new.mkdir()
            try:
                yield new
                if folder.exists():
                    folder.rename(old)
                new.rename(folder)
            finally:
                shutil.rmtree(new, ignore_errors=True)
                shutil.rmtree(old, ignore_errors=True)


def _check_ours(folder: Path) -> None:
    """Refuse to replace what is no such page."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise StoreError(f"{folder}: not a folder; move it away, or give another --output_path")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / "data" / "index.js").is_file():
        raise StoreError(
            f"{folder}: holds something that is not a leaderboard's page; move it away, or give "
            "another --output_path"
        )

"""``--dry_run``: what a run would do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from polyglot_harness.spec import RunSpec


def show_plan(spec: RunSpec, root: Path) -> None:
    """Print the plan of a run, and how much of it is finished."""
    from rich.console import Console
    from rich.table import Table

    from polyglot_harness.languages import load_pack
    from polyglot_harness.mixtures import grid_of, languages_tested
    from polyglot_harness.models import is_pulled, load_catalog
    from polyglot_harness.run_signature import cell_signature
    from polyglot_harness.spec import Mixture
    from polyglot_harness.stages import student_tasks
    from polyglot_harness.store import read_record

    console = Console(highlight=False)
    teachers, languages = len(spec.teachers), len(spec.languages)
    cells = teachers * languages
    gold = languages if spec.reference == "gold" else 0
    grid = grid_of(spec)
    students = cells * (Mixture() in spec.mixtures) + len(grid)
    tests = cells * (Mixture() in spec.mixtures) + len(grid) * len(languages_tested(spec))
    anchors = languages + (len(languages_tested(spec)) if grid else languages)
    table = Table(title=f"Plan of {root}")
    for column in ("stage", "runs", "what"):
        table.add_column(column, justify="right" if column == "runs" else "left")
    table.add_row(
        "generate", str(cells * len(spec.strategies)),
        f"{spec.limit} requests each: {', '.join(t.name for t in spec.teachers)} × "
        f"{', '.join(spec.languages)} × {', '.join(spec.strategies)}",
    )  # fmt: skip
    table.add_row("measure", str(cells), ", ".join(spec.metrics))
    table.add_row(
        "train", str(students + gold), f"{spec.student.name}, recipe {spec.recipe.name}"
        + (f", mixtures {', '.join(map(str, spec.mixtures))}" if grid else "")
        + (", and a reference a language on gold data" if gold else ""),
    )  # fmt: skip
    limit = f"{spec.eval_limit} items a task" if spec.eval_limit else "all items"
    codes = languages_tested(spec) if grid else spec.languages
    packs = [load_pack(code, spec.include_path) for code in codes]
    tasks = ", ".join(dict.fromkeys(t for pack in packs for t in student_tasks(spec, pack)))
    table.add_row("evaluate", str(tests + anchors), f"{tasks} ({limit})")
    console.print(table)
    for pack in packs:
        for mixture in spec.mixtures if pack.code in spec.languages else ():
            console.print(cell_signature(spec, pack, mixture), soft_wrap=True)
    names = [str(dict(t.model_args).get("pretrained", "")) for t in spec.teachers]
    names += [spec.student.pretrained]
    names += [spec.perplexity_model] if "perplexity" in spec.metrics else []
    for name in dict.fromkeys(names):
        if name in load_catalog() and not is_pulled(name):
            console.print(f"{name} is not pulled yet: polyglot-harness models pull {name}")
    records = [read_record(path) for path in root.glob("*/*/record.json")]
    finished = sum(record.status == "complete" for record in records)
    console.print(f"{finished} finished stages are in {root}; nothing was run.")

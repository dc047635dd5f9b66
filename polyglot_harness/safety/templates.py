"""Look at a Jinja template without rendering it: what it may call, and how much it may write.

All templates are rendered in a sandbox. That keeps them from Python's insides, not from writing for
ever, and it had its holes (CVE-2019-10906, CVE-2024-56326, CVE-2025-27516); so only what prompts
need is let through.
"""

from __future__ import annotations

from collections.abc import Iterator

from jinja2 import Environment, TemplateError, nodes

from polyglot_harness.safety.finding import clip
from polyglot_harness.safety.limits import (
    TEMPLATE_BYTES,
    TEMPLATE_GROWTH,
    TEMPLATE_LOOPS,
    TEMPLATE_NODES,
    TEMPLATE_RANGE,
)

FILTERS = frozenset({
    "abs", "capitalize", "count", "d", "default", "dictsort", "e", "escape", "first", "float",
    "int", "items", "join", "last", "length", "list", "lower", "map", "max", "min", "reject",
    "replace", "reverse", "round", "safe", "select", "sort", "string", "sum", "title", "tojson",
    "trim", "unique", "upper", "wordcount",
})  # fmt: skip
METHODS = frozenset({
    "capitalize", "casefold", "count", "endswith", "find", "get", "index", "isalpha", "isdigit",
    "islower", "isupper", "items", "join", "keys", "lower", "lstrip", "partition", "removeprefix",
    "removesuffix", "replace", "rfind", "rpartition", "rsplit", "rstrip", "split", "splitlines",
    "startswith", "strip", "title", "upper", "values",
})  # fmt: skip
_REFUSED: tuple[type[nodes.Node], ...] = (
    nodes.Import, nodes.FromImport, nodes.Include, nodes.Extends, nodes.Block, nodes.Macro,
    nodes.CallBlock, nodes.AssignBlock, nodes.FilterBlock, nodes.NSRef,
    nodes.ExtensionAttribute, nodes.ImportedName, nodes.InternalName, nodes.ContextReference,
    nodes.DerivedContextReference, nodes.EnvironmentAttribute, nodes.OverlayScope,
    nodes.EvalContextModifier, nodes.ScopedEvalContextModifier, nodes.Mul, nodes.Pow, nodes.With,
    nodes.Continue, nodes.Break, nodes.ExprStmt,
)  # fmt: skip
_INNARDS = frozenset({
    "self", "super", "caller", "namespace", "cycler", "joiner", "lipsum", "varargs", "kwargs",
})  # fmt: skip
_BY_NAME = frozenset({"map", "max", "min", "reject", "select", "sort", "sum", "unique"})
_MAPPED = frozenset({
    "abs", "capitalize", "escape", "first", "float", "int", "last", "length", "lower", "round",
    "string", "title", "trim", "upper",
})  # fmt: skip
_ENVIRONMENT = Environment(autoescape=False)  # noqa: S701 - it parses, nothing is rendered
_WRITTEN = {
    name: 6 for name in ("list", "sort", "split", "rsplit", "splitlines", "tojson", "e", "escape")
} | {name: 2 for name in ("items", "dictsort", "partition", "rpartition", "unique", "map")}
"""Filters and methods -> by how much what they give is longer, written out as a text."""
_ROUND = 20
Problem = tuple[int, str]


def template_problems(text: str) -> list[Problem]:
    """Find what a template must not hold.

    Args:
        text: Jinja.

    Returns:
        Line within the template (from 1) and problem of each.
    """
    if "{" not in text:
        return []
    if len(text.encode(errors="replace")) > TEMPLATE_BYTES:
        return [(1, f"a template of more than {TEMPLATE_BYTES} bytes")]
    try:
        tree = _ENVIRONMENT.parse(text)
        # compiling recurses as parsing does, and more deeply
        if _depth(tree) > 40 or sum(1 for _ in _below(tree)) > TEMPLATE_NODES:
            return [(1, f"a template of more than {TEMPLATE_NODES} parts or 40 levels")]
    except TemplateError as error:
        return [(getattr(error, "lineno", 1) or 1, f"not valid Jinja: {clip(error.message)}")]
    except (RecursionError, MemoryError, ValueError, OverflowError):
        return [(1, "a template that cannot be parsed")]
    found = [(node.lineno or 1, problem) for node in _below(tree) for problem in _wrong(node)]
    if _loops(tree) > TEMPLATE_LOOPS:
        found.append((1, f"more than {TEMPLATE_LOOPS} loops within one another"))
    if _growth(tree) > TEMPLATE_GROWTH:
        found.append((1, "assignments, replacements and lists that blow a text up"))
    return found


def _wrong(node: nodes.Node) -> Iterator[str]:
    """Yield what is wrong with one part."""
    match node:
        case nodes.Getattr(attr=name) if name.startswith("_"):
            yield f"attribute {clip(name)} reaches into Python"
        case nodes.Getitem(arg=nodes.Const(value=str(name))) if name.startswith("_"):
            yield f"item {clip(name)} reaches into Python"
        case nodes.Name(name=name) if name.startswith("__") or name in _INNARDS:
            yield f"name {clip(name)} reaches into Jinja"
        case nodes.Call():
            yield from _wrong_call(node)
        case nodes.Filter():
            yield from _wrong_filter(node)
        case nodes.For(recursive=True):
            yield "a recursive loop"
        case nodes.Mod(left=left) if not _is_number(left):
            yield "'%' formats a text to any width"
        case nodes.Const(value=int(number)) if abs(number) > 10**9:
            yield f"the number {clip(number)}"
        case _ if isinstance(node, _REFUSED):
            yield f"{type(node).__name__.lower()} is not for prompts"


def _wrong_call(node: nodes.Call) -> Iterator[str]:
    if node.dyn_args is not None or node.dyn_kwargs is not None:
        yield "a call with '*' or '**'"
    match node.node:
        case nodes.Getattr(attr=name) if name in METHODS:
            return
        case nodes.Name(name="range"):
            for argument in node.args:
                if isinstance(argument, nodes.Const):
                    if not isinstance(argument.value, int) or abs(argument.value) > TEMPLATE_RANGE:
                        yield f"range beyond {TEMPLATE_RANGE}"
                elif not _is_number(argument):
                    yield "range of something that is no length"
        case nodes.Getattr(attr=name) | nodes.Name(name=name):
            yield f"call of {clip(name)}"
        case _:
            yield "call of something computed"


def _wrong_filter(node: nodes.Filter) -> Iterator[str]:
    if node.name not in FILTERS:
        yield f"filter {clip(node.name)}"
    given = [*node.args, *(keyword.value for keyword in node.kwargs)]
    if node.name in _BY_NAME and not all(map(_plain_name, given)):
        yield f"filter {node.name} by something that is no plain name"
    if node.name == "map":
        by = node.args[0] if node.args else None
        if by is not None and not (isinstance(by, nodes.Const) and by.value in _MAPPED):
            yield "filter map of a filter that is not for prompts"
    if node.name == "join" and not all(map(_plain_name, given[1:])):
        yield "filter join by something that is no plain name"
    if node.name == "round" and not all(map(_is_small, given)):
        # 10 to that power is computed
        yield f"filter round to more than {_ROUND} digits"
    if node.name == "tojson" and given:
        yield "filter tojson with arguments"


def _plain_name(node: nodes.Node) -> bool:
    """Whether an argument is a name written out, of nothing of Python's own."""
    if not isinstance(node, nodes.Const) or not isinstance(node.value, str | int | bool):
        return False
    return not any(part.startswith("_") for part in str(node.value).split("."))


def _is_small(node: nodes.Node) -> bool:
    if not isinstance(node, nodes.Const):
        return False
    return isinstance(node.value, str) or (
        isinstance(node.value, int) and 0 <= node.value <= _ROUND
    )


def _is_number(node: nodes.Node) -> bool:
    """Whether a part is certainly a number."""
    match node:
        case nodes.Const(value=value):
            return isinstance(value, int | float)
        case nodes.Getattr(node=nodes.Name(name="loop")):
            return True
        case nodes.Filter(name="length" | "count" | "int"):
            return True
        case nodes.Add(left=left, right=right) | nodes.Sub(left=left, right=right):
            return _is_number(left) and _is_number(right)
    return False


def _growth(tree: nodes.Node) -> float:
    """Return by how much a template may multiply a text before it writes it, at most."""
    known: dict[str, float] = {}
    return _grown(tree, known)


def _grown(node: nodes.Node, known: dict[str, float]) -> float:
    """Return by how much a part, and those below it, multiply what they are given.

    Args:
        node: The part.
        known: Name -> growth of what was assigned to it so far; extended in the order of the text.
    """
    if isinstance(node, nodes.Name):
        return known.get(node.name, 1)
    if isinstance(node, nodes.Assign | nodes.For):
        value = _grown(node.node if isinstance(node, nodes.Assign) else node.iter, known)
        for part in _below(node.target):
            if isinstance(part, nodes.Name):
                known[part.name] = max(value, known.get(part.name, 1))
        if isinstance(node, nodes.Assign):
            return value
    below = [_grown(child, known) for child in node.iter_child_nodes()]
    if isinstance(node, nodes.Concat | nodes.Add | nodes.List | nodes.Tuple | nodes.Dict):
        # a list is written with quotes and strokes, each of which is doubled in the next
        return max(1, sum(below)) * (1 if isinstance(node, nodes.Concat | nodes.Add) else 2)
    factor: float = 0 if isinstance(node, nodes.Const) else max([1, *below])
    for name, arguments in _called(node):
        if name == "replace":
            factor *= _size(arguments[1]) if len(arguments) > 1 else TEMPLATE_GROWTH
        elif name == "join" and arguments:
            factor *= _size(arguments[0])
        factor *= _WRITTEN.get(name, 1)
    return factor


def _called(node: nodes.Node) -> Iterator[tuple[str, list[nodes.Expr]]]:
    """Yield name and arguments of a filter or a method; for a method as for the filter."""
    if isinstance(node, nodes.Filter):
        yield node.name, [*node.args, *(keyword.value for keyword in node.kwargs)]
    elif isinstance(node, nodes.Call) and isinstance(node.node, nodes.Getattr):
        arguments = [*node.args, *(keyword.value for keyword in node.kwargs)]
        # "sep".join(list): the separator is what the method is of
        yield node.node.attr, [node.node.node] if node.node.attr == "join" else arguments


def _size(node: nodes.Node) -> int:
    """Return how long a text is that is written out; any other may be of any length."""
    if isinstance(node, nodes.Const):
        return max(1, len(str(node.value)))
    return TEMPLATE_GROWTH + 1


def _loops(node: nodes.Node) -> int:
    below = max((_loops(child) for child in node.iter_child_nodes()), default=0)
    return below + isinstance(node, nodes.For)


def _depth(tree: nodes.Node) -> int:
    depth, level = 0, [tree]
    while level and depth <= 64:
        depth += 1
        level = [child for node in level for child in node.iter_child_nodes()]
    return depth


def _below(tree: nodes.Node) -> Iterator[nodes.Node]:
    rest = [tree]
    while rest:
        node = rest.pop()
        yield node
        rest += node.iter_child_nodes()

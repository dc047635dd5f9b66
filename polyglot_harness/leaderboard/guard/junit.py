"""The report as JUnit XML: one test case a cell and number, one suite a teacher and student."""

from __future__ import annotations

from collections import Counter, defaultdict
from xml.etree import ElementTree as ET

from polyglot_harness.leaderboard.guard.findings import Finding, Report
from polyglot_harness.leaderboard.guard.words import TITLES, chance, plain, values, where, why


def junit(report: Report) -> str:
    """Return JUnit XML as Jenkins, GitLab and GitHub's reporters read it."""
    suites: dict[tuple[str, str], list[Finding]] = defaultdict(list)
    for finding in report.findings:
        teacher, student, *_ = where(finding)
        suites[teacher, student].append(finding)
    failed = set(map(id, report.failures))
    root = ET.Element("testsuites", name="leaderboard check", tests=str(len(report.findings)),
                      failures=str(len(failed)), errors="0")  # fmt: skip
    for (teacher, student), findings in sorted(suites.items()):
        name = f"{teacher} / {student}"
        skipped = [f for f in findings if _skipped(f, failed)]
        suite = ET.SubElement(
            root, "testsuite", name=name, tests=str(len(findings)), errors="0",
            failures=str(sum(id(f) in failed for f in findings)), skipped=str(len(skipped)),
        )  # fmt: skip
        seen: Counter[str] = Counter()
        for finding in findings:
            _case(suite, name, finding, failed, seen)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _skipped(finding: Finding, failed: set[int]) -> bool:
    return id(finding) not in failed and finding.outcome in ("unknown", "new", "vanished")


def _case(
    suite: ET.Element, classname: str, finding: Finding, failed: set[int], seen: Counter[str]
) -> None:
    _, _, language, metric = where(finding)
    name = f"{language} {metric or 'cell'}"
    seen[name] += 1
    # the same cell under other conditions, e.g. of another mixture
    name += f" ({seen[name]})" * (seen[name] > 1)
    case = ET.SubElement(suite, "testcase", classname=classname, name=name)
    before, after, change = values(finding)
    message = f"{TITLES[finding.outcome]}: {why(finding)}"
    if finding.moved:
        message = f"{TITLES[finding.outcome]}: {before} -> {after} ({change}), p {chance(finding)}"
    detail = f"{why(finding)}\n{plain(finding.group.condition)}"
    if id(finding) in failed:
        ET.SubElement(case, "failure", type=finding.outcome, message=message).text = detail
    elif _skipped(finding, failed):
        ET.SubElement(case, "skipped", message=message)
    elif finding.outcome != "same":
        ET.SubElement(case, "system-out").text = f"{message}\n{detail}"

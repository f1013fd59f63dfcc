"""What came of tests, as JUnit's XML, which CI systems show. A file that could not be run is one failed case of its suite."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from agent.errors import InvalidInput
from agent.replay import FileOutcome

_UNPRINTABLE: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no way to write."""


def write_junit(outcomes: Sequence[FileOutcome], path: Path) -> None:
    """Write the report; raise InvalidInput where the file cannot be written."""
    root = Element("testsuites", name="burnline test")
    for outcome in outcomes:
        _suite(root, outcome)
    indent(root)
    try:
        path.write_bytes(tostring(root, encoding="utf-8", xml_declaration=True) + b"\n")
    except OSError as error:
        message = f"cannot write the JUnit report to {path}: {error.strerror}"
        raise InvalidInput(message) from error


def _suite(root: Element, outcome: FileOutcome) -> None:
    failures = sum(not test.passed for test in outcome.tests)
    suite = SubElement(
        root,
        "testsuite",
        name=_clean(outcome.source),
        tests=str(len(outcome.tests) + bool(outcome.problems)),
        failures=str(failures),
        errors=str(int(bool(outcome.problems))),
        skipped="0",
        time=f"{sum(test.seconds for test in outcome.tests):.6f}",
    )
    if outcome.problems:
        case = SubElement(suite, "testcase", name="reading the file", classname=_clean(outcome.source))
        error = SubElement(case, "error", message=_clean(outcome.problems[0]))
        error.text = _clean("\n".join(outcome.problems))
    for test in outcome.tests:
        case = SubElement(
            suite,
            "testcase",
            name=_clean(test.name),
            classname=_clean(outcome.source),
            file=_clean(outcome.source),
            line=str(test.place.line),
            time=f"{test.seconds:.6f}",
        )
        if test.failures:
            failure = SubElement(case, "failure", message=_clean(test.failures[0].title), type="assertion")
            failure.text = _clean("\n".join(map(str, test.failures)))


def _clean(text: str) -> str:
    return _UNPRINTABLE.sub("�", text)

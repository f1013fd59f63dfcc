"""Our own scripts, in the field's own format: one folder of .test files, each run over both layouts of the store."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.query import MemoryQueryable
from tests.conformance.promqltest import TOGETHER, Stored, run_file

SCRIPTS = sorted(Path(__file__).with_name("scripts").glob("*.test"))


def test_there_are_scripts():
    """An empty folder would prove nothing."""
    assert len(SCRIPTS) >= 8


@pytest.mark.parametrize(
    "storage", [MemoryQueryable, TOGETHER, Stored], ids=["by timestamps", "one gappy block", "stored"]
)
@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_script(path, storage):
    """Every case passes; none is left out."""
    report = run_file(path, storage)
    assert [f"{path.name}:{each.line}: {each.expr}: {each.flaw}" for each in report.failures] == []
    assert report.passed > 0
    assert not report.skipped

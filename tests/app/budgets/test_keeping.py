"""Budgets in the journal: bytes come back as they were, with up to where targets were counted, and a slow disk has an end."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future

import pytest

from agent.app.budgets.keeping import KIND, JournalKept
from agent.errors import StorageError
from agent.journal import Journal, Put


@pytest.fixture
def journal():
    made = Journal.open(":memory:")
    yield made
    made.close()


def test_bytes_and_marks_come_back_as_they_were(journal):
    kept = JournalKept(journal)
    kept.marks = {"target a": 15_000}
    kept.write({"row/1": b"\x00\xff one", "row/2": b"two"}, ())
    kept.marks = {"target a": 30_000, "target b": 29_000}
    kept.write({"chunk/7": b"all"}, ["row/1", "row/2"])

    again = JournalKept(journal)
    assert again.read() == {"chunk/7": b"all"}
    assert again.marks == {"target a": 30_000, "target b": 29_000}


def test_what_is_no_bytes_is_refused(journal):
    journal.write(Put(KIND, "tracks", {"what": "is this"})).result(5)
    with pytest.raises(StorageError, match="cannot read the budgets that were kept"):
        JournalKept(journal).read()


def test_a_disk_that_does_not_answer_holds_up_a_row_only_for_a_while(journal, monkeypatch):
    monkeypatch.setattr(journal, "write", lambda *_: Future())
    with pytest.raises(StorageError, match="did not write the budgets within"):
        JournalKept(journal, patience_seconds=0.01).write({"row/1": b"one"}, ())


async def test_what_cannot_be_read_is_left_as_it_is_and_said_and_budgets_begin_anew_in_memory(story):
    await story.start()
    await story.serve(100, 1, rounds=3)
    await asyncio.wrap_future(story.agent.journal.write(Put(KIND, "tracks", "AAAA")))
    await story.stop()

    await story.start()
    assert any("begin anew in memory" in each for each in story.agent.notices())
    await story.serve(100, 80, rounds=7)
    assert ("critical", "firing") in story.alerts_of("AnswersBurn")
    assert story.agent.journal.records(KIND)["tracks"] == "AAAA"

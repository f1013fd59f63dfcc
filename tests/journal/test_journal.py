"""The journal keeps what it said it kept, through kills and damage."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import wait

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import AlreadyRunning, StorageError
from agent.journal import Append, Delete, Journal, MemoryJournal, Position, Prune, Put, Reader
from agent.schema import Place, Text


@pytest.fixture
def path(tmp_path):
    return tmp_path / "burnline.db"


def test_a_record_survives_closing_and_opening(path):
    journal = Journal.open(path)
    journal.write(Put("alert", "a", {"n": 1}), Put("alert", "b", [1, 2])).result()
    journal.write(Delete("alert", "b")).result()
    journal.close()

    again = Journal.open(path)

    assert {"a": {"n": 1}} == again.records("alert")
    assert again.record("alert", "b") is None
    again.close()


def test_events_come_oldest_first_and_the_newest_are_kept_by_a_limit(path):
    journal = Journal.open(path)
    for at_ms in (10, 20, 30):
        journal.write(Append("transition", "x" if at_ms < 30 else "y", at_ms, at_ms)).result()

    assert [10, 20, 30] == [event.value for event in journal.events("transition")]
    assert [20, 30] == [event.value for event in journal.events("transition", limit=2)]
    assert [10, 20] == [event.value for event in journal.events("transition", "x")]
    assert [30] == [event.value for event in journal.events("transition", since_ms=25)]
    journal.write(Prune("transition", 25)).result()
    assert [30] == [event.value for event in journal.events("transition")]
    journal.close()


def test_a_write_is_one_transaction(path):
    journal = Journal.open(path)

    failed = journal.write(Put("k", "a", 1), Put("k", "b", object()))

    with pytest.raises(StorageError, match="cannot write"):
        failed.result()
    assert {} == journal.records("k")
    journal.close()


def test_a_bad_write_takes_no_other_with_it(path):
    journal = Journal.open(path)
    futures = [journal.write(Put("k", str(n), object() if n == 50 else n)) for n in range(100)]
    wait(futures)

    assert 99 == len(journal.records("k"))
    assert [n for n, future in enumerate(futures) if future.exception()] == [50]
    journal.close()


def test_a_second_agent_on_the_same_data_is_refused(path):
    journal = Journal.open(path)

    with pytest.raises(AlreadyRunning, match="another agent uses"):
        Journal.open(path)
    journal.close()
    Journal.open(path).close()


def test_a_reader_knows_whether_an_agent_has_the_folder_and_keeps_none_from_starting(path):
    journal = Journal.open(path)
    reader = Reader.open(path)
    assert reader.written_to() is True
    journal.close()
    assert reader.written_to() is False
    Journal.open(path).close()
    path.with_suffix(".lock").unlink()
    assert reader.written_to() is None
    reader.close()


def test_a_damaged_file_is_set_aside_and_a_new_one_begun(path):
    path.write_bytes(b"not a database, not at all" * 1000)

    journal = Journal.open(path)
    journal.write(Put("k", "a", 1)).result()

    assert {"a": 1} == journal.records("k")
    assert path.with_name("burnline.db.damaged-1").exists()
    journal.close()


def test_in_memory_it_behaves_the_same():
    journal = Journal.open(":memory:")
    journal.write(Put("k", "a", 1), Append("e", "s", 5, None)).result()

    assert {"a": 1} == journal.records("k")
    assert [5] == [event.at_ms for event in journal.events("e")]
    journal.close()


def test_writing_to_a_closed_journal_fails_in_the_future_it_returns():
    journal = Journal.open(":memory:")
    journal.close()
    journal.close()

    with pytest.raises(StorageError, match="closed"):
        journal.write(Put("k", "a", 1)).result()


def test_who_stops_waiting_for_a_write_stops_neither_the_write_nor_the_journal(path):
    journal = Journal.open(path)
    assert not journal.write(Put("alert", "a", 1)).cancel()
    journal.write(Put("alert", "b", 2)).result(timeout=5)
    assert journal.records("alert") == {"a": 1, "b": 2}
    journal.close()


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(StorageError, match="cannot open the journal"):
        Journal.open(tmp_path / "file" / "burnline.db")


WRITER = """
import sys
from agent.journal import Journal, Put
journal = Journal.open(sys.argv[1])
n = 0
while True:
    journal.write(Put("k", str(n), n)).result()
    print(n, flush=True)
    n += 1
"""


def test_what_was_confirmed_survives_kill_minus_9(path):
    """Three rounds: the writer says which numbers are safe, is killed, and every one of them is there."""
    for round_number in range(3):
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for _ in range(20 + 7 * round_number):
            confirmed = int(process.stdout.readline())
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        journal = Journal.open(path)

        assert set(range(confirmed + 1)) <= set(journal.records("k").values())
        journal.close()


def test_text_that_knows_its_place_is_written_as_text():
    journal = Journal.open(":memory:")
    text = Text("hello", Place("f.yml", 1, 1))
    journal.write(Put("k", text, {text: [text]})).result()

    assert {"hello": {"hello": ["hello"]}} == journal.records("k")
    journal.close()


def changes(draw):
    kinds, keys = st.sampled_from(["a", "b"]), st.sampled_from(["x", "y", "z"])
    values = st.one_of(st.integers(0, 9), st.dictionaries(keys, st.lists(st.integers(0, 9), max_size=2).map(tuple)))
    instants = st.integers(0, 9)
    return draw(
        st.lists(
            st.one_of(
                st.builds(Put, kinds, keys, values),
                st.builds(Delete, kinds, keys),
                st.builds(Append, kinds, keys, instants, values),
                st.builds(Prune, kinds, instants),
            ),
            max_size=25,
        )
    )


@given(st.composite(changes)(), st.integers(0, 9), st.integers(0, 5))
def test_the_twin_in_memory_answers_as_the_journal_does(writes, since_ms, limit):
    journal, twin = Journal.open(":memory:"), MemoryJournal()
    for each in (journal, twin):
        each.write(*writes).result()
    for kind in "ab":
        assert twin.records(kind) == journal.records(kind)
        assert twin.record(kind, "x") == journal.record(kind, "x")
        for subject in (None, "x"):
            asked = {"since_ms": since_ms, "limit": limit}
            assert twin.events(kind, subject, **asked) == journal.events(kind, subject, **asked)
            assert twin.newest(kind, Position(since_ms, 3), subject=subject, limit=limit) == journal.newest(
                kind, Position(since_ms, 3), subject=subject, limit=limit
            )
    for each in (journal, twin):
        each.close()
        with pytest.raises(StorageError, match="closed"):
            each.write(Put("a", "x", 1)).result()


def test_the_twin_in_memory_drops_the_history_that_nobody_wants():
    twin = MemoryJournal(history=False)
    twin.write(Append("a", "x", 1, 1), Put("a", "x", 1)).result()
    assert (twin.events("a"), twin.records("a")) == ([], {"x": 1})


def test_newest_events_come_page_by_page_in_the_order_of_time_even_where_a_clock_was_set_back(path):
    journal = Journal.open(path)
    for at_ms in (10, 30, 20, 20, 40):
        journal.write(Append("e", "x" if at_ms != 30 else "y", at_ms, at_ms), Append("other", "x", at_ms, 0)).result()

    first = journal.newest("e", Position(40 + 1), limit=2)
    rest = journal.newest("e", first[-1].position, limit=10)

    assert [40, 30] == [event.at_ms for event in first]
    assert [(20, 7), (20, 5), (10, 1)] == [event.position for event in rest]
    assert [20, 20] == [event.at_ms for event in journal.newest("e", Position(40), subject="x", limit=2)]
    journal.close()


def test_a_journal_can_be_read_beside_its_agent_and_after_its_end(path):
    journal = Journal.open(path)
    journal.write(Put("alert", "a", 1), Append("e", "x", 10, "said")).result()
    for _ in range(2):
        reader = Reader.open(path)
        assert ({"a": 1}, ["said"]) == (reader.records("alert"), [event.value for event in reader.events("e")])
        reader.close()
        journal.close()


def test_a_journal_in_a_folder_that_cannot_be_written_to_can_be_read(path):
    journal = Journal.open(path)
    journal.write(Put("alert", "a", 1)).result()
    journal.close()
    program = f"""
import os, sys
from pathlib import Path
from agent.journal import Reader
if os.getuid() == 0:
    os.setuid(65534)
print(Reader.open(Path({str(path)!r})).records("alert"))
"""
    path.parent.chmod(0o555)
    for each in path.parent.parents:
        if each.stat().st_uid == os.getuid():
            each.chmod(each.stat().st_mode | 0o111)
    try:
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    finally:
        path.parent.chmod(0o755)
    assert done.stdout.strip() == "{'a': 1}", done.stderr


def test_reading_a_journal_that_is_not_there_says_so_and_makes_none(path):
    with pytest.raises(StorageError, match=r"no such file; check --storage\.path"):
        Reader.open(path)
    assert not path.exists()


def test_a_journal_of_the_first_schema_is_brought_up_and_keeps_its_events(path):
    import sqlite3

    from agent.journal.journal import MIGRATIONS

    old = sqlite3.connect(path)
    old.executescript(f"{MIGRATIONS[0]}; PRAGMA user_version = 1;")
    old.execute("INSERT INTO events (kind, subject, at_ms, value) VALUES ('e', 'x', 10, '1')")
    old.commit()
    old.close()
    journal = Journal.open(path)
    assert [10] == [event.at_ms for event in journal.newest("e", Position(11))]
    journal.close()

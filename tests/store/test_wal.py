"""The log gives back what it was given, bit by bit, up to where a crash or damage ends it."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.model import Columns, Labels, Row
from agent.store import Store
from agent.store.wal import WriteAheadLog
from agent.store.wal_records import expand, squeeze
from agent.store.wal_segments import FRAME_BYTES, HEADER_BYTES, SegmentReader, frame, header
from tests.store.wal_rows import counters, essence, histories


def write(folder, rows, **settings):
    log = WriteAheadLog.open(folder, **settings)
    for row in rows:
        assert log.append(row)
    log.close()


def read(folder):
    log = WriteAheadLog.open(folder)
    rows = [essence(row) for row in log.replay()]
    return rows, log


def only_segment(folder):
    (path,) = folder.glob("*.wal")
    return path


@given(
    st.lists(
        st.integers(0, 2**64 - 1) | st.just(0) | st.integers(0, 2**64 - 1).map(lambda n: n & 0xFF0000FF00), max_size=40
    )
)
def test_words_come_back_with_all_their_bits(numbers):
    """Words without their zero bytes are the same words again, and what follows them is left alone."""
    words = np.array(numbers, dtype=np.uint64)
    back, rest = expand(memoryview(squeeze(words) + b"after"), len(words))
    np.testing.assert_array_equal(back, words)
    assert bytes(rest) == b"after"


@settings(deadline=None, max_examples=60)
@given(histories())
def test_rows_come_back_with_all_their_bits(rows):
    """Values, NaN payloads, labels, stamped samples, histograms and exemplars come back in order and unchanged."""
    with tempfile.TemporaryDirectory() as name:
        write(Path(name), rows)
        back, log = read(Path(name))
    assert back == [essence(row) for row in rows]
    assert not log.damages


@settings(deadline=None, max_examples=60)
@given(histories(), st.sets(st.integers(0, 8)), st.integers(1, 400))
def test_rows_come_back_over_many_segments(rows, cuts, segment_bytes):
    """However the log is cut, each segment is read alone."""
    with tempfile.TemporaryDirectory() as name:
        log = WriteAheadLog.open(Path(name), segment_bytes=segment_bytes)
        for number, row in enumerate(rows):
            if number in cuts:
                log.cut()
            log.append(row)
            log.flush()
        log.close()
        back = list(WriteAheadLog.open(Path(name)).replay())
    assert [essence(row) for row in back] == [essence(row) for row in rows]


def test_a_table_stays_one_over_segments(tmp_path):
    """Rows of one table come back on one `Columns`, cut or not, and wider rows add to it."""
    log, columns = WriteAheadLog.open(tmp_path), Columns()
    for number in range(6):
        columns.column(Labels.of(name_="m", n=str(number)))
        log.append(Row(columns, number, np.zeros(len(columns))))
        log.cut()
    log.close()
    back = list(WriteAheadLog.open(tmp_path).replay())
    assert {id(row.columns) for row in back} == {id(back[0].columns)}
    assert back[0].columns.labels == columns.labels


def test_a_log_cut_at_any_byte_is_a_prefix_and_no_damage(tmp_path):
    """A crash may leave the last segment at any length: whole rows come back, and the next start finds no fault."""
    write(tmp_path, counters(12))
    path, whole = only_segment(tmp_path), [essence(row) for row in counters(12)]
    data = path.read_bytes()
    lengths = set()
    for size in range(len(data) + 1):
        path.write_bytes(data[:size])
        back, log = read(tmp_path)
        assert back == whole[: len(back)]
        assert not log.damages
        assert read(tmp_path)[0] == back
        lengths.add(len(back))
    assert lengths == set(range(13))


def test_zeros_after_the_last_record_are_no_damage(tmp_path):
    """A machine that lost power leaves a file longer than what reached it, filled with zeros."""
    write(tmp_path, counters(3))
    path = only_segment(tmp_path)
    path.write_bytes(path.read_bytes() + bytes(5000))
    back, log = read(tmp_path)
    assert len(back) == 3
    assert not log.damages


def test_a_flipped_byte_ends_the_segment_is_told_and_set_aside(tmp_path):
    """Any flipped byte costs no row before it, makes no wrong row, and the file as it was stands in damaged/."""
    write(tmp_path, counters(6))
    path, whole = only_segment(tmp_path), [essence(row) for row in counters(6)]
    data = path.read_bytes()
    for place in range(len(data)):
        if len(b"burnwal\x01") <= place < HEADER_BYTES:
            continue  # the run's number: another one is as good
        spoilt = bytearray(data)
        spoilt[place] ^= 0x5A
        path.write_bytes(spoilt)
        back, log = read(tmp_path)
        assert back == whole[: len(back)]
        assert len(back) < 6
        (damage,) = log.damages
        assert damage.path.parent == tmp_path / "damaged"
        assert damage.path.read_bytes() == bytes(spoilt)
        assert log.state.damaged == 1
        again, log = read(tmp_path)
        assert again == back
        assert not log.damages


def test_after_a_damaged_segment_the_next_one_is_read(tmp_path):
    """Damage in the first of three segments costs its end, and nothing of the others."""
    rows, log = counters(9), WriteAheadLog.open(tmp_path)
    for number, row in enumerate(rows):
        if number in {3, 6}:
            log.cut()
        log.append(row)
    log.close()
    first, *_ = sorted(tmp_path.glob("*.wal"))
    first.write_bytes(first.read_bytes()[:-1])
    back, log = read(tmp_path)
    assert back == [essence(row) for row in rows if row.timestamp_ms != 2]
    assert [damage.reason for damage in log.damages] == ["it ends within a record"]


def test_a_record_of_an_unknown_kind_is_skipped(tmp_path):
    """A later version may write more kinds of records; what this one knows is read."""
    write(tmp_path, counters(2))
    path = only_segment(tmp_path)
    path.write_bytes(path.read_bytes() + frame(77, b"from later") + b"from later")
    assert len(read(tmp_path)[0]) == 2


def test_a_record_that_makes_no_sense_is_damage(tmp_path):
    """A record with a good checksum and impossible contents ends the segment as damage, and raises nothing."""
    write(tmp_path, counters(2))
    path = only_segment(tmp_path)
    for kind, payload in (
        (1, b""),
        (1, bytes(8) + b"no zlib"),
        (2, b"\xff" * 30),
        (3, bytes(3)),
        (5, b"x"),
        (6, b"x" * 9),
    ):
        intact = path.read_bytes()
        path.write_bytes(intact + frame(kind, payload) + payload)
        back, log = read(tmp_path)
        assert len(back) == 2
        assert len(log.damages) == 1
        assert path.read_bytes() == intact


def test_a_file_of_another_kind_is_set_aside_and_what_is_no_segment_is_left_alone(tmp_path):
    """A segment that does not begin as one is damage; other names in the folder are nobody's business."""
    (tmp_path / "00000001-0000.wal").write_bytes(b"something else entirely, and long enough")
    (tmp_path / "notes.txt").write_text("mine")
    back, log = read(tmp_path)
    assert not back
    assert [damage.path.parent.name for damage in log.damages] == ["damaged"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["damaged", "notes.txt"]


def test_dropping_before_a_cut_keeps_what_came_after_it(tmp_path):
    """What a block holds leaves the log, what was appended after the cut stays, and numbers only rise."""
    rows, log = counters(4), WriteAheadLog.open(tmp_path)
    log.append(rows[0])
    log.append(rows[1])
    number = log.cut()
    log.append(rows[2])
    log.drop_before(number)
    log.append(rows[3])
    assert log.flush()
    assert log.state.segments == 1
    assert log.state.bytes == only_segment(tmp_path).stat().st_size
    log.close()
    assert read(tmp_path)[0] == [essence(row) for row in rows[2:]]
    again = WriteAheadLog.open(tmp_path, after=number + 7)
    assert again.cut() > number + 7
    again.close()


def test_a_forgotten_table_may_come_back(tmp_path):
    """A table that was forgotten and gets a row all the same is written as a new one."""
    rows, log = counters(3), WriteAheadLog.open(tmp_path)
    log.append(rows[0])
    log.forget(rows[0].columns)
    log.append(rows[1])
    log.append(rows[2])
    log.close()
    assert read(tmp_path)[0] == [essence(row) for row in rows]


def test_a_table_that_was_silent_for_a_segment_may_come_back(tmp_path):
    """The log lets go of a table without rows in a whole segment; when it gets one after all, nothing is lost of it."""
    quiet, busy = counters(2), counters(3, width=1)
    log = WriteAheadLog.open(tmp_path)
    for row in (quiet[0], *busy, quiet[1]):
        log.append(row)
        log.cut()
    log.close()
    assert read(tmp_path)[0] == [essence(row) for row in (quiet[0], *busy, quiet[1])]


def test_half_a_surrogate_pair_in_a_label_is_kept(tmp_path):
    """Text that UTF-8 cannot say, as YAML can write it, costs neither the log nor a block file anything."""
    row = Row(Columns([Labels({"__name__": "m", "odd": "\ud800"})]), 1000, np.array([1.0]))
    write(tmp_path / "log", [row])
    assert read(tmp_path / "log")[0] == [essence(row)]
    settings = {"retention_ms": 10**9, "max_memory_bytes": 2**26}
    store = Store.open(tmp_path / "store", **settings)
    store.append(row)
    store.close()
    again = Store.open(tmp_path / "store", **settings)
    assert again.series(()) == row.columns.labels
    assert again.stats().blocks == 1
    again.close()


def test_runs_of_the_writer_do_not_mistake_each_others_tables(tmp_path):
    """After a restart, numbers of tables begin anew; the rows of before keep their labels."""
    first = counters(2)
    second = [Row(Columns([Labels.of(name_="other")]), 5, np.array([1.0]))]
    write(tmp_path, first)
    write(tmp_path, second)
    assert read(tmp_path)[0] == [essence(row) for row in (*first, *second)]


def test_an_unmoved_cell_costs_a_bit_and_a_counter_few_bytes(tmp_path):
    """A wide row like the one before takes an eighth of a byte a cell; counters that moved by little take under four."""
    columns = Columns(Labels.of(name_="m", n=str(number)) for number in range(8000))
    values = np.arange(8000.0) * 37
    sizes = []
    log = WriteAheadLog.open(tmp_path)
    for row in (values, values, values + np.arange(8000) % 50 + 1):
        log.append(Row(columns, len(sizes), row))
        log.flush()
        sizes.append(log.state.bytes)
    log.close()
    assert sizes[1] - sizes[0] <= 8000 / 8 + 40
    assert sizes[2] - sizes[1] < 8000 * 4


def test_threads_append_and_cut_and_nothing_is_mixed_up(tmp_path):
    """Rows of four threads come back complete, each thread's in its order, with cuts and drops of nothing in between."""
    log = WriteAheadLog.open(tmp_path, segment_bytes=20_000)
    tables = [
        [Row(row.columns, row.timestamp_ms, row.values + 1000 * table) for row in counters(300, 7)]
        for table in range(4)
    ]

    def append(rows):
        for row in rows:
            assert log.append(row)
            if row.timestamp_ms % 50 == 0:
                log.drop_before(min(log.cut(), 1))

    threads = [threading.Thread(target=append, args=(rows,)) for rows in tables]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close()
    back = list(WriteAheadLog.open(tmp_path).replay())
    for table, rows in enumerate(tables):
        mine = [row for row in back if row.values[0] // 1000 == table]
        assert [essence(row) for row in mine] == [essence(row) for row in rows]


def test_a_closed_log_takes_nothing(tmp_path):
    """After close, a row is refused and counted, and closing again or waiting does nothing."""
    log = WriteAheadLog.open(tmp_path)
    log.close()
    log.close()
    assert not log.append(counters(1)[0])
    assert log.state.dropped == 1
    log.flush(1.0)
    assert not list(tmp_path.glob("*.wal"))


def test_a_length_that_was_damaged_is_not_taken_for_a_crash():
    """A frame that claims more bytes than there are, without its check, is damage and no torn end."""
    payload = b"payload"
    head = bytearray(frame(2, payload))
    assert len(head) == FRAME_BYTES
    head[2] ^= 0x10
    reader = SegmentReader(header(1) + bytes(head) + payload)
    assert not list(reader.records())
    assert not reader.torn
    assert reader.intact == HEADER_BYTES


@pytest.mark.parametrize("known", [b"", b"burn", b"burnwal\x01", b"burnwal\x01\x00\x00", bytes(9)])
def test_a_header_that_was_not_finished_is_a_crash(known):
    """A file that ends within its header, or holds zeros, was being begun."""
    reader = SegmentReader(known)
    assert not list(reader.records())
    assert reader.torn

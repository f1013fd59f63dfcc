"""A disk that refuses: the log says so, lets rows pass, begins anew when it can, and knows that a gap is to be covered."""

from __future__ import annotations

import errno
import os
import threading
import time

import pytest

from agent.store.wal import WriteAheadLog
from agent.store.wal_segments import PlainSegment
from agent.store.wal_writer import LogLimits, SegmentWriter
from tests.store.wal_rows import counters, essence


def at_once(work):
    """Run what may wait for the disk where it is asked for."""
    work()


LIMITS = LogLimits(segment_bytes=2**20, sync_s=2.0, retry_s=5.0)


class Disk:
    """A disk with room for `room` bytes; `fails` names the operation that raises EIO."""

    def __init__(self, room=10**9, fails=""):
        self.room, self.fails, self.gate = room, fails, None

    def open(self, path):
        if self.fails == "open":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return Segment(self, path)


class Segment(PlainSegment):
    """A real file on that disk: what does not fit is written in part, and raises."""

    def __init__(self, disk, path):
        super().__init__(path)
        self.disk, self.size = disk, 0

    def write(self, data):
        if self.disk.gate is not None:
            self.disk.gate.wait()
        if self.disk.fails == "write":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        fits = data[: self.disk.room]
        super().write(fits)
        self.size += len(fits)
        self.disk.room -= len(fits)
        if len(fits) < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def sync(self):
        if self.disk.fails == "sync":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        super().sync()

    def truncate(self, size):
        super().truncate(size)
        self.disk.room += self.size - size
        self.size = size


def replayed(folder):
    log = WriteAheadLog.open(folder)
    rows = [essence(row) for row in log.replay()]
    assert not log.damages
    return rows


def essences(rows):
    return [essence(row) for row in rows]


def test_a_full_disk_is_said_and_left_alone_until_it_is_time_to_try_again(tmp_path):
    """Rows that do not fit are counted, the segment stays whole, and a new one begins when there is space again."""
    disk, rows = Disk(room=400), counters(20)
    writer = SegmentWriter(tmp_path, LIMITS, disk.open, after=0, later=at_once)
    written = 0
    for row in rows[:10]:
        writer.add(row, 0.0)
        writer.write(0.0)
        written += writer.state(0).durable
    state = writer.state(0)
    assert 0 < written < 10
    assert (state.durable, state.gap, state.dropped) == (False, True, 10 - written)
    assert "No space left on device" in state.reason
    assert replayed(tmp_path) == essences(rows[:written])

    disk.room = 10**9
    writer.add(rows[10], 4.9)
    assert writer.state(0).dropped == 11 - written
    assert writer.next_tick_s() == 5.0
    writer.tick(5.0)
    state = writer.state(0)
    assert (state.durable, state.gap) == (False, True)
    assert "No space left" in state.reason
    writer.add(rows[11], 5.1)
    writer.write(5.1)
    assert replayed(tmp_path) == essences([*rows[:written], rows[11]])

    writer.cut(writer.epoch + 1, 6.0)
    writer.add(rows[12], 6.0)
    writer.drop_before(writer.epoch)
    writer.close(6.0)
    assert writer.state(0).durable
    assert writer.state(0).reason == ""
    assert replayed(tmp_path) == essences([rows[12]])


def test_a_disk_with_a_little_room_is_not_trusted(tmp_path):
    """While there is space for a header and no more, the log stays in trouble instead of going up and down."""
    disk = Disk(room=50)
    writer = SegmentWriter(tmp_path, LIMITS, disk.open, after=0, later=at_once)
    for second in range(0, 60, 5):
        writer.add(counters(1)[0], float(second))
        writer.write(float(second))
        assert not writer.state(0).durable
    assert not list(tmp_path.glob("*.wal"))
    disk.room = 10**6
    writer.tick(60.0)
    writer.add(counters(1)[0], 60.0)
    writer.write(60.0)
    assert "No space" in writer.state(0).reason
    assert disk.room > 10**6 - 1000


@pytest.mark.parametrize(("fails", "why"), [("open", "Permission denied"), ("write", "Input/output error")])
def test_a_disk_that_refuses_from_the_start_is_tried_again(tmp_path, fails, why):
    """No permission and broken media are said in words, and rows are written from the first moment that it works."""
    disk, rows = Disk(fails=fails), counters(3)
    writer = SegmentWriter(tmp_path, LIMITS, disk.open, after=0, later=at_once)
    writer.add(rows[0], 0.0)
    assert why in writer.state(0).reason
    disk.fails = ""
    writer.add(rows[1], 5.0)
    writer.close(5.0)
    assert writer.state(0).gap
    assert replayed(tmp_path) == essences([rows[1]])


def test_a_failed_sync_ends_the_segment_and_leaves_a_gap(tmp_path):
    """What could not be synced is not synced again: the rows since then count as missing until a block covers them."""
    disk = Disk(fails="sync")
    writer = SegmentWriter(tmp_path, LIMITS, disk.open, after=0, later=at_once)
    writer.add(counters(1)[0], 0.0)
    writer.write(0.0)
    assert writer.next_tick_s() == 2.0
    writer.tick(2.0)
    state = writer.state(0)
    assert (state.durable, state.gap, state.dropped) == (False, True, 0)
    disk.fails = ""
    writer.tick(7.0)
    writer.add(counters(1)[0], 7.0)
    writer.sync(7.0)
    assert len(list(tmp_path.glob("*.wal"))) == 2
    assert writer.state(0).gap


def test_a_gap_is_covered_only_by_a_cut_after_it(tmp_path):
    """Dropping what came before the loss does not cover it."""
    writer = SegmentWriter(tmp_path, LIMITS, PlainSegment, after=0, later=at_once)
    writer.cut(5, 0.0)
    writer.lose(3, 5, "too slow")
    writer.drop_before(5)
    assert writer.state(0).gap
    writer.drop_before(6)
    assert not writer.state(0).gap
    assert writer.state(0).dropped == 3


def test_a_folder_that_cannot_be_made_is_trouble_and_no_exception(tmp_path):
    """A file where the folder should be: the log opens, replays nothing, takes rows and says why they are lost."""
    (tmp_path / "log").write_text("in the way")
    log = WriteAheadLog.open(tmp_path / "log", retry_s=0.0)
    assert not list(log.replay())
    log.append(counters(1)[0])
    assert not log.flush()
    assert "File exists" in log.state.reason
    (tmp_path / "log").unlink()
    log.append(counters(1)[0])
    log.flush()
    assert log.state.gap
    log.drop_before(log.cut())
    assert log.flush()
    log.close()


def test_rows_are_written_while_a_sync_takes_its_time(tmp_path):
    """A sync that hangs keeps no row from the file: a kill during it loses none of those that came meanwhile."""
    rows, begun, gate = counters(6), threading.Event(), threading.Event()

    class Slow(PlainSegment):
        def sync(self):
            begun.set()
            gate.wait(10)
            super().sync()

    log = WriteAheadLog.open(tmp_path, opener=Slow, sync_s=0.0)
    log.append(rows[0])
    assert begun.wait(10)
    for row in rows[1:]:
        log.append(row)
    deadline = time.monotonic() + 10
    while replayed(tmp_path) != essences(rows) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert replayed(tmp_path) == essences(rows)
    gate.set()
    log.close()
    assert log.state.durable


def test_a_sync_that_fails_behind_a_row_is_seen_by_the_next(tmp_path):
    """Rows were written meanwhile; none of them counts as safe, and a block has to cover them."""
    disk, later = Disk(fails="sync"), []
    writer = SegmentWriter(tmp_path, LIMITS, disk.open, after=0, later=later.append)
    writer.add(counters(1)[0], 0.0)
    writer.write(0.0)
    writer.tick(2.0)
    writer.add(counters(1)[0], 2.5)
    writer.write(2.5)
    assert writer.state(0).durable
    for work in later:
        work()
    writer.add(counters(1)[0], 3.0)
    writer.write(3.0)
    assert (writer.state(0).durable, writer.state(0).gap) == (False, True)


def test_a_disk_that_hangs_makes_nobody_wait_and_bounds_the_queue(tmp_path):
    """Rows beyond the queue's bound are left out at once; those within it are written when the disk goes on."""
    disk, rows, told = Disk(), counters(50, width=100), []
    disk.gate = threading.Event()
    log = WriteAheadLog.open(tmp_path, opener=disk.open, queue_bytes=10_000, on_trouble=told.append)
    taken = [log.append(row) for row in rows]
    assert taken.count(True) == 9
    assert taken[9:].count(True) == 0
    disk.gate.set()
    assert not log.flush()
    assert log.state.dropped == 41
    assert "too slow" in log.state.reason
    log.drop_before(log.cut())
    assert log.flush()
    log.close()
    assert [(state.durable, state.gap) for state in told] == [(False, True), (True, False)]


def test_a_row_that_cannot_be_encoded_costs_itself_alone(tmp_path):
    """A fault that is not the disk's ends the segment and is said; the writer lives on."""
    rows = counters(4)
    log = WriteAheadLog.open(tmp_path, retry_s=0.0)
    log.append(rows[0])
    log.flush()
    log.append(type(rows[1])(rows[1].columns, 2**70, rows[1].values))
    assert not log.flush()
    log.append(rows[2])
    log.flush()
    assert log.state.gap
    log.close()
    assert replayed(tmp_path) == essences([rows[0], rows[2]])

"""The queue gives what leaves next: the same as a list sorted anew each time would, and without looking at every row."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.journal import MemoryJournal
from agent.model import Alert, Labels
from agent.notify import Channel, FakeReceiver, Outbox, Row, Sender, Target
from agent.notify.limits import ChannelLimits, Held, parse_limit
from agent.notify.queue import Queue, Strand, Stream, strand_of

SEVERITIES = ("critical", "warning", "info")


def row(number: int, *, severity: str = "info", target: str = "#a", due_ms: int = 0, transport: str = "slack") -> Row:
    made = Alert(Labels.of(alertname=f"A{number}", severity=severity), Labels(), 1)
    return Row(
        id=f"r{number}", incident=f"i{number}", group_id=f"g{number}", group_key="{}", receiver="r", transport=transport,
        target=Target(Channel.SLACK, target), alerts=(made,), group_labels=Labels(), at_ms=0, reason="test",
        order=number, next_at_ms=due_ms,
    )  # fmt: skip


def offer(queue: Queue, made: Row, *, update: bool = False) -> None:
    queue.offer(made, strand_of(made, update=update, paged=update))


class OpenGate:
    """Lets everything leave but what `closed` holds until its time; counts how often it is asked."""

    def __init__(self, closed: dict[str, int] | None = None) -> None:
        self.closed = closed or {}
        self.asked = 0

    def stream(self, stream: Stream, at_ms: int) -> Held | None:
        self.asked += 1
        return self._of(stream.transport, at_ms)

    def strand(self, strand: Strand, at_ms: int) -> Held | None:
        self.asked += 1
        return self._of(strand.target, at_ms)

    def together(self, strand: Strand, waiting: int, at_ms: int) -> int:
        return 1

    def _of(self, name: str, at_ms: int) -> Held | None:
        return Held(self.closed[name], "closed") if self.closed.get(name, 0) > at_ms else None


ROWS = st.lists(
    st.tuples(
        st.sampled_from(SEVERITIES), st.sampled_from(["#a", "#b", "#c"]), st.integers(0, 9), st.sampled_from(["t", "u"])
    ),
    max_size=25,
)
CLOSED = st.dictionaries(st.sampled_from(["slack:#a", "slack:#b", "t"]), st.integers(0, 12), max_size=3)


@given(ROWS, CLOSED, st.lists(st.integers(0, 24), max_size=6), st.integers(0, 12))
def test_it_gives_at_each_instant_what_a_list_sorted_anew_would_give_first(made, closed, withdrawn, rouse_at):
    rows = [row(n, severity=s, target=t, due_ms=d, transport=w) for n, (s, t, d, w) in enumerate(made)]
    left = {each.id: each for each in rows}
    queue, gate = Queue(), OpenGate(closed)
    for each in rows:
        offer(queue, each)
    for at_ms in range(14):
        if at_ms == rouse_at:
            queue.rouse()
        if at_ms < len(withdrawn):
            queue.withdraw(f"r{withdrawn[at_ms]}")
            left.pop(f"r{withdrawn[at_ms]}", None)
        queue.wake(at_ms)
        while True:
            may = [
                each
                for each in left.values()
                if each.next_at_ms <= at_ms
                and not gate._of(each.transport, at_ms)
                and not gate._of(each.target.key, at_ms)
            ]
            expected = min(may, key=lambda each: (each.priority, each.order), default=None)
            taken = queue.take(at_ms, gate)
            assert (taken[1][0] if taken else None) == expected
            if taken is None:
                break
            del left[taken[1][0].id]
        alarm = queue.next_alarm()
        assert (alarm is None) == (not left)
        assert alarm is None or alarm > at_ms
    assert len(queue) == len(left) == 0


def test_a_row_that_is_offered_anew_stands_there_once_as_it_is_now():
    queue = Queue()
    offer(queue, row(1, due_ms=5))
    offer(queue, row(1, due_ms=2, severity="critical"), update=True)
    queue.wake(9)
    taken = queue.take(9, OpenGate())
    assert taken
    assert (taken[0].stream.critical, taken[0].stream.update) == (True, True)
    assert queue.take(9, OpenGate()) is None
    assert queue.next_alarm() is None


def test_what_is_held_back_for_long_is_told_once_and_what_waits_a_moment_never():
    told, queue = [], Queue()
    queue.held = lambda each, held: told.append((each.id, held.why))
    offer(queue, row(1))
    offer(queue, row(2, target="#b"))
    gate = OpenGate({"slack:#a": 60_000, "slack:#b": 2_000})
    for at_ms in (0, 2_000, 30_000):
        queue.wake(at_ms)
        while queue.take(at_ms, gate):
            pass
        queue.rouse()
    assert told == [("r1", "closed")]


def calls_to_send(number: int, targets: int, limits: ChannelLimits) -> int:
    """Count the Python functions called while `number` rows of a storm leave on a moved clock."""
    outbox = Outbox(MemoryJournal(history=False))
    sender = Sender(outbox, {"slack": FakeReceiver()}, limits={Channel.SLACK: limits})
    severities = [SEVERITIES[each % 3] for each in range(number)]
    for each, severity in enumerate(severities):
        outbox.add(row(each, severity=severity, target=f"#{each % targets}"))
    outbox.flush()
    calls, at_ms = 0, 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        while (at_ms := sender.next_due()) is not None:
            outbox.queue.wake(at_ms)
            while taken := outbox.queue.take(at_ms, sender._gate):
                strand, rows = taken
                outbox.begin(rows)
                leaving = sender._gate.began(strand, at_ms)
                leaving.reached = True
                sender._gate.ended(leaving)
                outbox.queue.stir(strand.stream)
                outbox._lanes.take(rows[0].id)
                outbox.end(rows)
    finally:
        sys.setprofile(None)
    assert outbox.pending() == []
    return calls


@pytest.mark.parametrize(
    ("targets", "limits"),
    [
        (1, ChannelLimits()),
        (1, ChannelLimits(per_target=(parse_limit("3/3s"),))),
        (100, ChannelLimits(per_target=(parse_limit("3/3s"),))),
        (100, ChannelLimits(per_provider=(parse_limit("10/1s"),))),
    ],
    ids=["no limit", "one full target", "many targets", "a full provider"],
)
def test_a_storm_costs_each_message_about_the_same_however_many_wait(targets, limits):
    few, many = calls_to_send(300, targets, limits), calls_to_send(3_000, targets, limits)
    assert many / 3_000 < 1.5 * few / 300


def test_the_reading_of_a_row_s_severity_does_not_depend_on_what_it_is_sent_as():
    made = replace(row(1, severity="warning"), reason="again")
    assert (made.severity, made.priority) == (made.notification().severity, 1)

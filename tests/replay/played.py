"""Rules replayed over samples in memory, and what came of it as plain values."""

from __future__ import annotations

import numpy as np

from agent.model import ABSENT_NAN, STALE_NAN, Columns, Labels, Matcher, MatchOp, Row, is_absent
from agent.query import Engine
from agent.replay.overlay import Overlay
from agent.replay.player import Player
from agent.rules import RuleSet, Settings, read_rules, slots
from agent.store import Store

SECOND = 1_000
MINUTE = 60_000
START = 1_700_000_000_000 // (60 * MINUTE) * (60 * MINUTE)


MARKS = {None: ABSENT_NAN, "stale": STALE_NAN}


def memory_store():
    return Store(retention_ms=2**61, max_memory_bytes=2**28)


def rule_set(*texts):
    return RuleSet(tuple(group for number, text in enumerate(texts) for group in read_rules(text, f"{number}.yml")))


def fill(store, labels, cells, *, step_ms=MINUTE, start_ms=START):
    """Write a series per row of `cells`; None is a scrape that lacked it, "stale" its end."""
    columns = Columns(labels)
    for number in range(len(cells[0])):
        values = [
            ABSENT_NAN if each[number] is None else STALE_NAN if each[number] == "stale" else float(each[number])
            for each in cells
        ]
        store.append(Row(columns, start_ms + number * step_ms, np.array(values)))


class Played:
    """A replay that is over: `transitions`, `handed_over` and what the rules `wrote`, as plain values."""

    def __init__(
        self,
        rules,
        store,
        from_ms,
        until_ms,
        *,
        settings=None,
        interval_ms=MINUTE,
        lookback_ms=300_000,
        history_ms=0,
        limits=None,
        **keywords,
    ):
        settings = settings or Settings(interval_ms=interval_ms)
        own = memory_store()
        self.overlay = Overlay(store, own, rules.groups)
        self.overlay.take_history(from_ms, history_ms)
        self.engine = Engine(self.overlay, lookback_ms=lookback_ms, **(limits or {}))

        def instants(group, first_ms, last_ms):
            return slots(group.key, group.interval_ms or settings.interval_ms, first_ms - 1, last_ms)

        self.player = Player(rules, settings, self.overlay, self.engine, instants, **keywords)
        self.stretches = list(self.player.play(from_ms, until_ms))
        self.transitions = [
            (
                each.transition.at_ms,
                each.rule,
                str(each.transition.labels),
                str(each.transition.before),
                str(each.transition.after),
                repr(each.transition.value),
                each.transition.why,
            )
            for stretch in self.stretches
            for each in stretch.transitions
        ]
        self.handed_over = [
            (each.at_ms, each.rule, [repr(alert) for alert in each.alerts])
            for stretch in self.stretches
            for each in stretch.handed_over
        ]
        self.wrote = written_by(own)
        self.failing = {
            rule: (each.times, each.message, each.last_ms) for rule, each in self.player.counted.failing.items()
        }

    def series(self, name):
        """Return the (instant, value) that the rules wrote of a series, history included."""
        cells = self.wrote.items()
        return sorted((at_ms, np.frombuffer(value)[0]) for (labels, at_ms), value in cells if labels == name)


def written_by(store):
    """Return every cell of a store by series and instant, as bits."""
    found = {}
    for block in store.select((Matcher("__name__", MatchOp.REGEX, ".+"),), -(2**60), 2**60):
        absent = is_absent(block.values)
        for column, labels in enumerate(block.labels):
            for row, at_ms in enumerate(block.timestamps.tolist()):
                if not absent[row, column]:
                    found[str(labels), at_ms] = block.values[row, column].tobytes()
    return found


__all__ = ["MINUTE", "SECOND", "START", "Labels", "Played", "fill", "memory_store", "rule_set", "written_by"]

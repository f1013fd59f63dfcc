"""A storm: ten thousand alerts at once, decided in stretches, come to what they would come to one by one."""

from __future__ import annotations

import random
from concurrent.futures import Future

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.journal import MemoryJournal
from agent.model import Alert, Labels, match_all
from agent.notify import Dispatcher, FakeReceiver, load_routing, parse_matchers
from agent.notify.agenda import Agenda
from agent.notify.inhibition import Inhibitor, InhibitRule, Sources
from agent.notify.intake import SLICE, Batch
from agent.notify.triage import Triage

NOW = 1_767_600_000_000
NAMES = ("a", "b", "c")
VALUES = ("", "x", "y")
labels_of = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(VALUES), max_size=3)
side = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(("x", "y")), max_size=2)
rules_of = st.lists(st.tuples(side, side, st.sets(st.sampled_from(NAMES), max_size=2)), max_size=3)


def matchers(wanted):
    return tuple(one for name, value in wanted.items() for one in parse_matchers(f'{name}="{value}"').matchers)


def muted_slowly(rules, alerts, firing, target):
    """Ask every alert, by Alertmanager's words: a two-sided source does not mute a two-sided target."""
    for rule in rules:
        if not match_all(rule.targets, target):
            continue
        for other in alerts:
            source = firing[other] and match_all(rule.sources, other)
            same = all(other.get(name) == target.get(name) for name in rule.equal)
            two_sided = match_all(rule.targets, other) and match_all(rule.sources, target)
            if source and same and not two_sided:
                return True
    return False


@given(st.lists(labels_of, max_size=8), rules_of, st.randoms(use_true_random=False))
def test_the_index_of_sources_mutes_what_asking_every_alert_would_mute_whoever_came_and_went(found, written, chance):
    rules = [InhibitRule(matchers(source), matchers(target), tuple(equal)) for source, target, equal in written]
    alerts = list({Labels(each): None for each in found})
    sources = Sources(rules)
    for each in alerts:
        sources.add(each.fingerprint(), each)
    gone = {each for each in alerts if chance.random() < 0.3}
    for each in gone:
        sources.forget(each.fingerprint())
    back = {each for each in gone if chance.random() < 0.5}
    for each in back:
        sources.add(each.fingerprint(), each)
    known = [each for each in alerts if each not in gone or each in back]
    firing = {each: chance.random() < 0.7 for each in known}
    names = {each.fingerprint(): firing[each] for each in known}
    inhibitor = Inhibitor(sources, names.__getitem__)
    for target in known:
        found_by = inhibitor.inhibited_by(target.fingerprint())
        assert bool(found_by) is muted_slowly(rules, known, firing, target)
        assert not found_by or names[found_by]


def test_sources_that_are_all_gone_leave_nothing_behind():
    sources = Sources([InhibitRule(matchers({"a": "x"}), matchers({"b": "x"}), ("c",))])
    alerts = [Labels.of(a="x", c=str(number)) for number in range(5)]
    for each in alerts:
        sources.add(each.fingerprint(), each)
    for each in alerts:
        sources.forget(each.fingerprint())
    assert not sources._buckets
    assert not sources._roles


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.none() | st.integers(0, 20)), max_size=200))
def test_an_agenda_names_what_is_due_first_as_looking_at_all_of_it_would(said):
    agenda, slow = Agenda(), {}
    for number, (key, due) in enumerate(said):
        agenda.set(key, due, number % 3)
        slow[key] = None if due is None else (due, number % 3)
        dues = {key: due for key, due in slow.items() if due is not None}
        assert agenda.next_ms() == min((due for due, _ in dues.values()), default=None)
        first = agenda.first(10)
        assert (first is None) is all(due > 10 for due, _ in dues.values())
        assert first is None or dues[first] == min(dues.values())
        assert len(agenda) == len(dues)


def test_an_agenda_that_is_changed_a_thousand_times_stays_small():
    agenda = Agenda()
    for due in range(10_000):
        agenda.set("a", due)
    assert len(agenda._heap) < 100
    assert agenda.first(9_999) == "a"


ROUTES = """
route: {{receiver: team, group_by: [{by}], group_wait: 0s, group_interval: 5m}}
receivers: [{{name: team, webhook_configs: [{{url: "http://127.0.0.1:1/"}}]}}]
inhibit_rules: [{{source_matchers: [severity=critical], target_matchers: [severity=warning], equal: [host]}}]
"""


def storm(number: int) -> list[Alert]:
    kinds = ("critical", "warning", "info")
    return [
        Alert(Labels.of(alertname=f"A{n % 7}", host=f"h{n % 50}", i=str(n), severity=kinds[n % 3]), Labels(), NOW)
        for n in range(number)
    ]


def dispatcher(tmp_path, by: str) -> Dispatcher:
    file = tmp_path / "alertmanager.yml"
    file.write_text(ROUTES.format(by=by))
    return Dispatcher(load_routing(file, None), MemoryJournal(), {"webhook": FakeReceiver({})}, NOW)


def told(made: Dispatcher) -> set[tuple[str, frozenset[str]]]:
    return {
        (row.group_key, frozenset(alert.fingerprint for alert in row.alerts))
        for row in made.outbox.rows()
        if row.state == "pending"
    }


@pytest.mark.parametrize("by", ["", "alertname", "i"])
def test_alerts_that_come_at_once_are_told_together_however_many_stretches_that_takes(tmp_path, by):
    whole, sliced = dispatcher(tmp_path, by), dispatcher(tmp_path, by)
    whole._triage.put(storm(3 * SLICE), NOW)
    whole.flush(NOW)
    written = sliced.put(storm(3 * SLICE), NOW)
    assert not written.done()
    assert sliced.next_due() == NOW
    stretches = 0
    sliced._triage.begin(NOW)
    while sliced._triage.go_on():
        stretches += 1
    assert stretches > 2
    assert written.done()
    assert told(sliced) == told(whole)
    fired = [len(fingerprints) for _, fingerprints in told(sliced)]
    assert sum(fired) == 3 * SLICE - sum(alert.labels.get("severity") == "warning" for alert in storm(3 * SLICE))


def test_what_is_asked_of_a_storm_under_way_sees_it_finished_first(tmp_path):
    made = dispatcher(tmp_path, "alertname")
    made.put(storm(2 * SLICE), NOW)
    made._triage.begin(NOW)
    made._triage.go_on()
    assert made.acknowledge("ana", NOW, matchers=parse_matchers("alertname=A3").matchers)
    assert not made._triage.go_on()
    assert len(told(made)) == 7


def test_what_is_handed_over_during_a_storm_comes_after_what_was_due_before(tmp_path):
    made = dispatcher(tmp_path, "alertname")
    made.put(storm(2 * SLICE), NOW)
    made._triage.begin(NOW + 10)
    made._triage.go_on()
    later = Alert(Labels.of(alertname="A0", host="other", i="later", severity="info"), Labels(), NOW + 5)
    made.put([later], NOW + 5)
    while made._triage.go_on():
        pass
    assert all(later.fingerprint not in fingerprints for _, fingerprints in told(made))
    assert later.fingerprint in {each.alert.fingerprint for each in made.view(NOW + 10).alerts()}


def test_a_batch_is_written_when_its_last_slice_is_and_says_what_failed_on_the_way():
    batch = Batch(storm(2 * SLICE), NOW)
    first, second = Future(), Future()
    batch.take()
    batch.kept(first)
    batch.take()
    batch.kept(second)
    first.set_exception(OSError("the disk is full"))
    assert not batch.written.done()
    second.set_result(None)
    assert isinstance(batch.written.exception(), OSError)


def test_an_alert_that_only_goes_on_firing_is_not_written_down_again(tmp_path):
    made = dispatcher(tmp_path, "alertname")
    made.put(storm(5), NOW)
    before = made._triage._journal.records("notify.alert")
    again = [Alert(each.labels, each.annotations, NOW, value=7.0) for each in storm(5)]
    made.put(again, NOW + 60_000)
    assert made._triage._journal.records("notify.alert") == before
    changed = Alert(again[0].labels, Labels.of(summary="worse"), NOW)
    made.put([changed], NOW + 61_000)
    after = made._triage._journal.records("notify.alert")
    assert [key for key in after if after[key] != before[key]] == [changed.fingerprint]


def test_a_flush_that_says_nothing_new_writes_no_group_down(tmp_path):
    made = dispatcher(tmp_path, "alertname")
    made.put([Alert(each.labels, each.annotations, NOW, NOW + 10**9) for each in storm(50)], NOW)
    made.flush(NOW)
    triage: Triage = made._triage
    made.flush(NOW + 300_000)  # it says once that there is nothing new
    before = triage._journal.records("notify.group")
    assert made.flush(NOW + 600_000) == []
    assert triage._journal.records("notify.group") == before
    assert triage.next_due() == NOW + 900_000


def test_groups_due_at_one_instant_are_flushed_in_the_order_in_which_they_were_made(tmp_path):
    made = dispatcher(tmp_path, "i")
    alerts = storm(60)
    random.Random(3).shuffle(alerts)
    made.put(alerts, NOW)
    decisions = made.flush(NOW)
    flushed = list(dict.fromkeys(each.fingerprints[0] for each in decisions))
    assert flushed == [each.fingerprint for each in alerts]

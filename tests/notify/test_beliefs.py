"""Whatever happens on the way, in the end nobody believes that something burns which is out, or is out which burns."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.errors import Rejected, RetryLater
from agent.notify import Reason, RowState, parse_matchers
from tests.notify.story import ESCALATION, Story, alert

ROUTES = """
route:
  receiver: team
  group_by: [alertname]
  group_wait: 3s
  group_interval: 10s
  repeat_interval: 90s
  routes:
    - {receiver: pager, matchers: [severity=critical], continue: true}
    - {receiver: team, matchers: ['i=~"[12]"'], group_by: [i]}
receivers: [{name: team}, {name: pager}, {name: mail}]
inhibit_rules:
  - {source_matchers: [alertname=A, i=0], target_matchers: [alertname=B], equal: []}
"""
OTHER = ROUTES.replace("group_by: [i]", "group_by: ['...']").replace("[severity=critical]", "[severity=critical, i=0]")
PLAN = """
receivers:
  team: {notify: [{slack: '#alerts'}, {person: ana, by: [email]}], on_failure: mail}
  pager:
    notify: [{team: search, by: [sms]}, {slack: '#alerts'}]
    escalate: [{after: 20s, notify: [{person: chris, by: [sms]}]}, {after: 50s, notify: [{person: bob, by: [sms, email]}]}]
    on_failure: mail
  mail: {notify: [{person: bob, by: [email]}]}
"""
FIRST_TOLD = {"slack:#alerts", "email:ana@example.org", "sms:+33600000001"}
"""Whom the routes name; those of escalation and on_failure need not know of every fire."""
ALERTS = [
    alert(name, i=str(number), severity=severity, ends=10**6)
    for name in ("A", "B")
    for number, severity in enumerate(("critical", "warning"))
]
WAIT = st.sampled_from([0, 1, 4, 11, 30, 65, 100])
NUMBER = st.sampled_from([0, 0, 0, 1, 2, 3])
FIRE = st.tuples(st.just("fire"), NUMBER)
END = st.tuples(st.just("end"), NUMBER)
TROUBLE = st.one_of(
    st.tuples(st.just("silence"), st.sampled_from(["alertname=A", "i=~.+"])),
    st.tuples(st.just("break"), st.sampled_from(["slack", "sms", "email"])),
    st.tuples(st.just("reload"), st.sampled_from([ROUTES, OTHER])),
    st.tuples(st.just("ack"), NUMBER),
    st.tuples(st.just("refuse"), st.sampled_from(["slack", "sms"])),
    st.tuples(st.just("restart"), st.just("")),
    st.tuples(st.just("speak"), st.just("")),
    st.tuples(st.just("mend"), st.just("")),
)
ACT = st.tuples(st.one_of(FIRE, END, TROUBLE), WAIT)
ROUND = st.tuples(st.tuples(FIRE, WAIT), st.tuples(TROUBLE, WAIT), st.tuples(END, WAIT), ACT, ACT)
"""Something burns, something goes wrong, it ends, and more: the order in which mistakes are made."""


def play(tale: Story, step: tuple[str, object]) -> None:
    what, value = step
    match what:
        case "fire":
            tale.push(ALERTS[value])
        case "end":
            tale.resolve(ALERTS[value])
        case "silence":
            now_ms = tale.now_ms
            matchers = parse_matchers(value).matchers
            tale.dispatcher.silences.create(matchers, now_ms, now_ms + 10**9, "x", "", now_ms)
        case "speak":
            for each in tale.dispatcher.silences.active(tale.now_ms):
                tale.dispatcher.silences.expire(each.id, tale.now_ms)
        case "break":
            tale.providers[value].fail_always(RetryLater("down"))
        case "refuse":
            tale.providers[value].fail_always(Rejected("no"))
        case "mend":
            for provider in tale.providers.values():
                provider.fail_always(None)
        case "ack":
            tale.ack("ana", fingerprint=ALERTS[value].fingerprint)
        case "reload":
            tale.reload(value, ESCALATION + PLAN)
        case "restart":
            tale.restart()


def beliefs(tale: Story) -> dict[str, dict[str, str]]:
    """What each target was last told of each alert."""
    found: dict[str, dict[str, str]] = {}
    for each in tale.sent:
        mine = found.setdefault(each.target, {})
        mine.update({one.fingerprint: "fires" for one in each.message.firing})
        mine.update({one.fingerprint: "over" for one in each.message.resolved})
    return found


def spared(tale: Story, target: str, fingerprint: str) -> bool:
    """Say whether a phone was spared an end that was held back, since others were told of it without ringing."""
    said = tale.written().history(fingerprint)
    return any(each["reason"] == Reason.RINGS_NOBODY and each["detail"] == target for each in said)


def left_alone(tale: Story, target: str, fingerprint: str) -> bool:
    """Say whether a phone did not ring for a fire since somebody had taken it over before it could."""
    said = tale.written().history(fingerprint)
    return any(each.get("target") == target and "acknowledged it before" in each["detail"] for each in said)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(ROUND, min_size=1, max_size=5), st.booleans())
def test_in_the_end_everybody_believes_what_is_true(rounds, all_out):
    with tempfile.TemporaryDirectory() as folder:
        tale = Story(Path(folder), ROUTES, ESCALATION + PLAN, str(Path(folder, "burnline.db")))
        try:
            steps = [each for one in rounds for each in one]
            for step, wait in [*steps, (("mend", ""), 0), (("speak", ""), 0)]:
                play(tale, step)
                tale.at(tale.now + wait)
            burning = set()
            if all_out:
                tale.resolve(*ALERTS)
            else:
                burning = {each.alert.fingerprint for each in tale.dispatcher.view(tale.now_ms).alerts()}
            tale.at(tale.now + 400)
            held = {each.alert.fingerprint for each in tale.dispatcher.view(tale.now_ms).alerts() if each.inhibited_by}
            found = beliefs(tale)
            refused = {row.target.key for row in tale.dispatcher.outbox.rows() if row.state is RowState.FAILED}
            for target, states in found.items():
                if target in refused:  # its provider would not take a message; on_failure was told instead
                    continue
                for fingerprint, state in states.items():
                    if fingerprint not in burning:
                        assert state == "over" or spared(tale, target, fingerprint), (target, tale.sent)
                    elif fingerprint not in held and target in FIRST_TOLD:
                        assert state == "fires" or left_alone(tale, target, fingerprint), (target, tale.sent)
            for fingerprint in burning - held:
                assert any(states.get(fingerprint) == "fires" for states in found.values()), (fingerprint, tale.sent)
            assert tale.dispatcher.outbox.pending() == []
        finally:
            tale.close()

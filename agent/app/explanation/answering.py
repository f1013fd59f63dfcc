"""From a question to its answer: one account, a list of the alerts that were meant, or why there is none."""

from __future__ import annotations

from agent import rules
from agent.app.explanation.causes import causes_of, headline
from agent.app.explanation.chain import RuleNow, chain_of
from agent.app.explanation.coming import coming_of
from agent.app.explanation.evidence import Evidence, Live
from agent.app.explanation.facts import Facts, Found, gather
from agent.app.explanation.finding import find
from agent.app.explanation.unknown import unknown
from agent.app.expressions import condition_of
from agent.web.explaining import Account, Brief, Explanation, Question

_MOST_LISTED = 50


def explain(evidence: Evidence, question: Question) -> Explanation:
    """Return the answer. It reads the journal and may evaluate expressions: call it in a thread."""
    found = find(evidence, question)
    past, at_ms = question.at_ms is not None, evidence.at_ms if question.at_ms is None else question.at_ms
    if not found:
        return Explanation(at_ms, unknown=unknown(evidence, question), notes=evidence.notes, past=past)
    if len(found) > 1 and not (question.id and "-" in question.id):
        briefs = [_brief(evidence, each, question) for each in found[:_MOST_LISTED]]
        notes = evidence.notes
        if len(found) > len(briefs):
            notes += (f"{len(found) - len(briefs)} more are left out; say more of the labels",)
        return Explanation(at_ms, several=tuple(briefs), notes=notes, past=past)
    notes = evidence.notes
    if len(found) > 1:
        notes += (f"this message is about {len(found)} alerts; the first is explained",)
    facts = gather(evidence, found[0], at_ms=question.at_ms, since_ms=question.since_ms)
    return Explanation(at_ms, account=account(facts), notes=notes, past=past)


def account(facts: Facts) -> Account:
    """Return all that is known of an alert."""
    rule, fires_ms = _rule_now(facts)
    causes = causes_of(facts, fires_ms)
    return Account(
        fingerprint=facts.labels.fingerprint(),
        sent_as=facts.found.sent.fingerprint(),
        labels=facts.labels,
        sent_labels=facts.found.sent,
        state=facts.state,
        since_ms=facts.since_ms,
        headline=headline(facts, causes),
        causes=causes,
        chain=chain_of(facts, rule),
        messages=tuple(each for each in facts.messages if each.at_ms >= facts.from_ms),
        coming=coming_of(facts, fires_ms),
        message=facts.found.message,
    )


def _brief(evidence: Evidence, found: Found, question: Question) -> Brief:
    facts = gather(evidence, found, at_ms=question.at_ms, since_ms=question.since_ms)
    return Brief(
        facts.labels.fingerprint(), facts.labels, facts.state, facts.since_ms, headline(facts, causes_of(facts))
    )


def _rule_now(facts: Facts) -> tuple[RuleNow | None, int]:
    """Return what a running agent says of the alert's rule, and when the alert fires where it is pending."""
    live = facts.evidence.live
    rule = _rule_of(live, facts) if live and not facts.past else None
    if live is None or rule is None:
        return None, 0
    alert = next((each for each in rule.alerts if each.labels == facts.labels), None)
    known = alert is not None and alert.no_data_since_ms is None
    value = alert.value if alert and known else _value(live, rules.recovery_of(rule.expression), facts)
    error = rule.last_error or (alert.no_data_why if alert and not known else "")
    now = RuleNow(
        rule.expression,
        condition_of(rule.expression),
        rule.for_ms,
        value,
        error,
        tuple(live.targets(rule.expression, facts.labels)),
    )
    return now, alert.active_at_ms + rule.for_ms if alert and facts.state == "pending" else 0


def _rule_of(live: Live, facts: Facts) -> rules.RuleStatus | None:
    """Return the rule that gives the alert: the one that has it now, else the one of its last change."""
    last = facts.changes[-1] if facts.changes else None
    by_name = None
    for group in live.rules():
        for rule in group.rules:
            if any(each.labels == facts.labels for each in rule.alerts):
                return rule
            if last and (group.key.file, group.key.name, rule.name) == (last.file, last.group, last.rule):
                by_name = by_name or (rule if rule.is_alert else None)
    return by_name


def _value(live: Live, operand: str, facts: Facts) -> float | None:
    """Return what the operand gives for the series whose labels contradict none of the alert's."""
    own = dict(facts.labels.pairs)
    for labels, value in live.values(operand) if operand else ():
        if all(own.get(name, each) == each for name, each in labels.pairs if name != "__name__"):
            return value
    return None

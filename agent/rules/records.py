"""How alerts are written to the journal and read back: the whole state, so that a restart changes nothing.

Values go as text, because JSON knows no NaN and no infinity. A record that cannot be read is skipped and said.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import structlog

from agent.journal import Append, Delete, Put
from agent.model import Labels, format_float, parse_float
from agent.rules.spec import Group, GroupKey, static_labels
from agent.rules.states import ActiveAlert, State, Transition

ALERT_KIND: Final = "rules.alert"
"""Records: one per alert that is pending, firing or lately resolved."""
GROUP_KIND: Final = "rules.group"
"""Records: when each group that has pending alerts was last evaluated."""
TRANSITION_KIND: Final = "rules.transition"
"""Events: every change of an alert's state; the subject is the alert's fingerprint."""

_log = structlog.get_logger()


class RuleKey(NamedTuple):
    """The identity of an alerting rule over edits of its file; `ordinal` tells apart rules that are equal in all else."""

    file: str
    group: str
    name: str
    labels: str
    ordinal: int

    @property
    def key(self) -> GroupKey:
        """The rule's group."""
        return GroupKey(self.file, self.group)


def rule_keys(group: Group) -> list[RuleKey]:
    """Return the identities of a group's rules, in their order."""
    counts: dict[tuple[bool, str, str], int] = {}
    keys = []
    for rule in group.rules:
        labels = str(static_labels(group, rule))
        like = (rule.is_alert, rule.name, labels)
        counts[like] = ordinal = counts.get(like, -1) + 1
        keys.append(RuleKey(group.file, str(group.name), rule.name, labels, ordinal))
    return keys


def _record_key(rule: RuleKey, labels: Labels) -> str:
    text = "\xff".join((*(str(part) for part in rule), str(labels)))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def put_alert(rule: RuleKey, alert: ActiveAlert) -> Put:
    """Return the write that keeps an alert."""
    value = {
        "rule": list(rule),
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "value": format_float(alert.value),
        "state": str(alert.state),
        "active_at_ms": alert.active_at_ms,
        "fired_at_ms": alert.fired_at_ms,
        "resolved_at_ms": alert.resolved_at_ms,
        "keep_firing_since_ms": alert.keep_firing_since_ms,
        "last_sent_at_ms": alert.last_sent_at_ms,
        "recovered": None if alert.recovered is None else format_float(alert.recovered),
        "no_data_since_ms": alert.no_data_since_ms,
        "no_data_why": alert.no_data_why,
    }
    return Put(ALERT_KIND, _record_key(rule, alert.labels), value)


def delete_alert(rule: RuleKey, labels: Labels) -> Delete:
    """Return the write that forgets an alert."""
    return Delete(ALERT_KIND, _record_key(rule, labels))


def read_alert(key: str, record: Any) -> tuple[RuleKey, ActiveAlert] | None:
    """Return what `put_alert` wrote, None (and a line in the log) where it is not that."""
    try:
        file, group, name, labels, ordinal = record["rule"]
        recovered = record["recovered"]
        return RuleKey(file, group, name, labels, ordinal), ActiveAlert(
            labels=Labels(record["labels"]),
            annotations=Labels(record["annotations"]),
            value=parse_float(record["value"]),
            state=State(record["state"]),
            active_at_ms=record["active_at_ms"],
            fired_at_ms=record["fired_at_ms"],
            resolved_at_ms=record["resolved_at_ms"],
            keep_firing_since_ms=record["keep_firing_since_ms"],
            last_sent_at_ms=record["last_sent_at_ms"],
            recovered=None if recovered is None else parse_float(recovered),
            no_data_since_ms=record.get("no_data_since_ms"),
            no_data_why=record.get("no_data_why", ""),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        _log.warning("an alert in the journal cannot be read and is forgotten", key=key, error=repr(error))
        return None


def put_group(key: GroupKey, at_ms: int) -> Put:
    """Return the write that keeps when a group was last evaluated."""
    return Put(GROUP_KIND, str(key), {"evaluated_at_ms": at_ms})


def read_groups(records: Mapping[str, Any]) -> dict[str, int]:
    """Return what `put_group` wrote: the last evaluation (ms) by the group's key as text."""
    found = {}
    for key, record in records.items():
        at_ms = record.get("evaluated_at_ms") if isinstance(record, dict) else None
        if isinstance(at_ms, int):
            found[key] = at_ms
    return found


def append_transition(rule: RuleKey, transition: Transition) -> Append:
    """Return the event of a change."""
    value = {
        "file": rule.file,
        "group": rule.group,
        "rule": rule.name,
        "labels": dict(transition.labels),
        "from": str(transition.before),
        "to": str(transition.after),
        "value": None if transition.value is None else format_float(transition.value),
        "why": transition.why,
    }
    return Append(TRANSITION_KIND, transition.labels.fingerprint(), transition.at_ms, value)

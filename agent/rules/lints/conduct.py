"""How an alert behaves towards people: what its message lacks, labels that move, a route that leads nowhere."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import Final

from agent.model import format_duration
from agent.rules.lints.findings import Remark
from agent.rules.lints.subject import Subject

_VALUE: Final = re.compile(r"\{\{[^}]*(?:\$value|\.Value)\b")
_PRINTED: Final = re.compile(r"\$labels\.([a-zA-Z_]\w*)|index\s+\$labels\s+[\"`]([^\"`]+)[\"`]")
_TESTED: Final = re.compile(r"\{\{-?\s*(?:if|with|else if|else with)\b[^}]*?\$labels\.([a-zA-Z_]\w*)")
_SCHEME: Final = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*):(?!\d)")
_SEVERITIES: Final = (
    *("critical", "warning", "info", "none", "page", "ticket", "error", "notice", "debug", "emergency", "alert"),
    *("high", "medium", "low", "major", "minor", "warn", "crit", "informational", "disaster", "average", "urgent"),
)
"""What severities are called in the field; another one is odd only where it is nearly one of these."""
_NEAR: Final = 0.8


def missing(subject: Subject) -> Iterator[Remark]:
    """Find what whoever is told would miss."""
    rule = subject.rule
    if not subject.labels.get("severity"):
        yield Remark(rule.place, "no-severity", 'the alert has no label "severity", so no route can go by it')
    if not rule.annotations.get("summary"):
        yield Remark(
            rule.place, "no-summary", 'the alert has no annotation "summary", so its message has no first line'
        )
    if not rule.annotations.get("runbook_url"):
        why = "so whoever is woken is not told what to do"
        yield Remark(rule.place, "no-runbook", f'the alert has no annotation "runbook_url", {why}')


def runbook_scheme(subject: Subject) -> Iterator[Remark]:
    """Find a runbook whose address no browser, or none that is careful, opens from a message."""
    url = subject.rule.annotations.get("runbook_url")
    scheme = _SCHEME.match(url.strip()) if url else None
    if url and scheme and scheme[1].lower() not in ("http", "https"):
        message = f"the runbook is no web page but {scheme[1]}:, so messages and pages do not link to it"
        yield Remark(url.place, "runbook-scheme", message)


def runbook_file(subject: Subject) -> Iterator[Remark]:
    """Find a runbook that is to be a file beside the rules and is none."""
    url = subject.rule.annotations.get("runbook_url")
    path = url.partition("#")[0] if url else ""
    if not url or not path or "{{" in url or ":" in path or path.startswith("/") or subject.setting.missing is None:
        return
    if subject.setting.missing(subject.group.file, path):
        yield Remark(url.place, "runbook-missing", f"the runbook {path} is no file, neither beside the rules nor here")


def severity(subject: Subject) -> Iterator[Remark]:
    """Find a severity that looks like a slip of one that is asked for."""
    given = subject.labels.get("severity", "")
    asked = tuple(subject.setting.routes.severities) if subject.setting.routes else ()
    if not given or "{{" in given or given in (asked or _SEVERITIES):
        return
    near = next((each for each in asked if len(given) > 2 and each.startswith(given)), "")
    if not near and given not in _SEVERITIES:
        near = next(iter(difflib.get_close_matches(given, asked or _SEVERITIES, n=1, cutoff=_NEAR)), "")
    if near:
        place = {**subject.group.labels, **subject.rule.labels}["severity"].place
        whose = "no route asks for" if asked else "nobody is likely to ask for"
        yield Remark(place, "severity-unknown", f'{whose} the severity "{given}"', near)


def labels(subject: Subject) -> Iterator[Remark]:
    """Find labels that move with the value or say nothing."""
    for name, value in subject.rule.labels.items():
        if "{{" in value and _VALUE.search(value):
            message = f'label "{name}" depends on the value: each new value is a new alert, and `for` begins again'
            yield Remark(value.place, "value-in-label", f"{message}; use an annotation")
        if name == "alertname":
            message = "the label alertname is always the rule's name; this value is ignored"
            yield Remark(value.place, "alertname-label", message)


def short_for(subject: Subject) -> Iterator[Remark]:
    """Find a `for` that cannot be told from one interval."""
    held, interval = subject.rule.for_ms, subject.setting.interval_ms(subject.group)
    if held and held < interval:
        message = f"`for` {format_duration(held)} is shorter than the evaluation interval {format_duration(interval)}"
        yield Remark(subject.rule.place, "short-for", f"{message}; it acts like {format_duration(interval)}")


def dropped_labels(subject: Subject) -> Iterator[Remark]:
    """Find templates that print a label which the expression has dropped."""
    shape = subject.shape
    if shape.may is None and not shape.gone:
        return
    for text in (*subject.rule.annotations.values(), *subject.rule.labels.values()):
        if "$labels" not in text:
            continue
        tested = set(_TESTED.findall(text))
        for match in _PRINTED.finditer(text):
            name = match[1] or match[2]
            if name == "__name__" or name in tested or not shape.lacks(name):
                continue
            before = text[: match.start()]
            place = text.locate(before.count("\n") + 1, match.start() - before.rfind("\n"))
            kept = ", ".join(sorted(shape.may)) if shape.may else ""
            what = f"it keeps {kept}" if kept else "it has no labels" if shape.may is not None else "it drops this one"
            yield Remark(
                place, "dropped-label", f'the expression gives no label "{name}" ({what}); this prints nothing'
            )


def routed_nowhere(subject: Subject) -> Iterator[Remark]:
    """Find alerts that whatever route they take reach only receivers that send nothing."""
    routes = subject.setting.routes
    if routes is None:
        return
    known = {name: value for name, value in subject.labels.items() if "{{" not in value}
    known = {**subject.shape.fixed, **known, "alertname": subject.rule.name}
    templated = {name for name, value in subject.labels.items() if "{{" in value}
    known = {name: value for name, value in known.items() if name not in templated}
    where = routes.nowhere(known, lambda name: name not in templated and subject.shape.lacks(name))
    if where:
        message = f"its alerts reach only the receiver {where}, which sends nothing; nobody is told"
        yield Remark(subject.rule.place, "routed-nowhere", message)

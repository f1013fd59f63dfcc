"""What a check says of a rule: a finding with a place, a code by which it can be chosen or silenced, and words.

The codes themselves are data, one row each; docs/checks.md is tested against them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from agent.schema import Place


class Severity(StrEnum):
    """How much a finding counts: an error refuses the file, a warning is a lint, an info changes no exit code."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Code:
    """A kind of finding: what it finds, and why that is bad or what to do."""

    name: str
    finds: str
    advice: str
    severity: Severity = Severity.WARNING


_ROWS: Final = (
    Code("error", "what refuses the file", "the agent and Prometheus would refuse it too", Severity.ERROR),
    Code("routing", "a route or receiver that is accepted and odd", "read what it says"),
    Code(
        "slo",
        "something in an SLO file that is accepted and has no effect, or not the one it seems to have",
        "read what it says",
    ),
    Code(
        "slo-twice",
        "an SLO of `slo_files` whose compiled rules stand in `rule_files` too",
        "its series would have two writers; take it out of one of them",
    ),
    Code("tests", "a test that proves nothing, or less than it seems to", "read what it says"),
    Code("nothing", "a file or glob that holds no rules", "correct the path, or delete it"),
    Code("note", "something to know", "nothing is wrong", Severity.INFO),
    Code("no-severity", "an alert without the label `severity`", "routes go by it"),
    Code("no-summary", "an alert without the annotation `summary`", "it is the first line of the message"),
    Code("no-runbook", "an alert without the annotation `runbook_url`", "say what to do to whoever is woken"),
    Code("runbook-missing", "a relative `runbook_url` that names no file", "create it, or correct the path"),
    Code(
        "runbook-scheme", "a `runbook_url` that is no http or https address", "nobody can follow it; write a web page's"
    ),
    Code(
        "severity-unknown", "a severity that nothing asks for, close to one that is asked for", "correct the spelling"
    ),
    Code(
        "value-in-label", "a label that depends on the value", "each value is a new alert, `for` never ends; annotate"
    ),
    Code("alertname-label", "a label `alertname`", "it is always the rule's name; the label is ignored"),
    Code("utf8-name", "a name that is not of letters, digits and underscores", "Prometheus 2 refuses the file"),
    Code("short-for", "a `for` shorter than the evaluation interval", "it acts like one interval; write that"),
    Code(
        "short-range",
        "a rate over fewer than four scrapes, or any range of less than one",
        "a failed scrape leaves a gap; widen it",
    ),
    Code(
        "beyond-retention",
        "a range or offset that reaches further back than samples are kept",
        "the rest counts as nothing; keep samples longer, or record and add up",
    ),
    Code(
        "rate-on-gauge",
        "rate(), irate() or increase() of a gauge",
        "each fall counts as a restart; use deriv() or delta()",
    ),
    Code("rate-of-sum", "rate() of a sum of counters", "one restart looks like a jump of all; sum the rates"),
    Code(
        "raw-counter",
        "a counter compared, divided or averaged without rate()",
        "it only grows until a restart; use rate()",
    ),
    Code("quantile-range", "a quantile outside 0 to 1", "the result is infinite; write 0.95 for 95 %"),
    Code("no-le", "histogram_quantile() of buckets without `le`", "it gives nothing; keep `le` in the aggregation"),
    Code(
        "contradiction", "label matchers that contradict each other", "the selector finds nothing; correct one of them"
    ),
    Code("never-matches", "a comparison that can never be true", "the rule is silent for ever; correct the number"),
    Code("join-never", "two sides whose labels can never be equal", "use on(), ignoring() or the same aggregation"),
    Code(
        "dropped-label", "a template that prints a label that the expression drops", "it prints nothing; keep the label"
    ),
    Code("template-fails", "a template that fails for every alert", "the message would show the error; correct it"),
    Code("duplicate", "the same rule twice", "delete one"),
    Code("same-condition", "two alerts with the same condition, `for` and labels", "both fire together; keep one"),
    Code("routed-nowhere", "an alert that every route hands to a receiver that sends nothing", "route it to somebody"),
    Code("unknown-code", "a comment that silences a code that there is not", "correct the spelling"),
    Code("live-no-metric", "a metric that the server has never seen", "the rule sees nothing; correct the name"),
    Code("live-no-value", "a label value that the server has never seen, near one that it has", "correct the value"),
    Code("live-no-label", "a label that no series of the metric has", "correct the label's name"),
    Code(
        "live-no-join", "two sides that have series of which none meet", "compare their labels; use on() or ignoring()"
    ),
    Code(
        "live-no-series",
        "a selector that matches no series now",
        "it may be right: nothing happened yet",
        Severity.INFO,
    ),
    Code("live-fires", "an alert whose condition is true now", "it would be pending or firing", Severity.INFO),
    Code("live-failed", "an expression that the server cannot evaluate", "read its reason"),
)
CODES: Final[Mapping[str, Code]] = {code.name: code for code in _ROWS}


@dataclass(frozen=True, slots=True)
class Finding:
    """A remark on a rule. `suggestion` is what to write instead, where that is known."""

    place: Place
    group: str
    rule: str
    code: str
    message: str
    suggestion: str = ""
    rule_line: int = 0
    """Where the rule begins, for comments that accept the finding."""

    @property
    def severity(self) -> Severity:
        """How much it counts."""
        code = CODES.get(self.code)
        return code.severity if code else Severity.WARNING

    def __str__(self) -> str:
        near = f'; did you mean "{self.suggestion}"?' if self.suggestion else ""
        return f'{self.place}: group "{self.group}", rule "{self.rule}": {self.message}{near} ({self.code})'


@dataclass(frozen=True, slots=True)
class Remark:
    """A finding before it is known in which group and rule it stands."""

    place: Place
    code: str
    message: str
    suggestion: str = ""

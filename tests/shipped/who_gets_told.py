"""Make docs/who-gets-told.md from the shipped files, asking the real amtool which receivers each alert reaches.

`python -m tests.shipped.who_gets_told > docs/who-gets-told.md` writes it; a test holds the committed page against this.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from agent.notify import parse_matcher
from agent.slo import Setting, compile_slos, load_slos

ROOT = Path(__file__).resolve().parents[2]
ORDER = ("critical", "warning", "info", "none")
CHANNELS = {"email": "email", "slack": "Slack", "sms": "SMS"}
OWN = {
    "HeartbeatStopped": {"labels": {"severity": "critical"}},
    **{
        name: {"labels": {"severity": "warning"}}
        for name in ("DrillFailed", "HeartbeatFailed", "HeartbeatMissing", "HeartbeatNotSent", "ReloadFailed")
    },
    **{name: {"labels": {"severity": "warning", "burnline_slo": "rag-…"}} for name in ("SLOInvalid", "SLONoData")},
}
"""Alerts that the agent raises about itself; no rule file has them."""
HEAD = """# Who gets told

Each shipped alert, those of the shipped objectives, and those that the agent raises by itself (`ReloadFailed`, `SLONoData`, those
about heartbeats and drills): whom it reaches by `alertmanager/alertmanager.yml` and `alertmanager/escalation.yml`, and what holds
it back. A test makes this page anew from those files and from what Alertmanager's own `amtool` says of the routes, and compares.

"On call" is whoever has the week in the team's rotation, "next" whoever has it after them; `#rag-alerts` and the mailing
list are the whole team's. A channel without an account is disabled: its messages go to the receiver's `on_failure`, in the
end to the log. The page and the ticket of an objective are one incident: when one takes the other's place, whoever was told
hears that it became more or less severe.

"""
Row = tuple[str, Mapping[str, str]]
"""What an alert is called here, and its labels."""


def page(
    alerts: Mapping[str, Mapping[str, Any]], routed: Callable[[Mapping[str, str]], list[str]], root: Path = ROOT
) -> str:
    """Return the page's text."""
    escalation = _read(root / "alertmanager" / "escalation.yml")
    plans, policies = escalation["receivers"], escalation["policies"]
    rules = _read(root / "alertmanager" / "alertmanager.yml")["inhibit_rules"]
    lines = [
        "| alert | severity | told first | then, until somebody acknowledges | silent while |",
        "|---|---|---|---|---|",
    ]
    rows = sorted(_rows(alerts, root), key=lambda each: (ORDER.index(each[1]["severity"]), each[0]))
    for name, labels in rows:
        severity = labels["severity"]
        reached = [plans.get(receiver, {}) for receiver in routed(labels)]
        ways = policies.get(severity, {})
        first = _joined([entry for plan in reached for entry in plan.get("notify", ())], severity, ways) or "nobody"
        steps = [
            (step["after"], _joined(step["notify"], severity, ways))
            for plan in reached
            for step in plan.get("escalate", ())
        ]
        later = "; ".join(f"after {after}: {whom}" for after, whom in steps if whom)
        pages = f"{labels['alertname']} (page)" in dict(rows)
        held = " or ".join(sorted(filter(None, (_source(rule, pages) for rule in rules if _holds(rule, labels)))))
        lines.append(f"| {name} | {severity} | {first} | {later or '–'} | {f'{held} fires' if held else '–'} |")
    return HEAD + "\n".join(lines) + "\n"


def objectives(root: Path = ROOT) -> list[Row]:
    """Return the alerts of the shipped objectives, a page and a ticket of one name each."""
    compiled = compile_slos(load_slos(["rules/slos/*.yml"], root).slos, Setting(recordings=False))
    return [
        (f"{rule.name} ({rule.labels['sloth_severity']})", {"alertname": rule.name, **rule.labels})
        for each in compiled
        for group in each.alerts
        for rule in group.rules
    ]


def _rows(alerts: Mapping[str, Mapping[str, Any]], root: Path) -> list[Row]:
    own = [(name, {"alertname": name, **rule["labels"]}) for name, rule in {**alerts, **OWN}.items()]
    return [*own, *objectives(root)]


def _read(path: Path) -> Any:
    # The variables of escalation.yml stand in quotes, except one, which is read as text here.
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _holds(rule: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    return all(parse_matcher(text).matchers[0].matches_labels(labels) for text in rule["target_matchers"])


def _source(rule: Mapping[str, Any], pages: bool) -> str:
    """Say which alert mutes: the name that its matchers ask for, or the objective's own page if it `pages`."""
    asked = {each.name: each.value for text in rule["source_matchers"] for each in parse_matcher(text).matchers}
    if "alertname" in asked:
        return asked["alertname"] + (" (page)" if "sloth_severity" in asked else "")
    return "its page" if pages else ""


def _joined(entries: list[Mapping[str, Any]], severity: str, ways: Mapping[str, Any]) -> str:
    return ", ".join(
        _words(entry, ways) + (" in working hours" if "hours" in entry else "")
        for entry in entries
        if severity in entry.get("severities", (severity,))
    )


def _words(entry: Mapping[str, Any], ways: Mapping[str, Any]) -> str:
    if entry.get("log"):
        return "the log"
    if "slack" in entry:
        return f"`{entry['slack']}` by Slack"
    if "email" in entry:
        return "the mailing list by email"
    team = "whoever is next" if entry.get("on_call") == "next" else "on call"
    who = team if "team" in entry else str(entry["person"])
    by = entry.get("by") or [*ways["by"], *ways.get("in_hours", ())]
    return f"{who} by {' + '.join(CHANNELS[channel] for channel in by)}"


def _amtool(labels: Mapping[str, str]) -> list[str]:
    amtool = shutil.which("amtool") or sys.exit(
        "amtool is not installed; the Debian package prometheus-alertmanager has it"
    )
    file = ROOT / "alertmanager" / "alertmanager.yml"
    pairs = [f"{name}={value}" for name, value in labels.items()]
    command = [amtool, "config", "routes", "test", f"--config.file={file}", *pairs]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip().split(",")


def _shipped_alerts() -> dict[str, Mapping[str, Any]]:
    groups = [group for path in (ROOT / "rules").glob("*.yml") for group in _read(path)["groups"]]
    return {rule["alert"]: rule for group in groups for rule in group["rules"] if "alert" in rule}


if __name__ == "__main__":
    sys.stdout.write(page(_shipped_alerts(), _amtool))

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

ROOT = Path(__file__).resolve().parents[2]
ORDER = ("critical", "warning", "info", "none")
CHANNELS = {"email": "email", "slack": "Slack", "sms": "SMS"}
OWN = {
    "HeartbeatStopped": {"labels": {"severity": "critical"}},
    **{
        name: {"labels": {"severity": "warning"}}
        for name in ("DrillFailed", "HeartbeatFailed", "HeartbeatMissing", "HeartbeatNotSent", "ReloadFailed")
    },
}
"""Alerts that the agent raises about itself; no rule file has them."""
HEAD = """# Who gets told

Each shipped alert, and those that the agent raises by itself (`ReloadFailed`, those about heartbeats and drills): whom it reaches
by `alertmanager/alertmanager.yml` and `alertmanager/escalation.yml`, and what holds it back. A test makes this page anew from
those files and from what Alertmanager's own `amtool` says of the routes, and compares.

"On call" is whoever has the week in the team's rotation, "next" whoever has it after them; `#rag-alerts` and the mailing
list are the whole team's. A channel without an account is disabled: its messages go to the receiver's `on_failure`, in the
end to the log.

"""


def page(
    alerts: Mapping[str, Mapping[str, Any]], routed: Callable[[Mapping[str, str]], list[str]], root: Path = ROOT
) -> str:
    """Return the page's text."""
    alerts = {**alerts, **OWN}
    escalation = _read(root / "alertmanager" / "escalation.yml")
    plans, policies = escalation["receivers"], escalation["policies"]
    rules = _read(root / "alertmanager" / "alertmanager.yml")["inhibit_rules"]
    lines = [
        "| alert | severity | told first | then, until somebody acknowledges | silent while |",
        "|---|---|---|---|---|",
    ]
    for name in sorted(alerts, key=lambda each: (ORDER.index(alerts[each]["labels"]["severity"]), each)):
        labels = alerts[name]["labels"]
        reached = [plans.get(receiver, {}) for receiver in routed({"alertname": name, **labels})]
        ways = policies.get(labels["severity"], {})
        first = _joined([entry for plan in reached for entry in plan.get("notify", ())], ways) or "nobody"
        later = "; ".join(
            f"after {step['after']}: {_joined(step['notify'], ways)}"
            for plan in reached
            for step in plan.get("escalate", ())
        )
        held = " or ".join(sorted(rule["source_matchers"][0].split('"')[1] for rule in rules if name in _targets(rule)))
        lines.append(
            f"| {name} | {labels['severity']} | {first} | {later or '–'} | {f'{held} fires' if held else '–'} |"
        )
    return HEAD + "\n".join(lines) + "\n"


def _read(path: Path) -> Any:
    # The variables of escalation.yml stand in quotes, except one, which is read as text here.
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _targets(rule: Mapping[str, Any]) -> list[str]:
    return str(rule["target_matchers"][0].split('"')[1]).split("|")


def _joined(entries: list[Mapping[str, Any]], ways: Mapping[str, Any]) -> str:
    return ", ".join(_words(entry, ways) + (" in working hours" if "hours" in entry else "") for entry in entries)


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

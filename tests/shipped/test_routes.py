"""Who is told of each shipped alert, as Alertmanager's own amtool routes it, and that the table in docs says the same."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from tests.shipped.who_gets_told import page

pytestmark = pytest.mark.peers


def test_amtool_accepts_the_routes(root: Path, peer):
    amtool = peer("amtool", "prometheus-alertmanager")
    file = str(root / "alertmanager" / "alertmanager.yml")
    done = subprocess.run([amtool, "check-config", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        ({"severity": "critical"}, ["oncall"]),
        ({"severity": "critical", "channels": "sms"}, ["escalation", "by-sms"]),
        ({"severity": "critical", "channels": "email,slack"}, ["escalation", "by-email", "by-slack"]),
        ({"severity": "critical", "channels": "email,slack,sms"}, ["escalation", "by-email", "by-slack", "by-sms"]),
        ({"severity": "warning"}, ["team"]),
        ({"severity": "warning", "channels": "slack"}, ["by-slack"]),
        ({"severity": "warning", "channels": "sms,email"}, ["by-email", "by-sms"]),
        ({"severity": "info"}, ["log"]),
        ({"severity": "none"}, ["watchdog"]),
        # Unknown channels and severities lose nothing.
        ({"severity": "critical", "channels": "pigeon"}, ["oncall"]),
        ({"severity": "warning", "channels": "smses"}, ["team"]),
        ({"severity": "page"}, ["team"]),
        ({"team": "search"}, ["team"]),
        # The page and the ticket of an objective are one incident, and what is said of its numbers is a warning like others.
        ({"burnline_slo": "x", "severity": "critical", "sloth_severity": "page"}, ["objective"]),
        ({"burnline_slo": "x", "severity": "warning", "sloth_severity": "ticket", "channels": "sms"}, ["objective"]),
        ({"burnline_slo": "x", "severity": "warning", "alertname": "SLONoData"}, ["team"]),
    ],
)
def test_labels_reach_the_receivers_they_should(routed, labels, receivers):
    assert routed(labels) == receivers


def test_every_critical_alert_escalates_and_no_other_does(root: Path, alerts, routed):
    plans = yaml.safe_load((root / "alertmanager" / "escalation.yml").read_text(encoding="utf-8"))["receivers"]
    for name, rule in alerts.items():
        steps = [step for receiver in routed(rule["labels"]) for step in plans.get(receiver, {}).get("escalate", ())]
        assert bool(steps) == (rule["labels"]["severity"] == "critical"), name
        assert all(step["until"] == "ack" for step in steps), name


def test_only_critical_alerts_ring_a_phone(root: Path, alerts, routed):
    plans = yaml.safe_load((root / "alertmanager" / "escalation.yml").read_text(encoding="utf-8"))["receivers"]
    for name, rule in alerts.items():
        entries = [entry for receiver in routed(rule["labels"]) for entry in plans.get(receiver, {}).get("notify", ())]
        rings = any("sms" in entry.get("by", ()) for entry in entries)
        assert not rings or rule["labels"]["severity"] == "critical", name


def test_what_is_only_logged_reaches_the_log_alone(alerts, routed):
    logged = {name for name, rule in alerts.items() if routed(rule["labels"]) == ["log"]}
    info = {"DeploymentCompleted", "ScalingEvent", "MaintenanceActive", "OutageOver"}
    info |= {"ChannelDisabled", "StoredSamplesDamaged"}
    assert logged == info


def test_every_receiver_that_is_routed_to_has_people_or_the_log_except_the_watchdogs(root: Path):
    routes = yaml.safe_load((root / "alertmanager" / "alertmanager.yml").read_text(encoding="utf-8"))
    plans = yaml.safe_load((root / "alertmanager" / "escalation.yml").read_text(encoding="utf-8"))["receivers"]
    named = {receiver["name"] for receiver in routes["receivers"]}
    reached = {routes["route"]["receiver"], *(route["receiver"] for route in routes["route"]["routes"])}
    assert named == reached
    assert set(plans) == named - {"watchdog"}


def test_the_page_who_gets_told_is_what_the_files_say(root: Path, alerts, routed):
    committed = (root / "docs" / "who-gets-told.md").read_text(encoding="utf-8")
    assert committed == page(alerts, routed), "run `python -m tests.shipped.who_gets_told > docs/who-gets-told.md`"

"""The shipped rules say what the seeds asked for, in words a person understands, and link to runbooks that exist."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
import yaml

from agent.model import parse_duration

WORDS = {
    "error_rate",
    "p95_response_time",
    "cache_hit_rate",
    "memory_percent",
    "cpu_percent",
    "disk_percent",
    "uptime",
}
SELF_WATCHING = {
    "Watchdog",
    "RuleFailing",
    "DeliveryFailing",
    "DeliveryAttemptsFailing",
    "SamplesDropped",
    "ChannelDisabled",
    "StorageNotDurable",
    "StoredSamplesDamaged",
}


@pytest.mark.parametrize(
    ("name", "expr", "severity", "channels"),
    [
        # The four rules that the seeds spell out, verbatim.
        ("HighErrorRate", "error_rate > 0.05", "critical", "email,slack"),
        ("SlowResponseTime", "p95_response_time > 5.0", "warning", "slack"),
        ("HighMemoryUsage", "memory_percent > 85", "warning", "email"),
        ("ServiceDown", "uptime < 60", "critical", "email,slack,sms"),
        # The alerting strategy's levels; it names no channels.
        ("VeryHighErrorRate", "error_rate > 0.10", "critical", None),
        ("HighLatency", "p95_response_time > 2", "warning", None),
        ("MemoryUsageElevated", "memory_percent > 80", "warning", None),
        ("HighCpuUsage", "cpu_percent > 80", "warning", None),
        ("DiskAlmostFull", "disk_percent > 90", "critical", None),
        ("CacheHitCollapse", "cache_hit_rate < 0.2", "warning", None),
        ("DependencyDown", "rag_dependency_up == 0", "critical", None),
        ("CertificateExpired", "time() - probe_ssl_earliest_cert_expiry >= 0", "critical", None),
        ("CertificateExpiringSoon", "probe_ssl_earliest_cert_expiry - time() < 7 * 24 * 3600", "critical", None),
        ("BackupFailed", "time() - backup_last_success_timestamp_seconds > 26 * 3600", "warning", None),
    ],
)
def test_an_alert_has_the_condition_severity_and_channels_asked_for(alerts, name, expr, severity, channels):
    rule = alerts[name]
    assert rule["expr"] == expr
    assert rule["labels"]["severity"] == severity
    assert rule["labels"].get("channels") == channels


def test_what_is_only_logged_is_info_and_names_no_channels(alerts):
    for name in ("DeploymentCompleted", "ScalingEvent", "MaintenanceActive", "ChannelDisabled", "StoredSamplesDamaged"):
        assert alerts[name]["labels"] == {"severity": "info"}


def test_service_down_waits_two_minutes(alerts):
    assert alerts["ServiceDown"]["for"] == "2m"


def test_every_word_is_defined_once_and_before_the_alerts_of_its_group_that_use_it(rules):
    defined = [rule["record"] for each in rules.values() for rule in each if "record" in rule]
    assert sorted(defined) == sorted(WORDS)
    for each in rules.values():
        known: set[str] = set()
        for rule in each:
            known |= {rule["record"]} if "record" in rule else set()
            used = WORDS & set(re.findall(r"[a-z_0-9]+", rule["expr"])) if "alert" in rule else set()
            assert used <= known, f"{rule['alert']} uses a word that its group has not defined before it"


def test_the_agent_watches_itself(rules):
    assert {rule["alert"] for rule in rules["burnline.yml"]} == SELF_WATCHING


def test_every_critical_alert_waits_so_that_one_bad_moment_wakes_nobody(alerts):
    assert [
        name for name, rule in alerts.items() if rule["labels"]["severity"] == "critical" and "for" not in rule
    ] == []


def test_the_stronger_alert_of_a_pair_fires_no_later_than_the_weaker_it_inhibits(root: Path, alerts):
    routes = yaml.safe_load((root / "alertmanager" / "alertmanager.yml").read_text(encoding="utf-8"))
    minutes = {"1m": 1, "2m": 2, "3m": 3, "5m": 5, "10m": 10}
    between_rules = [rule for rule in routes["inhibit_rules"] if not re.search("slo|Budget", str(rule))]
    for rule in between_rules:
        source, targets = _names(rule["source_matchers"]), _names(rule["target_matchers"])
        assert source | targets <= set(alerts)
        assert len(source) == 1
        if source == {"ServiceDown"}:
            continue  # another failure altogether: it explains the rest whenever it comes
        for target in targets:
            assert minutes[alerts[min(source)]["for"]] <= minutes[alerts[target]["for"]]


def _names(matchers: list[str]) -> set[str]:
    assert len(matchers) == 1
    return set(matchers[0].split('"')[1].split("|"))


def test_groups_leave_their_interval_to_the_scrape(root: Path):
    for path in (root / "rules").glob("*.yml"):
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]:
            assert set(group) == {"name", "rules"}


def test_names_are_camel_case_and_used_once(rules):
    names = [rule["alert"] for each in rules.values() for rule in each if "alert" in rule]
    assert len(names) == len(set(names))
    assert [name for name in names if not re.fullmatch(r"([A-Z][a-z]+)+", name)] == []


def test_every_alert_says_what_in_how_many_words_and_where_to_read_on(alerts):
    for name, rule in alerts.items():
        assert set(rule["annotations"]) - {"value", "threshold"} == {"summary", "description", "runbook_url"}, name
        assert len(rule["annotations"]["summary"]) < 120, name
        assert rule["annotations"]["description"].endswith("."), name
        assert rule["labels"]["severity"] in {"critical", "warning", "info", "none"}, name


def test_no_two_summaries_and_no_two_descriptions_are_alike(alerts):
    for part in ("summary", "description"):
        texts = [rule["annotations"][part] for rule in alerts.values()]
        assert len(set(texts)) == len(texts)


def test_an_alert_with_a_limit_tells_its_value_in_words(alerts):
    silent = {name for name, rule in alerts.items() if "$value" not in rule["annotations"]["description"]}
    # These are yes or no; a value would say nothing.
    assert silent == {
        "DependencyDown",
        "Watchdog",
        "DeliveryFailing",
        "ChannelDisabled",
        "MaintenanceActive",
        "OutageOver",
        "StorageNotDurable",
    }
    assert silent == {name for name, rule in alerts.items() if "value" not in rule["annotations"]}


def test_the_value_of_a_message_is_the_number_of_its_description(alerts):
    """They are formatted alike, so that one message never gives one number in two ways."""
    for name, rule in alerts.items():
        value, description = rule["annotations"].get("value", ""), rule["annotations"]["description"]
        for number in re.findall(r"{{[^{}]*\$value(?: \|[^{}]*)?}}", value):
            assert number in description, name


def _limit(words: str) -> float:
    """Return what a `threshold` says: seconds of `1d 2h`, else the number before a per cent sign."""
    span = re.fullmatch(r"(\d+[dhms] ?)+", words)
    return parse_duration(words.replace(" ", "")) / 1000 if span else float(words.removesuffix("%"))


def test_the_limit_of_a_message_is_the_one_that_the_rule_compares_with(alerts):
    """A share of 0.05 is written as 5%; a percentage and a time stand as they are."""
    without = set()
    for name, rule in alerts.items():
        said, compared = rule["annotations"].get("threshold"), re.search(r"[<>] ([\d.* ]+)$", rule["expr"])
        if said is None:
            without.add(name)
            continue
        share = 100 if "humanizePercentage" in rule["annotations"]["value"] else 1
        assert compared, name
        assert _limit(said) == pytest.approx(math.prod(map(float, compared[1].split("*"))) * share), name
    numbers = {name for name in without if "value" in alerts[name]["annotations"]}
    # Their value says all: nothing was passed, or it is a matter of yes or no.
    assert numbers == {
        "BackupReportMissing",
        "CertificateExpired",
        "DeploymentCompleted",
        "ScalingEvent",
        "ServiceDown",
        "TargetMissing",
    }


def test_every_runbook_link_is_relative_and_resolves_to_a_shipped_document(root: Path, alerts):
    for name, rule in alerts.items():
        match = re.fullmatch(r"/runbooks/([a-z-]+)", rule["annotations"]["runbook_url"])
        assert match, name
        document = root / "sample_rag_app" / "documents" / f"{match[1]}.md"
        assert document.is_file(), f"{name} links to {document}"


def test_the_generic_rules_name_no_metric_of_the_rag_service(rules):
    for file in set(rules) - {"rag.yml", "outage.yml"}:
        assert not [rule for rule in rules[file] if "rag_" in rule["expr"]], file

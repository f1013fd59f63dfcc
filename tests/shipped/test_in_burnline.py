"""Burnline's own readers take the shipped files as they are, and its routing agrees with Alertmanager's."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.config import Flags, load_config
from agent.notify import load_routing
from agent.rules import lint, load_rules


@pytest.fixture(scope="module")
def config(root: Path):
    """The example configuration, read as `burnline run` reads it in the checkout."""
    return load_config(Flags(), {}, root)


def test_the_example_configuration_names_all_shipped_rules_and_both_routing_files(root: Path, config):
    assert config.source == str(root / "burnline.yml")
    loaded = load_rules(config.rule_globs)
    assert len(loaded.groups) == len(list((root / "rules").glob("*.yml")))
    assert config.routing_file == root / "alertmanager" / "alertmanager.yml"
    assert config.escalation_file == root / "alertmanager" / "escalation.yml"
    assert config.under(config.file.system.textfile_directory).is_dir()
    assert config.file.slo_files == ("rules/slos/*.yml",)


def test_the_rules_give_no_reason_for_a_remark(config):
    remarks = lint(load_rules(config.rule_globs), scrape_interval_ms=config.file.global_.scrape_interval)
    assert [str(each) for each in remarks] == []


def test_the_routes_load_without_a_word_and_every_channel_waits_for_an_account(config):
    routing = load_routing(config.routing_file, config.escalation_file, {})
    assert [str(each) for each in routing.warnings] == []
    assert set(routing.disabled) == {"email", "slack", "sms"}


def test_with_accounts_in_the_environment_no_channel_is_disabled(config):
    environment = {
        "SMTP_SMARTHOST": "127.0.0.1:1025",
        "SMTP_REQUIRE_TLS": "false",
        "SLACK_BOT_TOKEN": "xoxb-1",
        "SLACK_BASE_URL": "http://127.0.0.1:8025/api/",
        "TWILIO_ACCOUNT_SID": "AC1",
        "TWILIO_AUTH_TOKEN": "t",
        "TWILIO_FROM": "+12025550100",
        "TWILIO_BASE_URL": "http://127.0.0.1:8025",
    }
    assert load_routing(config.routing_file, config.escalation_file, environment).disabled == {}


@pytest.mark.peers
def test_burnline_routes_every_shipped_alert_as_amtool_does(config, alerts, routed):
    routing = load_routing(config.routing_file, config.escalation_file, {})
    for name, rule in alerts.items():
        labels = {"alertname": name, **rule["labels"]}
        assert [route.receiver for route in routing.match(labels)] == routed(labels), name


def test_run_with_a_target_alone_gets_the_rules_of_any_service(root: Path, tmp_path: Path):
    config = load_config(Flags(targets=("127.0.0.1:8000",)), {}, tmp_path)
    groups = {str(group.name) for group in load_rules(config.rule_globs).groups}
    assert {"service", "host", "burnline"} <= groups
    assert "rag" not in groups
    assert config.file.slo_files == (), "the shipped objectives are about the RAG service"

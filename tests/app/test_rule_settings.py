"""What `rules:` and `global:` in burnline.yml say for all rules reaches the evaluator, and the defaults are documented ones."""

from __future__ import annotations

import pytest

from agent.app.build import rule_settings
from agent.config import Flags, load_config
from agent.errors import SchemaError
from agent.rules import Settings


def settings_of(folder, text):
    path = folder / "burnline.yml"
    path.write_text(f"scrape_configs: [{{job_name: a}}]\n{text}")
    return rule_settings(load_config(Flags(config_file=path), {}, folder))


@pytest.mark.parametrize(
    ("said", "name", "value"),
    [
        ("rules: {restore: prometheus}", "restore", "prometheus"),
        ("rules: {outage_tolerance: 2h}", "outage_tolerance_ms", 7_200_000),
        ("rules: {restore_grace: 0s}", "restore_grace_ms", 0),
        ("rules: {for_grace_period: 1m}", "for_grace_period_ms", 60_000),
        ("rules: {resend_delay: 5m}", "resend_delay_ms", 300_000),
        ("rules: {removed: forget}", "removed", "forget"),
        ("rules: {recovered_value: false}", "recovered_value", False),
        ("rules: {no_data_grace: 1h}", "no_data_grace_ms", 3_600_000),
        ("global: {rule_query_offset: 30s}", "query_offset_ms", 30_000),
    ],
)
def test_each_setting_reaches_the_rules(tmp_path, said, name, value):
    assert getattr(settings_of(tmp_path, said), name) == value
    assert getattr(Settings(), name) != value


def test_what_is_not_said_is_the_evaluators_default(tmp_path):
    said, default = settings_of(tmp_path, ""), Settings()
    names = {name for name in Settings.__slots__ if name not in ("interval_ms", "external_url", "on_scrape")}
    assert {name: getattr(said, name) for name in names} == {name: getattr(default, name) for name in names}


def test_a_wrong_choice_is_refused_with_the_right_ones(tmp_path):
    with pytest.raises(SchemaError, match=r"burnline\.yml:2:18: .*full.*prometheus"):
        settings_of(tmp_path, "rules: {restore: promethus}")

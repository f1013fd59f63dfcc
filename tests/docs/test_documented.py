"""What a user can set, see or call is written down, or one of these fails."""

from __future__ import annotations

import dataclasses
import re

import click
import pytest

from agent.cli.main import burnline
from agent.config import ConfigFile
from agent.telemetry import Telemetry


def settings(cls=ConfigFile, prefix=""):
    """Yield the dotted names of the settings of burnline.yml's own sections."""
    for field in dataclasses.fields(cls):
        name = prefix + (field.metadata.get("key") or field.name)
        section = field.default_factory if isinstance(field.default_factory, type) else None
        if section and dataclasses.is_dataclass(section):
            yield from settings(section, name + ".")
        elif name != "scrape_configs":
            yield name
    if not prefix:
        from agent.collect import ScrapeJob

        for field in dataclasses.fields(ScrapeJob):
            yield "scrape_configs." + (field.metadata.get("key") or field.name)


def heartbeat_keys():
    """Yield the dotted names of what burnline.yml says of each heartbeat."""
    from agent.pulse import OwedSpec, SentSpec

    for section, name in ((SentSpec, "send"), (OwedSpec, "receive")):
        for field in dataclasses.fields(section):
            if field.name != "place":
                yield f"heartbeats.{name}.{field.name}"


def switches():
    """Yield the dotted names of the settings of escalation.yml's section `settings`, and its `templates`, `drill`."""
    from agent.notify.drill_schedule import DrillSpec
    from agent.notify.escalation_file import SettingsSpec

    yield "templates"
    yield "drill"
    yield from (f"drill.{field.name}" for field in dataclasses.fields(DrillSpec) if field.name != "place")
    for field in dataclasses.fields(SettingsSpec):
        if field.name != "place":
            yield f"settings.{field.metadata.get('key') or field.name}"


def slack_keys():
    """Yield the dotted names of what escalation.yml says of Slack and PagerDuty."""
    from agent.notify.escalation_file import PagerDutySection, SlackSection

    for section, name in ((SlackSection, "slack"), (PagerDutySection, "pagerduty")):
        for field in dataclasses.fields(section):
            if field.name not in ("place", "limits"):
                yield f"channels.{name}.{field.name}"


def sms_keys():
    """Yield the dotted names of what escalation.yml says of text messages."""
    from agent.notify.sms_section import SmsSection

    for field in dataclasses.fields(SmsSection):
        if field.name not in ("place", "limits"):
            yield f"channels.sms.{field.metadata.get('key') or field.name}"


def mail_keys():
    """Yield the dotted names of what escalation.yml says of mail."""
    from agent.notify.escalation_file import EmailSection, OAuth2Section

    for section, prefix in ((EmailSection, "channels.email."), (OAuth2Section, "channels.email.oauth2.")):
        for field in dataclasses.fields(section):
            if field.name not in ("place", "oauth2"):
                yield prefix + (field.metadata.get("key") or field.name)


def verbs(command=burnline, path="burnline"):
    """Yield (words, command) of every verb."""
    if isinstance(command, click.Group):
        for name, each in command.commands.items():
            yield from verbs(each, f"{path} {name}")
    else:
        yield path, command


@pytest.mark.parametrize(
    "name", sorted({*settings(), *switches(), *mail_keys(), *slack_keys(), *sms_keys(), *heartbeat_keys()})
)
def test_every_setting_is_documented(root, name):
    assert f"`{name}`" in (root / "docs" / "settings.md").read_text()


@pytest.mark.parametrize(
    "name", sorted(metric.name for metric in Telemetry().registry.collect() if not metric.name.startswith("python_"))
)
def test_every_own_metric_is_documented(root, name):
    assert re.search(rf"`{name}(_total|_info)?`", (root / "docs" / "metrics.md").read_text())


@pytest.mark.parametrize(("words", "command"), sorted(verbs(), key=lambda pair: pair[0]))
def test_every_verb_and_flag_is_documented(root, words, command):
    text = (root / "docs" / "settings.md").read_text()

    assert f"`{words}" in text
    for option in command.params:
        if isinstance(option, click.Option):
            assert f"`{option.opts[0]}`" in text, option.opts[0]


def test_every_route_of_the_api_is_documented(root):
    from agent.web import drills, heartbeats, twilio
    from agent.web.alertmanager.routes import ROUTES as ALERTMANAGER_ROUTES
    from agent.web.application import QUERY_ROUTES, ROUTES
    from agent.web.people.routes import ROUTES as PEOPLE_ROUTES
    from agent.web.slos.routes import ROUTES as SLO_ROUTES

    text = (root / "docs" / "api.md").read_text()
    paths = [path for path, _ in QUERY_ROUTES]
    routes = (*ROUTES, *PEOPLE_ROUTES, *twilio.ROUTES, *heartbeats.ROUTES, *drills.ROUTES, *SLO_ROUTES)
    paths += [path for _, path, _ in routes if path.startswith(("/api/v1/", "/-/"))]
    for path in paths:
        name = re.sub(r"\{(\w+)(:[^/]*\})?\}*", r"{\1}", path).removeprefix("/api/v1/").replace("{name}", "…")
        assert name in text, name
    for method, path, _ in ALERTMANAGER_ROUTES:
        assert f"`{method} {path}`" in text, path


def test_nothing_documented_is_gone(root):
    documented = set(re.findall(r"^\| `([a-z_.]+)` \|", (root / "docs" / "settings.md").read_text(), re.MULTILINE))

    assert documented <= {*settings(), *switches(), *mail_keys(), *slack_keys(), *sms_keys(), *heartbeat_keys()}


def test_docs_name_exactly_the_functions_that_there_are(root):
    """docs/promql.md lists every function and aggregation, each once, and none that we do not have."""
    from agent.query import SIGNATURES, Kind, tokens

    text = (root / "docs" / "promql.md").read_text(encoding="utf-8")
    cells = re.findall(r"^\| [^|]+ \| ([^|]*) \|$", text, re.MULTILINE)
    listed = [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]
    assert sorted(listed) == sorted(SIGNATURES)
    aggregations = re.findall(r"`(\w+)`", text.split("## Aggregations")[1].split("With `by`")[0])
    assert all(tokens(name)[0].kind is Kind.AGGREGATOR for name in aggregations)
    assert len(set(aggregations)) == 14

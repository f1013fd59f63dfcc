"""Everything that a configuration asks for, built and checked before anything running is touched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agent import __version__
from agent.app.budgets import Promises, beside, read_promises
from agent.config import Config
from agent.errors import SchemaError
from agent.notify import Receiver, Routing, load_routing, parse_matchers, read_secret, receivers_for
from agent.notify.messages import Renderer
from agent.pulse import Heartbeats, load_heartbeats
from agent.rules import RuleSet, Settings, load_rules

VERSION = __version__


@dataclass(frozen=True, slots=True)
class Built:
    """What a configuration comes to: rules, their settings, routes, and a way to send for each usable transport."""

    config: Config
    rules: RuleSet
    settings: Settings
    routing: Routing
    receivers: Mapping[str, Receiver]
    heartbeats: Heartbeats = field(default_factory=Heartbeats)
    promises: Promises = field(default_factory=Promises)


def build(config: Config, environment: Mapping[str, str], secrets: set[Path] | None = None) -> Built:
    """Read all files that `config` names; raise SchemaError with the problems of all of them, InvalidInput otherwise.

    The secret files that are read, and the globs of templates, are added to `secrets`, also where reading ends in an error.
    """

    def read_and_note(path: Path) -> str:
        if secrets is not None:
            secrets.add(path)
        return read_secret(path)

    problems: list[str] = []
    rules, promises, routing, heartbeats = RuleSet((), ()), Promises(), None, Heartbeats()
    try:
        rules = load_rules(config.rule_globs, config.root, legacy_names=config.legacy_names)
    except SchemaError as error:
        problems += error.problems
    try:
        promises = read_promises(config)
    except SchemaError as error:
        problems += error.problems
    try:
        strict = config.file.notify.alertmanager_compat == "strict" or None
        routing = load_routing(
            config.routing_file,
            config.escalation_file,
            environment,
            read_secret=read_and_note,
            strict=strict,
            also_read=secrets,
        )
    except SchemaError as error:
        problems += error.problems
    try:
        heartbeats = load_heartbeats(
            config.file.heartbeats, config.root, read_and_note, lambda text: parse_matchers(text).matchers
        )
    except SchemaError as error:
        problems += error.problems
    if problems or routing is None:
        raise SchemaError(problems)
    promises = beside(promises, rules)
    rules = RuleSet((*rules.groups, *promises.groups), (*rules.files, *promises.slos.files))
    return Built(config, rules, rule_settings(config), routing, _receivers(routing), heartbeats, promises)


def rule_settings(config: Config) -> Settings:
    """Return what a configuration says for all rules."""
    said = config.file.rules
    return Settings(
        interval_ms=config.evaluation_interval_ms,
        query_offset_ms=config.file.global_.rule_query_offset,
        resend_delay_ms=said.resend_delay,
        outage_tolerance_ms=said.outage_tolerance,
        restore_grace_ms=said.restore_grace,
        restore=said.restore,
        for_grace_period_ms=said.for_grace_period,
        no_data_grace_ms=said.no_data_grace,
        removed=said.removed,
        recovered_value=said.recovered_value,
        on_scrape=config.file.global_.evaluation_interval is None,
        external_labels=config.file.global_.external_labels,
        external_url=config.external_url,
    )


def _receivers(routing: Routing) -> dict[str, Receiver]:
    renderer = Renderer(routing.message_templates, go=routing.go, strict=routing.settings.strict)
    return receivers_for(routing, renderer)

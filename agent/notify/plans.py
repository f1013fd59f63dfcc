"""Join the two files' receivers: what alertmanager.yml sends and what escalation.yml adds become one plan per name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from hashlib import sha256
from typing import Any, Final
from urllib.parse import urlsplit

from agent.model import Labels
from agent.notify import aws, chat_settings, mail_settings, sms_settings
from agent.notify.addresses import split_addresses
from agent.notify.alertmanager_file import AlertmanagerFile, ReceiverSpec
from agent.notify.channels import ChannelSettings, LogChannel, SlackChannel
from agent.notify.entries import check_people, destinations_of, steps_of
from agent.notify.escalation_file import EscalationFile
from agent.notify.findings import Findings
from agent.notify.integrations import REQUIRED, EmailConfig, SlackConfig, SnsConfig, WebhookConfig, flaw
from agent.notify.notification import Channel, Target
from agent.notify.pagerduty_config import PagerDutyConfig, pagerduty_options, pagerduty_texts
from agent.notify.people import NotifyEntry
from agent.notify.routing import Destination, ReceiverPlan, log_destination
from agent.notify.semantics import ALERTMANAGER, DEFAULT
from agent.notify.settings import Secrets
from agent.notify.slack_options import slack_options, slack_texts
from agent.notify.texts import Written
from agent.schema import Text, suggest

_EMAIL_OPTIONS: Final = ("html", "text")
_SNS_TEXTS: Final = ("subject", "message")
_SNS_ADDRESSES: Final = ("topic_arn", "target_arn", "phone_number")


class PlanBuilder:
    """Builds the plans of all receivers, and the channel settings (`channels`, `disabled`) that they use."""

    def __init__(
        self,
        file: AlertmanagerFile,
        escalation: EscalationFile,
        secrets: tuple[Secrets, Secrets],
        findings: Findings,
        *,
        strict: bool = False,
    ) -> None:
        self.file = file
        self.strict = strict
        self.semantics = ALERTMANAGER if strict else DEFAULT
        self.escalation = escalation
        self.am_secrets, self.own_secrets = secrets
        self.findings = findings
        self.channels: dict[str, ChannelSettings] = self.log_channels()
        self.disabled: dict[str, str] = {}
        self.unsent: dict[str, tuple[str, ...]] = {}
        self.used: set[str] = set()
        self._accounts: dict[str, str] = {}
        """By which account each Slack channel or mail address is written to first, by its key."""
        self.texts: list[Written] = []
        """What of alertmanager.yml may be a Go template, in the order of the file."""

    @staticmethod
    def log_channels() -> dict[str, ChannelSettings]:
        """Return the settings that are always there."""
        return {"log": LogChannel()}

    def build(self) -> dict[str, ReceiverPlan]:
        """Return the plan of each receiver by name; problems go to the findings."""
        check_people(self.escalation, self.findings)
        self._check_unused_receivers()
        plans: dict[str, ReceiverPlan] = {}
        for spec in self.file.receivers:
            if spec.name in plans:
                self.findings.problem(spec.name.place, f'receiver "{spec.name}" is defined twice')
            plans[str(spec.name)] = self._plan(spec)
        for place, message in dict.fromkeys(self.am_secrets.problems):
            self.findings.problem(place, message)
        self._people_channels()
        for name, plan in self.escalation.receivers.items():
            if plan.on_failure and plan.on_failure not in plans:
                near = suggest(plan.on_failure, sorted(plans))
                self.findings.problem(
                    plan.on_failure.place, f'undefined receiver "{plan.on_failure}" in on_failure{near}'
                )
            elif plan.on_failure == name:
                self.findings.problem(plan.place, f'receiver "{name}" cannot be its own on_failure')
        return plans

    def _check_unused_receivers(self) -> None:
        names = [str(each.name) for each in self.file.receivers]
        for name, plan in self.escalation.receivers.items():
            if name not in names:
                message = f'receiver "{name}" is not in alertmanager.yml{suggest(name, names)}'
                self.findings.problem(plan.place, message)

    def _plan(self, spec: ReceiverSpec) -> ReceiverPlan:
        name = str(spec.name)
        written = self.escalation.receivers.get(name)
        made = [*self._integrations(spec)]
        if self.semantics.log_key_by_position:
            made = by_position(made)
        self._other_integrations(spec)
        if written:
            ours = [each for entry in written.notify for each in self._by_entry(entry)]
            for shared in sorted({each.channel for each in made} & {each.channel for each in ours}):
                entry = next(each.entry for each in ours if each.channel is shared and each.entry)
                message = f'receiver "{name}" has {shared} here and in alertmanager.yml; keep one of them'
                self.findings.problem(entry.place, message)
            made += ours
        steps = steps_of(written, self.escalation) if written else ()
        self.used.update(each.transport for step in steps for each in step.destinations)
        destinations = tuple({each.key: each for each in made}.values())
        if not destinations and not steps:
            destinations = (log_destination(),)
        unsent = self.unsent.get(name, ())
        made_plan = ReceiverPlan(name, destinations, steps, labels=Labels(spec.labels), unsent=unsent)
        if written is None:
            return made_plan
        return replace(
            made_plan,
            on_failure=str(written.on_failure or ""),
            mute_time_intervals=self._intervals(written.mute_time_intervals),
            active_time_intervals=self._intervals(written.active_time_intervals),
            repeat_interval_ms=written.repeat_interval,
        )

    def _intervals(self, names: tuple[Text, ...]) -> tuple[str, ...]:
        known = [*self.escalation.time_intervals]
        known += [str(each.name) for each in (*self.file.time_intervals, *self.file.mute_time_intervals)]
        for name in names:
            if name not in known:
                message = f'undefined time interval "{name}"{suggest(name, sorted(known))}'
                self.findings.problem(name.place, message)
        return tuple(str(name) for name in names)

    def _by_entry(self, entry: NotifyEntry) -> Iterable[Destination]:
        for made in destinations_of(entry, self.escalation):
            self.used.add(made.transport)
            yield made

    def _integrations(self, spec: ReceiverSpec) -> Iterable[Destination]:
        for number, email in enumerate(spec.email_configs):
            yield self._email(f"{spec.name}/email/{number}", email)
        for number, slack in enumerate(spec.slack_configs):
            yield self._slack(f"{spec.name}/slack/{number}", slack)
        for number, webhook in enumerate(spec.webhook_configs):
            yield self._webhook(f"{spec.name}/webhook/{number}", webhook)
        for number, pagerduty in enumerate(spec.pagerduty_configs):
            yield from self._pagerduty(spec, f"{spec.name}/pagerduty/{number}", pagerduty)
        for number, sns in enumerate(spec.sns_configs):
            yield self._sns(f"{spec.name}/sns/{number}", sns)

    def _email(self, transport: str, config: EmailConfig) -> Destination:
        defaults = self.file.global_
        made = mail_settings.email_channel(config, defaults, self.am_secrets, strict=self.strict)
        if not made.smarthost:
            self.findings.problem(config.place, "no SMTP smarthost is set, neither here nor in global.smtp_smarthost")
        if not made.sender:
            self.findings.problem(config.place, "no sender is set, neither `from` here nor global.smtp_from")
        self._written("email config", {"to": config.to, "text": config.text})
        self._written("email config", {"html": config.html}, html=True)
        self._written("email config", {f"header {name}": text for name, text in config.headers.items()})
        self.channels[transport] = made
        addresses = [str(config.to)] if self.strict or "{{" in config.to else split_addresses(config.to)
        options: dict[str, Any] = {name: str(getattr(config, name)) for name in _EMAIL_OPTIONS if getattr(config, name)}
        if config.headers:
            options["headers"] = {name: str(text) for name, text in config.headers.items()}
        relay = self._account(f"email:{config.to}", made.smarthost)
        targets = tuple(Target(Channel.EMAIL, address, account=relay) for address in addresses)
        key = f"email:{config.to}" + (f" ({relay})" if relay else "")
        return Destination(key, Channel.EMAIL, transport, targets, None, config.send_resolved, options)

    def _slack(self, transport: str, config: SlackConfig) -> Destination:
        defaults = self.file.global_
        made = chat_settings.slack_channel(config, defaults, self.am_secrets, strict=self.strict)
        files = (config.api_url_file, config.app_token_file, defaults.slack_api_url_file, defaults.slack_app_token_file)
        if made.missing() and not any(files):
            self.findings.problem(config.place, "no Slack API URL nor app token is set, neither inline nor in a file")
        if config.update_message and made.webhook_url:
            message = "update_message needs a bot token; an incoming webhook cannot update"
            self.findings.problem(config.place, message)
        for number, action in enumerate(config.actions, 1):
            if not action.url:
                message = f"action {number} has no url; only an app that answers could do it, so it is left out"
                self.findings.warn(config.place, message)
        self.channels[transport] = made
        self._written("slack config", slack_texts(config))
        options = slack_options(config)
        address = (
            str(config.channel or "") or f"webhook-{_short(made.webhook_url.reveal() if made.webhook_url else '')}"
        )
        target = Target(Channel.SLACK, address, account=self._account(f"slack:{address}", _workspace(made)))
        return Destination(target.key, Channel.SLACK, transport, (target,), None, config.send_resolved, options)

    def _account(self, key: str, own: str) -> str:
        """Return what tells a place apart from an earlier one of its name: another workspace, another relay."""
        return "" if self._accounts.setdefault(key, own) == own else own

    def _webhook(self, transport: str, config: WebhookConfig) -> Destination:
        made = chat_settings.webhook_channel(config, self.file.global_, self.am_secrets, strict=self.strict)
        self.channels[transport] = made
        url = made.url.reveal() if made.url else ""
        address = f"{urlsplit(url).hostname or 'unknown'}-{_short(url)}"
        target = Target(Channel.WEBHOOK, address)
        self._written("webhook config", {"url": Text(url, config.place)})
        self._written("webhook config", {f"payload: {path}": text for path, text in _payload(config)})
        options = {"payload": config.payload} if config.payload else {}
        key = f"webhook:{address}"
        return Destination(key, Channel.WEBHOOK, transport, (target,), None, config.send_resolved, options)

    def _pagerduty(self, spec: ReceiverSpec, transport: str, config: PagerDutyConfig) -> Iterable[Destination]:
        if not config.is_sent:
            self.unsent[str(spec.name)] = ("pagerduty by service_key",)
            message = (
                "service_key is the key of PagerDuty's Events API v1, which Burnline does not speak; "
                "add an integration of Events API v2 to the service and set its routing_key"
            )
            self.findings.warn(config.place, message)
            return
        made = self.channels[transport] = chat_settings.pagerduty_channel(config, self.file.global_, self.am_secrets)
        self._written("pagerduty config", pagerduty_texts(config))
        target = Target(Channel.PAGERDUTY, f"service-{_short(made.routing_key.reveal() if made.routing_key else '')}")
        options = pagerduty_options(config)
        yield Destination(target.key, target.channel, transport, (target,), None, config.send_resolved, options)

    def _sns(self, transport: str, config: SnsConfig) -> Destination:
        made = aws.sns_channel(config, self.file.global_, self.am_secrets)
        self.channels[transport] = made
        if why := made.missing():
            self.findings.warn(config.place, f"sns config: {why}; it is disabled")
            self.disabled[transport] = why
        self._written("sns config", {name: getattr(config, name) for name in (*_SNS_ADDRESSES, *_SNS_TEXTS)})
        self._written("sns config", {f"attribute {name}": text for name, text in config.attributes.items()})
        target = Target(Channel.SMS if config.address == config.phone_number else Channel.SNS, config.address)
        options: dict[str, Any] = {name: str(text) for name in _SNS_TEXTS if (text := getattr(config, name))}
        if config.attributes:
            options["attributes"] = {name: str(text) for name, text in config.attributes.items()}
        return Destination(target.key, target.channel, transport, (target,), None, config.send_resolved, options)

    def _written(self, what: str, texts: Mapping[str, Text | None], *, html: bool = False) -> None:
        self.texts += [Written(f"{what}: {name}", text, html) for name, text in texts.items() if text]

    def _other_integrations(self, spec: ReceiverSpec) -> None:
        found = []
        for each in fields(spec):
            kind, ending, _ = each.name.partition("_configs")
            if not ending or kind not in REQUIRED:
                continue
            for config in getattr(spec, each.name):
                if gap := flaw(kind, config, self.file.global_):
                    self.findings.problem(spec.place, f'{kind} config of receiver "{spec.name}": {gap}')
            if getattr(spec, each.name):
                found.append(kind)
                message = f'receiver "{spec.name}": Burnline does not send by {kind} yet; that part is left out'
                self.findings.warn(spec.place, message)
        if found:
            self.unsent[str(spec.name)] = (*self.unsent.get(str(spec.name), ()), *found)

    def _people_channels(self) -> None:
        """Make the settings that people's messages use; one whose secret cannot be read is disabled, with a warning."""
        written, defaults = self.escalation.channels, self.file.global_
        makers: Mapping[str, Any] = {
            "email": lambda: mail_settings.people_email(written.email, defaults, self.own_secrets, self.am_secrets),
            "slack": lambda: chat_settings.people_slack(written.slack, defaults, self.own_secrets, self.am_secrets),
            "sms": lambda: sms_settings.people_sms(written.sms, self.own_secrets),
            "pagerduty": lambda: chat_settings.people_pagerduty(written.pagerduty, self.own_secrets),
        }
        for transport, make in makers.items():
            if transport not in self.used and not getattr(written, transport):
                continue
            before = len(self.own_secrets.problems)
            made = self.channels[transport] = make()
            unread = self.own_secrets.problems[before:]
            for place, message in unread:
                self.findings.warn(place, f"{message}; the channel {transport} is disabled")
            why = "; ".join(f"{place}: {message}" for place, message in unread) or made.missing()
            if why and transport not in self.used:
                del self.channels[transport]
            elif why:
                self.disabled[transport] = why


def _payload(config: WebhookConfig) -> Iterable[tuple[str, Text]]:
    """Give the texts of a payload with the way to each: labels.0.name."""
    left: list[tuple[str, object]] = [("", config.payload)]
    while left:
        path, value = left.pop()
        if isinstance(value, str):
            yield path, Text(value, config.place)
        elif isinstance(value, dict):
            left += [(f"{path}.{name}".lstrip("."), each) for name, each in value.items()]
        elif isinstance(value, list):
            left += [(f"{path}.{number}", each) for number, each in enumerate(value)]


def by_position(destinations: Iterable[Destination]) -> list[Destination]:
    """Name integrations by receiver, kind and number, as Alertmanager does: two of the same address are two."""
    found: list[Destination] = []
    seen: Counter[str] = Counter()
    for each in destinations:
        targets = []
        for target in each.fixed:
            seen[target.key] += 1
            again = target.channel is Channel.WEBHOOK and seen[target.key] > 1
            targets.append(replace(target, address=f"{target.address}#{seen[target.key]}") if again else target)
        found.append(replace(each, key=each.transport, fixed=tuple(targets)))
    return found


def _workspace(channel: SlackChannel) -> str:
    """Say by what a channel is reached: another URL or token may lead to another workspace."""
    secret = channel.webhook_url or channel.bot_token
    return f"{'webhook' if channel.webhook_url else 'token'}-{_short(secret.reveal() if secret else '')}"


def _short(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:8]

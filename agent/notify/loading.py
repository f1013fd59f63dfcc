"""Read alertmanager.yml and escalation.yml into one `Routing`, or say everything that is wrong with them, with places.

Nothing is half loaded: either a Routing comes back or a SchemaError is raised. What is read and not yet obeyed is a
`Warning` in the Routing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeVar

from agent.errors import SchemaError
from agent.model import Labels, Matcher, MatchOp, Secret
from agent.notify.alertmanager_file import AlertmanagerFile, InhibitSpec, RouteSpec
from agent.notify.blindspots import blind_spots
from agent.notify.drill_schedule import Schedule, schedule_of
from agent.notify.entries import directory_of
from agent.notify.escalation_file import EscalationFile
from agent.notify.findings import Findings
from agent.notify.inhibition import InhibitRule
from agent.notify.intervals import IntervalSpec
from agent.notify.matching import alert_matcher, parse_matchers, sort_matchers
from agent.notify.people import Directory
from agent.notify.plans import PlanBuilder
from agent.notify.routing import SILENT_NAMES, ReceiverPlan, Route, Routing, Settings, log_destination
from agent.notify.settings import ReadSecret, Secrets, read_secret
from agent.notify.texts import read_templates, try_texts
from agent.notify.troubles import Trouble
from agent.schema import Place, Text, read, suggest

ROUTE_DEFAULTS: Final = {"group_wait": 30_000, "group_interval": 300_000, "repeat_interval": 4 * 3_600_000}
SHORTEST_LINK_KEY: Final = 16

T = TypeVar("T")


def load_routing(
    alertmanager_path: Path | str | None,
    escalation_path: Path | str | None = None,
    environment: Mapping[str, str] | None = None,
    read_secret: ReadSecret = read_secret,
    *,
    strict: bool | None = None,
    also_read: set[Path] | None = None,
) -> Routing:
    """Read both files; raise SchemaError with a line for each problem (file:line:column: what; what to do).

    Without alertmanager.yml all goes to the log. `environment` is what `${VAR}` in escalation.yml means. `strict`
    overrides `settings.alertmanager_compat`. The globs of templates are added to `also_read`. OSError becomes a SchemaError
    that names the file.
    """
    if alertmanager_path is None:
        routing = log_only()
        return routing if strict is None else replace(routing, settings=replace(routing.settings, strict=strict))
    text, source = _text(Path(alertmanager_path)), str(alertmanager_path)
    problems: list[str] = []
    file = _read_into(problems, AlertmanagerFile, text, source, None)
    escalation: EscalationFile | None = EscalationFile()
    folder = Path(alertmanager_path).parent
    if escalation_path is not None:
        folder = Path(escalation_path).parent
        second = _text(Path(escalation_path))
        escalation = _read_into(
            problems, EscalationFile, second, str(escalation_path), {} if environment is None else environment
        )
    if file is None or escalation is None:
        raise SchemaError(problems)
    secrets = (
        Secrets(Path(alertmanager_path).parent, read_secret, environment or {}),
        Secrets(folder, read_secret, environment or {}),
    )
    builder = _Builder(file, escalation, secrets, strict)
    if also_read is not None:
        also_read |= builder.globs()
    return builder.build(text)


def log_only() -> Routing:
    """Return the routing of an agent that was given no files: one message per problem, written to the log."""
    place = Place("built in", 1, 1)
    waits = (10_000, 60_000, ROUTE_DEFAULTS["repeat_interval"])
    by = frozenset({"alertname", "job"})
    root = Route("log", (), False, by, False, *waits, (), (), Labels(), "", 0, place)
    plan = ReceiverPlan("log", (log_destination(),))
    channels = PlanBuilder.log_channels()
    return Routing(root, {"log": plan}, (), {}, Directory({}, {}), channels, {}, Settings())


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SchemaError([f"{path}:1:1: cannot read the file: {reason}"]) from error


def _read_into(
    problems: list[str], cls: type[T], text: str, source: str, environment: Mapping[str, str] | None
) -> T | None:
    try:
        return read(cls, text, source, environment=environment)
    except SchemaError as error:
        problems.extend(error.problems)
        return None


class _Builder:
    """Turns what the files say into what runs, gathering problems and warnings on the way."""

    def __init__(
        self, file: AlertmanagerFile, escalation: EscalationFile, secrets: tuple[Secrets, Secrets], strict: bool | None
    ) -> None:
        self.file = file
        self.escalation = escalation
        self.secrets = secrets
        compat = escalation.settings.alertmanager_compat
        self.strict = compat == "strict" if strict is None else strict
        self.findings = Findings()
        self.index = 0

    def build(self, original: str) -> Routing:
        link_key = self.link_key()
        plans = PlanBuilder(self.file, self.escalation, self.secrets, self.findings, strict=self.strict)
        receivers = plans.build()
        intervals = self.intervals()
        own = {name: each for name, each in self.escalation.time_intervals.items() if name not in intervals}
        root = self.root(receivers, intervals)
        rules = tuple(self.inhibit_rule(spec) for spec in self.file.inhibit_rules if spec is not None)
        troubles = tuple(
            Trouble(name, self.matchers({}, {}, spec.matchers, spec.place), spec.equal)
            for name, spec in self.escalation.troubles.items()
        )
        self.beyond()
        drills = self.drills(receivers)
        message_templates = self.message_templates()
        go = read_templates(self.file.templates, self.secrets[0].folder, self.findings)
        try_texts(go, plans.texts, self.findings, strict=self.strict)
        self.findings.raise_problems()
        assert root is not None
        self.reach(root, receivers, plans.unsent)
        chosen = self.escalation.settings
        settings = Settings(
            strict=self.strict,
            renotify_on_unmute=chosen.renotify_on_unmute,
            critical_bypass=chosen.critical_bypass,
            ack_timeout_ms=chosen.ack_timeout,
            send_resolved={"true": True, "false": False}.get(chosen.send_resolved),
            resolve_timeout_ms=self.file.global_.resolve_timeout,
            timezone=chosen.timezone,
            links=chosen.links,
            link_lifetime_ms=chosen.link_lifetime,
            link_key=link_key,
        )
        return Routing(
            root=root,
            receivers=receivers,
            inhibit_rules=rules,
            time_intervals={**intervals, **own},
            directory=directory_of(self.escalation),
            channels=plans.channels,
            disabled=plans.disabled,
            settings=settings,
            limits={} if settings.strict else self.escalation.channels.limits(),
            go=go,
            message_templates=message_templates,
            warnings=self.findings.warnings,
            unreachable=self.findings.unreachable,
            original=original,
            troubles=troubles,
            drills=drills,
        )

    def globs(self) -> set[Path]:
        """Return what is read beside the two files and the secrets: templates of either kind."""
        ours = self.secrets[1].folder / str(self.escalation.templates or "templates") / "*"
        return {ours, *(self.secrets[0].folder / str(each) for each in self.file.templates)}

    def message_templates(self) -> Path | None:
        """Return the folder of our own messages' templates: the one that is named, else `templates` beside the file."""
        named, folder = self.escalation.templates, self.secrets[1].folder
        found = folder / str(named or "templates")
        if named and not found.is_dir():
            self.findings.problem(named.place, f"templates: there is no folder {found}")
        return found if found.is_dir() else None

    def drills(self, receivers: Mapping[str, ReceiverPlan]) -> tuple[Schedule, ...]:
        """Return the drills that come by themselves; each has a name of its own, and receivers that there are."""
        names: set[str] = set()
        for spec in self.escalation.drills:
            if spec.name in names:
                message = f'two drills are called "{spec.name}"; give each a name of its own'
                self.findings.problem(spec.place, message)
            names.add(spec.name)
            for chosen in (spec.receiver, spec.tell):
                self.known(chosen, set(receivers), "receiver", "a drill")
        return tuple(schedule_of(spec, self.escalation.settings.timezone) for spec in self.escalation.drills)

    def link_key(self) -> Secret | None:
        """Return the key that signs links, where one is named and can be read."""
        chosen, own = self.escalation.settings, self.secrets[1]
        known = len(own.problems)
        key = own.of(chosen.link_key, chosen.link_key_file)
        for place, message in own.problems[known:]:
            self.findings.warn(place, f"{message}; links are signed with the key beside the journal instead")
        if key and len(key.reveal()) < SHORTEST_LINK_KEY:
            place = chosen.link_key_file.place if chosen.link_key_file else chosen.place
            message = f"link_key can be guessed; give it {SHORTEST_LINK_KEY} characters or more, or leave it out"
            self.findings.problem(place, message)
        return key

    def intervals(self) -> dict[str, tuple[IntervalSpec, ...]]:
        found: dict[str, tuple[IntervalSpec, ...]] = {}
        for spec in (*self.file.mute_time_intervals, *self.file.time_intervals):
            if spec.name in found:
                self.findings.problem(spec.name.place, f'time interval "{spec.name}" is defined twice')
            found[str(spec.name)] = spec.time_intervals
            if spec.name in self.escalation.time_intervals:
                self.findings.problem(spec.name.place, f'time interval "{spec.name}" is defined in escalation.yml too')
        return found

    def root(self, receivers: Mapping[str, ReceiverPlan], intervals: Mapping[str, object]) -> Route | None:
        spec = self.file.route
        if spec is None:
            self.findings.problem(self.file.place, "no route is given; the file needs a route with a receiver")
            return None
        if spec.receiver is None:
            self.findings.problem(spec.place, "the root route must name a receiver")
        made = self.route(spec, None, set(receivers), set(intervals))
        kept = ("match", "match_re", "matchers") if made.matchers else ()
        for name in (*kept, "continue_", "mute_time_intervals", "active_time_intervals"):
            if getattr(spec, name):
                message = f"the root route takes every alert at any time: it cannot have {name.rstrip('_')}"
                self.findings.problem(spec.place, message)
        return made

    def route(self, spec: RouteSpec, parent: Route | None, receivers: set[str], intervals: set[str]) -> Route:
        """Build a node and what is below it; matchers, continue and time intervals are the only things not inherited."""
        self.known(spec.receiver, receivers, "receiver")
        for name in (*spec.mute_time_intervals, *spec.active_time_intervals):
            self.known(name, intervals, "time interval")
        by, by_all = (parent.group_by, parent.group_by_all) if parent else (frozenset[str](), False)
        if spec.group_by is not None:
            by_all = "..." in spec.group_by
            by = frozenset() if by_all else frozenset(str(name) for name in spec.group_by)
        inherited = {name: getattr(parent, f"{name}_ms") if parent else value for name, value in ROUTE_DEFAULTS.items()}
        wait, interval, repeat = (
            inherited[name] if getattr(spec, name) is None else getattr(spec, name) for name in ROUTE_DEFAULTS
        )
        if repeat < interval and (spec.repeat_interval is not None or spec.group_interval is not None):
            message = "repeat_interval is shorter than group_interval; repeats come only every group_interval"
            self.findings.warn(spec.place, message)
        matchers = self.matchers(spec.match, spec.match_re, spec.matchers, spec.place)
        made = Route(
            receiver=str(spec.receiver or (parent.receiver if parent else "")),
            matchers=sort_matchers(matchers),
            continue_=spec.continue_,
            group_by=by,
            group_by_all=by_all,
            group_wait_ms=wait,
            group_interval_ms=interval,
            repeat_interval_ms=repeat,
            mute_time_intervals=tuple(str(name) for name in spec.mute_time_intervals),
            active_time_intervals=tuple(str(name) for name in spec.active_time_intervals),
            labels=(parent.labels if parent else Labels()).merged(spec.labels),
            parent_key=parent.key if parent else "",
            index=self.index,
            place=spec.place,
        )
        self.index += 1
        return replace(made, routes=tuple(self.route(child, made, receivers, intervals) for child in spec.routes))

    def known(self, name: Text | None, names: set[str], what: str, user: str = "route") -> None:
        if name and name not in names:
            near = suggest(name, sorted(names))
            self.findings.problem(name.place, f'undefined {what} "{name}" used in {user}{near}')

    def matchers(
        self, match: Mapping[str, Text | None], match_re: Mapping[str, Text | None], texts: Sequence[Text], place: Place
    ) -> tuple[Matcher, ...]:
        found: list[Matcher] = [alert_matcher(name, MatchOp.EQUAL, value or "") for name, value in match.items()]
        for name, value in match_re.items():
            try:
                found.append(alert_matcher(name, MatchOp.REGEX, f"^(?:{value})$"))
            except ValueError as error:
                self.findings.problem(value.place if value is not None else place, str(error))
        for text in texts:
            try:
                reading = parse_matchers(text)
            except ValueError as error:
                self.findings.problem(
                    text.place, f'cannot read the matcher: {error}; write it like severity="critical"'
                )
                continue
            found.extend(reading.matchers)
            if reading.warning:
                self.findings.warn(text.place, reading.warning)
        return tuple(found)

    def inhibit_rule(self, spec: InhibitSpec) -> InhibitRule:
        sources = self.matchers(spec.source_match, spec.source_match_re, spec.source_matchers, spec.place)
        targets = self.matchers(spec.target_match, spec.target_match_re, spec.target_matchers, spec.place)
        return InhibitRule(sources, targets, spec.equal, spec.name)

    def beyond(self) -> None:
        """Warn of what is parsed and not yet obeyed."""
        for name in ("tracing", "event_recorder"):
            if getattr(self.file, name):
                self.findings.warn(self.file.place, f"{name} is not used by Burnline")

    def reach(self, root: Route, receivers: Mapping[str, ReceiverPlan], unsent: Mapping[str, tuple[str, ...]]) -> None:
        """Find routes whose receiver reaches nobody, and channels whose failing nobody else would tell of."""
        for route, message in blind_spots(root, receivers):
            self.findings.warn(route.place, message)
        for route in root.walk():
            plan = receivers[route.receiver]
            if not plan.silent:
                continue
            if unsent.get(route.receiver):
                kinds = ", ".join(unsent[route.receiver])
                message = f'receiver "{route.receiver}" has only integrations that Burnline cannot send ({kinds})'
                self.findings.unreached(route.place, message + "; its messages go to the log")
            elif route.receiver not in SILENT_NAMES:
                message = f'receiver "{route.receiver}" reaches nobody; its messages go to the log'
                self.findings.warn(route.place, message)

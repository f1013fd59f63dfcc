"""Stories from a seed: a configuration, and what happens at which instant. Instants count in ms from the story's start.

Nothing happens in the instant of a tick: what changes anything lies at other fractions of a second than the ticks that
follow from it (all group_intervals are whole seconds, see EVENT and WAITS), so a few milliseconds decide nothing.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import yaml

HANG: Final = -1
REFUSE: Final = -2
"""What a webhook does in place of answering with a status."""
RETRIED: Final = (500, 503, REFUSE)
"""What Alertmanager tries again within the tick."""
LASTS_MS: Final = 37_000
"""Long enough for Alertmanager's clean-up of empty groups, 30 s after its start or reload."""
EXTERNAL_URL: Final = "http://alerts.example:9093"

WAITS: Final = (550, 1_550, 2_550)
LATE: Final = (200, 350)
"""Fractions of a second at which alerts come that are older than group_wait: their groups tick at the same fraction."""
RELOAD: Final = 100
REPEAT: Final = 620
"""The fraction of repeat intervals: no difference of two of the instants above comes near it."""
EDGE: Final = 450
"""The fraction at which webhooks begin and cease to fail, and alerts end that nobody repeats."""
QUIET: Final = range(660, 940)
"""The fractions at which nothing happens. Sides begin at these: whole seconds later they sweep away groups that are empty, and a
group that is empty only until somebody hands an alert over must not be swept by one side before that and by the other after."""

Config = dict[str, Any]


def _instant(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True)
class Told:
    """An alert as it is handed over; no end leaves it to resolve_timeout, no start to the one who is told."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_ms: int | None
    ends_ms: int | None

    def as_posted(self, start_ms: int) -> dict[str, Any]:
        """Return it as the API takes it."""
        body: dict[str, Any] = {
            "labels": dict(self.labels),
            "annotations": dict(self.annotations),
            "generatorURL": "http://prometheus.example/graph?g0.expr=up&g0.tab=1",
        }
        if self.starts_ms is not None:
            body["startsAt"] = _instant(start_ms + self.starts_ms)
        if self.ends_ms is not None:
            body["endsAt"] = _instant(start_ms + self.ends_ms)
        return body


@dataclass(frozen=True)
class Post:
    """Hand alerts over."""

    at_ms: int
    alerts: tuple[Told, ...]


@dataclass(frozen=True)
class Silence:
    """Set a silence; where there is one of this name, change that one."""

    at_ms: int
    name: str
    matchers: tuple[tuple[str, str, str], ...]
    starts_ms: int
    ends_ms: int

    def as_posted(self, start_ms: int, silence_id: str = "") -> dict[str, Any]:
        """Return it as the API takes it."""
        matchers = [
            {"name": name, "value": value, "isRegex": "~" in operator, "isEqual": operator.startswith("=")}
            for name, operator, value in self.matchers
        ]
        times = {"startsAt": _instant(start_ms + self.starts_ms), "endsAt": _instant(start_ms + self.ends_ms)}
        made = {"matchers": matchers, **times, "createdBy": "story", "comment": self.name}
        return {**made, "id": silence_id} if silence_id else made


@dataclass(frozen=True)
class Expire:
    """End a silence."""

    at_ms: int
    name: str


@dataclass(frozen=True)
class Reload:
    """Change the configuration."""

    at_ms: int
    config: Config


@dataclass(frozen=True)
class Fault:
    """A webhook fails for a while: with an HTTP status, HANG or REFUSE."""

    hook: str
    at_ms: int
    until_ms: int
    status: int


Action = Post | Silence | Expire | Reload


@dataclass(frozen=True)
class Scenario:
    """A story; webhooks are named `hook:NAME` where a file has their addresses."""

    seed: int
    config: Config
    actions: tuple[Action, ...]
    faults: tuple[Fault, ...]
    hooks: tuple[str, ...]

    @staticmethod
    def text(config: Config, urls: Mapping[str, str]) -> str:
        """Write a configuration down, with the addresses of one side's webhooks."""
        made = copy.deepcopy(config)
        for receiver in made["receivers"]:
            for each in receiver.get("webhook_configs", ()):
                each["url"] = urls[each["url"].removeprefix("hook:")]
        return yaml.safe_dump(made, sort_keys=False)


def scenario(seed: int, around_ms: int) -> Scenario:
    """Make the story of a seed; time intervals are laid around an instant."""
    return _Author(seed, around_ms).story()


@dataclass
class _Author:
    seed: int
    around_ms: int
    hooks: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.faulty = self.random.random() < 0.5
        self.sparse = not self.faulty and self.random.random() < 0.35

    def story(self) -> Scenario:
        receivers = [self.receiver(name) for name in ("root", "team-a", "team.b")]
        config = self.config(receivers)
        actions = [*self.posts(), *self.silences(), *self.reloads(config)]
        if self.sparse:
            actions = self.spread(actions)
        faults = self.faults() if self.faulty else []
        ordered = tuple(sorted(actions, key=lambda each: each.at_ms))
        return Scenario(self.seed, config, ordered, tuple(faults), tuple(self.hooks))

    # --- configuration ---

    def config(self, receivers: list[Config]) -> Config:
        root = {
            "receiver": self.random.choice(("root", "root", "team-a")),
            **self.group_by(root=True),
            **self.timers(),
            "routes": [self.route(1) for _ in range(self.random.randint(1, 3))],
        }
        return {
            "global": {"resolve_timeout": f"{self.random.randint(4, 12)}s{EDGE}ms"},
            "route": root,
            "receivers": receivers,
            "inhibit_rules": [self.inhibition() for _ in range(self.random.choice((0, 1, 1, 2)))],
            "time_intervals": self.intervals(),
        }

    def receiver(self, name: str) -> Config:
        configs = []
        for number in range(self.random.choice((1, 1, 2, 3))):
            hook = f"{name}/{number}"
            self.hooks.append(hook)
            made: Config = {"url": f"hook:{hook}"}
            if self.random.random() < 0.5:
                made["send_resolved"] = self.random.random() < 0.4
            if self.random.random() < 0.15:
                made["max_alerts"] = self.random.randint(1, 2)
            configs.append(made)
        if self.random.random() < 0.1:
            configs.append(dict(configs[0]))
        return {"name": name, "webhook_configs": configs}

    def group_by(self, *, root: bool = False) -> Config:
        """Choose a grouping. Below the root an empty one inherits in 0.25 and resets since, so that it is left out here."""
        some = (["alertname"], ["alertname", "team"], ["severity"], ["..."], ["instance", "nowhere"])
        chosen = self.random.choice((*some, []) if root else some)
        return {"group_by": chosen} if self.random.random() < 0.8 else {}

    def timers(self) -> Config:
        interval = self.random.choice((4, 5) if self.faulty else (1, 2, 2, 3, 4, 5))
        repeats = [interval * 1000 * times + REPEAT for times in (1, 2, 3)]
        if not self.faulty:
            repeats += [interval * 1000, REPEAT]
        wait = self.random.choice((0, 0, 1_000, 2_000) if self.sparse else WAITS)
        return {
            "group_wait": f"{wait}ms",
            "group_interval": f"{interval}s",
            "repeat_interval": f"{self.random.choice((*repeats, 60_000))}ms",
        }

    def route(self, depth: int) -> Config:
        made: Config = self.matching()
        if self.random.random() < 0.7:
            made["receiver"] = self.random.choice(("root", "team-a", "team.b"))
        if self.random.random() < 0.4:
            made |= self.group_by()
        if self.random.random() < 0.4:
            made |= self.timers()
        if self.random.random() < 0.4:
            made["continue"] = True
        if self.random.random() < 0.12:
            made["mute_time_intervals"] = [self.random.choice(("minute", "never", "always"))]
        if self.random.random() < 0.12:
            made["active_time_intervals"] = [self.random.choice(("minute", "always", "never"))]
        if depth < 3 and self.random.random() < 0.4:
            made["routes"] = [self.route(depth + 1) for _ in range(self.random.randint(1, 2))]
        return made

    def matching(self) -> Config:
        return copy.deepcopy(
            self.random.choice(
                (
                    {"match": {"team": "x"}},
                    {"match_re": {"severity": "crit.*|warning"}},
                    {"matchers": ['severity="critical"']},
                    {"matchers": ["team=~x|y", "instance!=1"]},
                    {"matchers": ['job!~"n.*"']},
                    {"matchers": ["{alertname=A}"]},
                    {"matchers": ['alertname=~"A|B"', 'note=""']},
                    {"match": {"alertname": "B"}, "matchers": ['team!="y"']},
                    {"matchers": ['nowhere=""']},
                    {},
                )
            )
        )

    def inhibition(self) -> Config:
        equal = self.random.choice((["alertname"], ["instance"], ["team", "nowhere"], []))
        rule = self.random.choice(
            (
                {"source_matchers": ['severity="critical"'], "target_matchers": ['severity=~"warning|info"']},
                {"source_match": {"alertname": "A"}, "target_match_re": {"alertname": "B|C"}},
                {"source_matchers": ['alertname=~"A|B"'], "target_matchers": ['alertname=~"B|C"']},
                {"source_matchers": ['severity="critical"'], "target_matchers": ['team="x"']},
            )
        )
        return {**copy.deepcopy(rule), "equal": equal} if equal or self.random.random() < 0.5 else copy.deepcopy(rule)

    def intervals(self) -> list[Config]:
        """Name an interval without end, one that is empty, and one that ends or begins at the next full minute."""
        edge = self.around_ms // 60_000 + 1
        begin, end = (edge - 1, edge) if self.random.random() < 0.5 else (edge, edge + 1)

        def clock(minute: int, *, closing: bool = False) -> str:
            of_day = minute % 1440
            return "24:00" if closing and not of_day else f"{of_day // 60:02}:{of_day % 60:02}"

        times = [{"start_time": clock(begin), "end_time": clock(end, closing=True)}]
        return [
            {"name": "always", "time_intervals": [{"years": ["2000:2999"]}]},
            {"name": "never", "time_intervals": [{"years": ["1999"]}]},
            {"name": "minute", "time_intervals": [{"times": times}]},
        ]

    # --- what happens ---

    def labels(self) -> dict[str, str]:
        made = {"alertname": self.random.choice("ABC")}
        for name, values in (
            ("severity", ("critical", "warning", "info", None)),
            ("team", ("x", "y", "", None)),
            ("instance", ("1", "2", None)),
            ("job", ("node", "api", None)),
        ):
            value = self.random.choice(values)
            if value is not None:
                made[name] = value
        if self.random.random() < 0.15:
            made["note"] = self.random.choice(('say "no"', "two\nlines", "back\\slash", "<b>ä&é</b> 🔥", "a" * 300))
        return made

    def posts(self) -> list[Post]:
        found: dict[int, list[Told]] = {}
        sets = {tuple(sorted(each.items())): each for each in (self.labels() for _ in range(self.random.randint(4, 8)))}
        for labels in list(sets.values())[: 4 if self.sparse else 8]:
            for at_ms, told in self.life(labels):
                if at_ms < LASTS_MS - 3_000:
                    found.setdefault(at_ms, []).append(told)
        for fraction in LATE if not self.sparse and self.random.random() < 0.5 else ():
            at_ms = self.random.randint(2, 20) * 1000 + fraction
            found[at_ms] = [Told(self.labels(), {"summary": "late"}, at_ms - 60_000, at_ms + 90_000 - at_ms % 1000)]
        return [Post(at_ms, tuple(alerts)) for at_ms, alerts in sorted(found.items())]

    def life(self, labels: dict[str, str]) -> list[tuple[int, Told]]:
        """Return what is handed over of one alert: it fires, is repeated, changes, ends, and fires again perhaps."""
        told: list[tuple[int, Told]] = []
        at_ms = self.random.randint(0, 10) * 1000
        for round_ in range(1 if self.sparse else self.random.randint(1, 3)):
            # 300 ms are less than any wait, so that no message depends on how long the alert was on its way
            starts_ms = self.random.choice((at_ms, at_ms, at_ms - 300, at_ms - 60_000 if self.sparse else at_ms, None))
            open_end = self.random.random() < 0.3
            ends = None if open_end else at_ms + 1000 * self.random.choice((2, 4, 7, 60, 60, 60))
            texts = {"summary": f"round {round_}"} if self.random.random() < 0.8 else {}
            told.append((at_ms, Told(labels, texts, starts_ms, ends)))
            for _ in range(self.random.choice((0, 0, 1, 2))):
                at_ms += self.random.randint(1, 5) * 1000
                texts = {**texts, "more": str(at_ms)} if self.random.random() < 0.4 else texts
                again = (
                    None if open_end != (self.random.random() < 0.1) else at_ms + self.random.choice((3_000, 60_000))
                )
                told.append((at_ms, Told(labels, texts, starts_ms, again)))
            if self.random.random() < 0.7:
                at_ms += self.random.randint(2, 9) * 1000
                over = Told(labels, texts, starts_ms, at_ms - 50)
                told.append((at_ms, over))
                if self.random.random() < 0.3:
                    at_ms += self.random.randint(2, 6) * 1000
                    told.append((at_ms, over))
            at_ms += self.random.randint(2, 10) * 1000
        return told

    def silences(self) -> list[Action]:
        made: list[Action] = []
        for number in range(self.random.choice((0, 1, 1, 2))):
            name = f"silence {number}"
            matchers = self.random.choice(
                (
                    (("alertname", "=", "A"),),
                    (("team", "=~", "x|y"), ("severity", "!=", "info")),
                    (("instance", "!~", "1|"), ("alertname", "=~", "A|B|C")),
                    (("severity", "=", "critical"),),
                )
            )
            at_ms = self.random.randint(2, 18) * 1000
            starts = at_ms + self.random.choice((0, 0, 3_000))
            ends = starts + self.random.randint(3, 12) * 1000
            made.append(Silence(at_ms, name, matchers, starts, ends))
            choice = self.random.random()
            later = self.random.randint(at_ms // 1000 + 1, ends // 1000 - 1) * 1000
            if choice < 0.3:
                made.append(Expire(later, name))
            elif choice < 0.6:
                shifted = later + self.random.randint(2, 9) * 1000
                others = matchers if self.random.random() < 0.6 else (("alertname", "=", "B"),)
                made.append(Silence(later, name, others, starts, shifted))
        return made

    def reloads(self, config: Config) -> list[Action]:
        if self.random.random() < 0.55:
            return []
        changed = copy.deepcopy(config)
        route, receivers = changed["route"], changed["receivers"]
        choice = self.random.randint(0, 6)
        if choice == 0:
            route["routes"] = [self.route(2), *route["routes"]]
        elif choice == 1:
            route |= self.timers()
        elif choice == 2:
            route["group_by"] = ["alertname", "instance"]
        elif choice == 3:
            _rename(changed, "team-a", "team-c")
        elif choice == 4:
            changed["inhibit_rules"] = [self.inhibition()]
        elif choice == 5:
            receivers[0]["webhook_configs"].reverse()
        return [Reload(self.random.randint(6, 24) * 1000 + RELOAD, changed)]

    def spread(self, actions: Sequence[Action]) -> list[Action]:
        """Give each action a fraction of a second of its own, as its groups tick at once and at that fraction."""
        kept = sorted(actions, key=lambda each: each.at_ms)[:9]
        named = {each.name for each in kept if isinstance(each, Silence)}
        kept = [each for each in kept if not isinstance(each, Expire) or each.name in named]
        return [_moved(each, number * 100) for number, each in enumerate(kept)]

    def faults(self) -> list[Fault]:
        """Let webhooks fail: where it is tried again, for so short a time that the next try comes before the next tick."""
        made = []
        for hook in self.random.sample(self.hooks, self.random.randint(1, min(3, len(self.hooks)))):
            at_ms = self.random.randint(1, 14) * 1000 + EDGE
            status = self.random.choice((404, 429, 429, *RETRIED, HANG))
            lasts = 1_000 if status in RETRIED else self.random.randint(2, 9) * 1000
            starts = [at_ms + later for later in ((0, 4_000, 11_000) if status in RETRIED else (0,))]
            made += [Fault(hook, start_ms, start_ms + lasts, status) for start_ms in starts]
        return made


def _moved(action: Action, by_ms: int) -> Action:
    at_ms = action.at_ms - action.at_ms % 1000 + by_ms
    if isinstance(action, Silence):
        times = action.starts_ms + by_ms, action.ends_ms + by_ms
        return Silence(at_ms, action.name, action.matchers, *times)
    if isinstance(action, Expire):
        return Expire(at_ms, action.name)
    if isinstance(action, Reload):
        return Reload(at_ms, action.config)
    alerts = tuple(
        Told(
            each.labels,
            each.annotations,
            each.starts_ms if each.starts_ms is None else each.starts_ms + by_ms,
            each.ends_ms if each.ends_ms is None else each.ends_ms + by_ms,
        )
        for each in action.alerts
    )
    return Post(at_ms, alerts)


def _rename(config: Config, old: str, new: str) -> None:
    def walk(route: Config) -> None:
        if route.get("receiver") == old:
            route["receiver"] = new
        for child in route.get("routes", ()):
            walk(child)

    walk(config["route"])
    for receiver in config["receivers"]:
        if receiver["name"] == old:
            receiver["name"] = new

"""What a rule file says, as frozen values: groups and rules with their places. Nothing here runs.

As strict as Prometheus: what its loader refuses is refused, with file, line and column, and a suggestion where there is one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, ClassVar, Final, NamedTuple

from agent.errors import TemplateError
from agent.gotemplate import PROMETHEUS, Struct, Template, Value, parse
from agent.model import METRIC_NAME, Labels
from agent.rules.expressions import checked
from agent.schema import Convert, Duration, Place, Text, WrongText, WrongValue, key, suggest

VARIABLES: Final = ("$labels", "$value", "$externalLabels", "$externalURL")
"""What templates in rule files may use."""


NO_DATA_ANNOTATION: Final = "burnline_no_data"
"""The annotation that says what a rule does while nothing is known of its series. No message carries it."""


class NoData(StrEnum):
    """What becomes of a rule's alerts while nothing is known of their series; `UNSAID` is Prometheus' behaviour."""

    UNSAID = ""
    KEEP = "keep"
    RESOLVE = "resolve"
    ALERT = "alert"


def parse_template(text: str, name: str) -> Template:
    """Parse a rule's template; raise TemplateError."""
    return parse(str(text), name, PROMETHEUS, VARIABLES)


def alert_values(
    labels: Labels, value: float, external_labels: Labels, external_url: str
) -> tuple[Struct, dict[str, Value]]:
    """Return what the templates of one alert are given: the dot, and the values of `VARIABLES`."""
    fields = {"Labels": labels, "ExternalLabels": external_labels, "ExternalURL": external_url, "Value": value}
    variables = dict(zip(VARIABLES, (labels, value, external_labels, external_url), strict=True))
    return Struct("template.alertTemplateData", fields), variables


def checked_template(text: str) -> Text:
    """Return `text` where it is a template; raise WrongText at the place inside it that is wrong."""
    if not isinstance(text, Text):
        message = "expected text"
        raise TypeError(message)
    try:
        parse_template(text, "annotation")
    except TemplateError as error:
        place = text.locate(error.line, error.column)
        raise WrongText(place, f"could not parse template: {error.message}") from error
    return text


Expression = Annotated[Text, Convert(checked, "a PromQL expression")]
TemplateText = Annotated[Text, Convert(checked_template, "text")]


class GroupKey(NamedTuple):
    """The identity of a group: its file (as named relative to the root) and its name."""

    file: str
    name: str

    def __str__(self) -> str:
        return f"{self.file};{self.name}"


def _check_names(labels: Mapping[str, Text], kind: str) -> None:
    for name, value in labels.items():
        if not name or (kind == "label" and name == METRIC_NAME):
            raise WrongText(value.place, f'invalid {kind} name "{name}"')


def _check_no_data(said: Text | None) -> None:
    known = [str(each) for each in NoData if each]
    if said is not None and str(said) not in known:
        message = f'{NO_DATA_ANNOTATION} is "{said}"; it can be {", ".join(known[:-1])} or {known[-1]}'
        raise WrongText(said.place, f"{message}{suggest(str(said), known)}")


@dataclass(frozen=True, slots=True)
class Rule:
    """A recording rule (`record` is set) or an alerting rule (`alert` is set). Durations are milliseconds."""

    __title__: ClassVar[str] = "rule"
    __named_by__: ClassVar[tuple[str, ...]] = ("alert", "record")

    expr: Expression
    place: Place = field(compare=False)
    record: Text | None = None
    alert: Text | None = None
    for_ms: Duration | None = key("for", default=None)
    keep_firing_for_ms: Duration | None = key("keep_firing_for", default=None)
    labels: Mapping[str, Text] = field(default_factory=dict)
    annotations: Mapping[str, TemplateText] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.record and self.alert:
            raise WrongValue("record", "only one of 'record' and 'alert' must be set")
        if not self.record and not self.alert:
            raise ValueError("one of 'record' or 'alert' must be set")
        _check_names(self.labels, "label")
        _check_names(self.annotations, "annotation")
        if self.record:
            self._check_record()
        else:
            for text in self.labels.values():
                checked_template(text)
            _check_no_data(self.annotations.get(NO_DATA_ANNOTATION))

    def _check_record(self) -> None:
        for name, given in (
            ("annotations", self.annotations),
            ("for", self.for_ms),
            ("keep_firing_for", self.keep_firing_for_ms),
        ):
            if given:
                raise WrongValue(name, f"invalid field '{name}' in recording rule")
        if "{" in self.name or "}" in self.name:
            raise WrongValue("record", f"braces present in the recording rule name; should it be in expr?: {self.name}")

    @property
    def name(self) -> str:
        """The alert's or the recorded metric's name."""
        return str(self.alert or self.record)

    @property
    def is_alert(self) -> bool:
        """Say whether this is an alerting rule."""
        return bool(self.alert)

    @property
    def no_data(self) -> NoData:
        """What becomes of the rule's alerts while nothing is known of their series."""
        return NoData(str(self.annotations.get(NO_DATA_ANNOTATION, "")))


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that are evaluated one after the other at one instant.

    `interval_ms` None means the default; `query_offset_ms` None means the default, 0 means none; `limit` 0 means no limit.
    """

    __title__: ClassVar[str] = "group"
    __named_by__: ClassVar[tuple[str, ...]] = ("name",)

    name: Text
    place: Place = field(compare=False)
    rules: tuple[Rule, ...] = ()
    interval_ms: Duration | None = key("interval", default=None)
    query_offset_ms: Duration | None = key("query_offset", default=None)
    limit: int = 0
    labels: Mapping[str, Text] = field(default_factory=dict)
    file: str = field(init=False, default="")
    """The file's name relative to the root of the rule files; set when loaded."""

    @classmethod
    def made(cls, name: Text, place: Place, rules: Iterable[Rule]) -> Group:
        """Return a group that stands in no rule file and was made of what stands at `place`."""
        group = cls(name=name, place=place, rules=tuple(rules))
        object.__setattr__(group, "file", place.source)  # not yet shared with anybody
        return group

    def __post_init__(self) -> None:
        if not self.name:
            raise WrongValue("name", "a group needs a name")
        _check_names(self.labels, "label")

    @property
    def key(self) -> GroupKey:
        """The group's identity."""
        return GroupKey(self.file, str(self.name))

    def labels_of(self, rule: Rule) -> dict[str, str]:
        """Return a rule's labels as written, over those of the group; an empty value removes a label."""
        return {name: str(value) for name, value in {**self.labels, **rule.labels}.items()}


@dataclass(frozen=True, slots=True)
class RuleFile:
    """A whole rule file."""

    groups: tuple[Group, ...] = ()

    def __post_init__(self) -> None:
        seen: dict[str, Group] = {}
        for group in self.groups:
            first = seen.setdefault(str(group.name), group)
            if first is not group:
                raise WrongText(
                    group.name.place,
                    f'groupname "{group.name}" is repeated in the same file; it was first given in line {first.name.place.line}',
                )


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All rules that belong together: the groups of all files, in the files' order."""

    groups: tuple[Group, ...] = ()
    files: tuple[str, ...] = ()

    @property
    def rules(self) -> tuple[tuple[Group, Rule], ...]:
        """Every rule with its group."""
        return tuple((group, rule) for group in self.groups for rule in group.rules)


def static_labels(group: Group, rule: Rule) -> Labels:
    """Return the labels that make a rule the same rule after its file was edited."""
    return Labels(group.labels_of(rule))

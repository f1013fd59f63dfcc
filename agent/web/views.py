"""What the room shows: frozen values that `app` fills from the engines. They hold no logic beyond picking a label.

Times are int milliseconds since the epoch, durations int milliseconds, fingerprints 16 hex digits. Nothing in here may be
a secret: every field can end up in an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from agent.model import Labels

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from agent.model import Matcher


@dataclass(frozen=True, slots=True)
class Series:
    """One series of a matrix: `timestamps` int64 and `values` float64, both of shape (n,), rising, nothing missing.

    Series that share their steps should share the `timestamps` array; nothing depends on it. histograms: None where all are
    floats, else object of shape (n,): a `Histogram` in the place of a value, or None.
    """

    labels: Labels
    timestamps: NDArray[np.int64]
    values: NDArray[np.float64]
    histograms: NDArray[np.object_] | None = None


@dataclass(frozen=True, slots=True)
class Matrix:
    """The result of a range query, or of an instant query for a range selector, in the order to show."""

    series: Sequence[Series]


@dataclass(frozen=True, slots=True)
class Vector:
    """The result of an instant query: `labels[i]` has `values[i]` at `timestamp_ms`, in the order to show.

    histograms as in `Series`.
    """

    labels: Sequence[Labels]
    values: NDArray[np.float64]
    timestamp_ms: int
    histograms: NDArray[np.object_] | None = None


@dataclass(frozen=True, slots=True)
class Scalar:
    """A number without labels."""

    timestamp_ms: int
    value: float


@dataclass(frozen=True, slots=True)
class Text:
    """A PromQL string literal."""

    timestamp_ms: int
    value: str


@dataclass(frozen=True, slots=True)
class QueryAnswer:
    """A result with what the engine has to say about it, each a whole sentence with its place."""

    result: Vector | Matrix | Scalar | Text
    warnings: Sequence[str] = ()
    infos: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class QueryOptions:
    """What a client asks beyond the query itself; None leaves it to the engine."""

    timeout_ms: int | None = None
    lookback_ms: int | None = None
    gone: Callable[[], bool] | None = field(default=None, compare=False)
    """Whether the client has hung up; it may be asked from any thread."""


@dataclass(frozen=True, slots=True)
class PlanNode:
    """One node of an evaluated query: its PromQL, what it does in words, and what it took by itself, without its inputs.

    `how` is "computed", "computed once" (at one instant, for all steps), "shared" (computed where it stood before) or
    "literal"; `built` counts indexes over the series that were not cached.
    """

    expr: str
    does: str
    series: int | None
    samples: int
    how: str
    built: int
    seconds: float
    inputs: Sequence[PlanNode] = ()


@dataclass(frozen=True, slots=True)
class PlanAnswer:
    """An evaluated query, node by node, with its totals; `planned` says whether it had been compiled before."""

    root: PlanNode
    steps: int
    samples: int
    peak_bytes: int
    seconds: float
    planned: bool


@dataclass(frozen=True, slots=True)
class MetricMetadata:
    """What targets say of a metric: its type (counter, gauge, …), its HELP and its UNIT."""

    type: str
    help: str
    unit: str = ""


class AlertState(StrEnum):
    """Where an alert stands."""

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Somebody said: I have it."""

    by: str
    at_ms: int
    comment: str = ""


@dataclass(frozen=True, slots=True)
class AlertView:
    """One alert. `active_at_ms` is when its condition first held, `fired_at_ms` when it fired (0: not yet).

    Since `no_data_since_ms` (0: not so) nothing is known of it and it stays as it was, `no_data_why` says why. `suppressed` says
    in words why nobody is told (silenced by …, inhibited by …), "" where nothing holds it back.
    """

    labels: Labels
    annotations: Labels
    state: AlertState
    active_at_ms: int
    value: float
    fired_at_ms: int = 0
    resolved_at_ms: int = 0
    keep_firing_since_ms: int = 0
    no_data_since_ms: int = 0
    no_data_why: str = ""
    acknowledgement: Acknowledgement | None = None
    suppressed: str = ""
    fingerprint: str = field(init=False, compare=False, default="")

    def __post_init__(self) -> None:
        object.__setattr__(self, "fingerprint", self.labels.fingerprint())

    @property
    def name(self) -> str:
        """The alertname label."""
        return self.labels.get("alertname") or "unnamed alert"

    @property
    def severity(self) -> str:
        """The severity label, "" where it has none."""
        return self.labels.get("severity")

    @property
    def summary(self) -> str:
        """One line on what is wrong: the summary, else the description's first line, else the name."""
        text = self.annotations.get("summary") or self.annotations.get("description")
        return text.strip().partition("\n")[0] or self.name


@dataclass(frozen=True, slots=True)
class Transition:
    """One step of an alert's life, with the value the expression had then and why it was taken."""

    at_ms: int
    before: AlertState
    after: AlertState
    value: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class HistoryQuestion:
    """Which changes of alerts' states are asked for; what is empty asks for all.

    Of several selectors (sets of matchers), rules, groups or states one must hold; `states` are those after the change.
    `start_ms` and `end_ms` belong to the span; `token` is where the page before ended.
    """

    selectors: Sequence[Sequence[Matcher]] = ()
    rules: Sequence[str] = ()
    groups: Sequence[str] = ()
    states: Sequence[str] = ()
    fingerprint: str = ""
    start_ms: int | None = None
    end_ms: int | None = None
    limit: int = 100
    token: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One change of an alert's state: when, which alert of which rule, from what to what, at which value and why."""

    at_ms: int
    labels: Labels
    before: AlertState
    after: AlertState
    value: float | None = None
    reason: str = ""
    rule: str = ""
    group: str = ""
    file: str = ""
    fingerprint: str = ""

    @property
    def severity(self) -> str:
        """The severity label, "" where it has none."""
        return self.labels.get("severity")


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Lines of the history, newest first; `next_token` leads to the older ones, "" where there are none."""

    lines: Sequence[HistoryLine]
    next_token: str = ""


@dataclass(frozen=True, slots=True)
class ReloadAnswer:
    """What a reload changed: in a line of words, and by kind as plain data."""

    words: str
    changes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message to one target. `state` is the outbox's word (pending, sent, delivered, failed, superseded, …).

    `target` is what may be shown of the address; `detail` is the provider's last answer or error.
    """

    at_ms: int
    channel: str
    target: str
    state: str
    reason: str = ""
    person: str = ""
    attempts: int = 0
    provider_id: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class NextStep:
    """What will happen, in words (`SMS to bob`), and when; `at_ms` 0 means as soon as it can be."""

    at_ms: int
    what: str


@dataclass(frozen=True, slots=True)
class AlertDetail:
    """All that is known of one alert, for its page and `GET /api/v1/alerts/{fingerprint}`.

    `condition` is the comparison at the expression's end where it has one (`> 0.05`). `next_steps` is what happens unless
    somebody acknowledges or it resolves; `people` are the names to offer for an acknowledgement.
    """

    alert: AlertView
    expression: str = ""
    condition: str = ""
    for_ms: int = 0
    group: str = ""
    file: str = ""
    transitions: Sequence[Transition] = ()
    deliveries: Sequence[Delivery] = ()
    next_steps: Sequence[NextStep] = ()
    people: Sequence[str] = ()


class RuleHealth(StrEnum):
    """How a rule's last evaluation went."""

    OK = "ok"
    ERROR = "err"
    UNKNOWN = "unknown"


class EvaluationView(Protocol):
    """One evaluation of a rule: when, how long it took, what its queries read, how many series it gave, why it failed."""

    @property
    def at_ms(self) -> int:
        """The instant it was for."""
        ...

    @property
    def seconds(self) -> float:
        """How long it took."""
        ...

    @property
    def series(self) -> int:
        """How many series its selectors gave."""
        ...

    @property
    def samples(self) -> int:
        """How many samples its queries read."""
        ...

    @property
    def results(self) -> int:
        """How many series its expression gave."""
        ...

    @property
    def error(self) -> str:
        """Why it failed, "" where it did not."""
        ...


@dataclass(frozen=True, slots=True)
class RuleView:
    """One rule; `alerting` tells an alerting rule from a recording one, for which `alerts` stays empty."""

    name: str
    query: str
    alerting: bool
    labels: Labels = field(default_factory=Labels)
    annotations: Labels = field(default_factory=Labels)
    for_ms: int = 0
    keep_firing_for_ms: int = 0
    health: RuleHealth = RuleHealth.UNKNOWN
    last_error: str = ""
    last_evaluation_ms: int = 0
    evaluation_seconds: float = 0.0
    alerts: Sequence[AlertView] = ()
    evaluations: Sequence[EvaluationView] = field(default=(), compare=False)
    """The last ones, newest first."""

    @property
    def state(self) -> AlertState:
        """The worst state among the rule's alerts."""
        states = {alert.state for alert in self.alerts}
        return next((each for each in (AlertState.FIRING, AlertState.PENDING) if each in states), AlertState.INACTIVE)


@dataclass(frozen=True, slots=True)
class RuleGroupView:
    """One group of a rule file. `on_scrape`: it is evaluated when what it reads has been scraped, that often."""

    name: str
    file: str
    interval_ms: int
    rules: Sequence[RuleView]
    limit: int = 0
    last_evaluation_ms: int = 0
    evaluation_seconds: float = 0.0
    on_scrape: bool = False


class TargetHealth(StrEnum):
    """What the last scrape found."""

    UP = "up"
    DOWN = "down"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class TargetView:
    """One scrape target. `url` must come without credentials."""

    job: str
    url: str
    labels: Labels
    health: TargetHealth
    discovered: Labels = field(default_factory=Labels)
    last_error: str = ""
    last_scrape_ms: int = 0
    last_scrape_seconds: float = 0.0
    interval_ms: int = 15_000
    timeout_ms: int = 10_000


@dataclass(frozen=True, slots=True)
class BuildInfo:
    """Answer of /api/v1/status/buildinfo.

    `compatible_version` is the Prometheus release whose API this is: Grafana chooses its requests by it. Our own name and
    version stand in `revision` and `branch`.
    """

    compatible_version: str
    version: str
    python_version: str


@dataclass(frozen=True, slots=True)
class StorageView:
    """What the store holds. `limit_bytes` 0 means no bound, `oldest_ms` 0 means nothing is kept yet."""

    series: int
    samples: int
    bytes: int
    limit_bytes: int = 0
    oldest_ms: int = 0
    retention_ms: int = 0
    dropped_samples: int = 0


@dataclass(frozen=True, slots=True)
class ChannelView:
    """One way to tell people. `trouble` says why it cannot be used now, "" where it can."""

    name: str
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Overview:
    """What the first page shows beside targets, rules and alerts. `notices` are sentences that deserve attention."""

    version: str
    started_ms: int
    storage: StorageView
    channels: Sequence[ChannelView] = ()
    notices: Sequence[str] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    """Title → address, such as the dashboards."""


@dataclass(frozen=True, slots=True)
class NotifyTest:
    """Which receiver to try, with which made-up or earlier message; `steps`: also those whom it tells later."""

    receiver: str
    sample: str = "firing"
    replay: str = ""
    dry_run: bool = False
    steps: bool = False

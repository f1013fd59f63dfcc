"""What burnline.yml says: one frozen dataclass per section, Prometheus' keys where it has them.

Nothing here is running and nothing here is resolved: paths are as written, relative to the file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from agent.collect import Authorization, BasicAuth, ScrapeDefaults, ScrapeJob
from agent.model import Labels
from agent.pulse import HeartbeatsSection
from agent.schema import Duration, Size, WrongValue, key

DEFAULT_LISTEN_ADDRESS = "127.0.0.1:9477"
_DAY_MS = 86_400_000
_LEAST_TIMEOUT_MS = 1_000


@dataclass(frozen=True, slots=True)
class GlobalSection(ScrapeDefaults):
    """`global:` — what holds for all jobs and rules."""

    __title__ = "global"
    evaluation_interval: Duration | None = None
    """Absent: a group without an interval of its own is evaluated once per scrape_interval."""
    rule_query_offset: Duration = 0
    """How far back rules look, for groups without a query_offset of their own."""
    external_labels: Labels = field(default_factory=Labels)
    metric_name_validation_scheme: Literal["utf8", "legacy"] = "utf8"
    """Which names rule files may use; `legacy` is letters, digits and underscores, as before Prometheus 3."""


@dataclass(frozen=True, slots=True)
class SystemSection:
    """`system:` — metrics of the machine, the container and the service's own process."""

    __title__ = "system"
    enabled: bool = True
    interval: Duration | None = None
    pid: int | None = None
    pid_file: str = ""
    textfile_directory: str = ""
    cgroup_root: str = "/sys/fs/cgroup"


@dataclass(frozen=True, slots=True)
class BackfillSection:
    """`slo.backfill:` — where the past of a budget comes from that began only now."""

    __title__ = "backfill"
    source: str = key("from", default="store")
    """`store`, the agent's own samples; `none`; or the URL of a Prometheus-compatible API."""
    basic_auth: BasicAuth | None = None
    authorization: Authorization | None = None
    timeout: Duration = 60_000
    """Of one request."""

    def __post_init__(self) -> None:
        if self.source not in ("store", "none"):
            parts = urlsplit(self.source)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise WrongValue("from", "write store, none, or the URL of a Prometheus such as http://prometheus:9090")
            if parts.username or parts.password or parts.query:
                raise WrongValue(
                    "from", "a URL with a password or a query would be shown; write basic_auth or authorization"
                )
        if self.basic_auth and self.authorization:
            raise WrongValue("authorization", "give basic_auth or authorization, not both")
        if self.timeout < _LEAST_TIMEOUT_MS:
            raise WrongValue("timeout", "a request gets at least 1s")


@dataclass(frozen=True, slots=True)
class SloSection:
    """`slo:` — how the objectives of `slo_files` are kept."""

    __title__ = "slo"
    default_period: Duration = 30 * _DAY_MS
    """Of an objective that names no period."""
    windows: str = ""
    """A folder of `AlertWindows` files, whose burn rates take the place of ours for their periods."""
    backfill: BackfillSection = field(default_factory=BackfillSection)

    def __post_init__(self) -> None:
        if self.default_period < _DAY_MS:
            raise WrongValue("default_period", "a period has at least one day")


@dataclass(frozen=True, slots=True)
class RulesSettings:
    """`rules:` — what becomes of alerts over restarts, reloads and failed scrapes; each has Prometheus' way as a choice."""

    __title__ = "rules"
    restore: Literal["full", "prometheus"] = "full"
    outage_tolerance: Duration = 3_600_000
    restore_grace: Duration = 300_000
    for_grace_period: Duration = 600_000
    resend_delay: Duration = 60_000
    removed: Literal["resolve", "forget"] = "resolve"
    recovered_value: bool = True
    no_data_grace: Duration = 300_000


@dataclass(frozen=True, slots=True)
class NotifySection:
    """`notify:` — where the routing and the people are written down."""

    __title__ = "notify"
    config_file: str = ""
    escalation_file: str = ""
    alertmanager_compat: Literal["default", "strict"] = "default"


@dataclass(frozen=True, slots=True)
class ExemplarsSection:
    """`storage.exemplars:` — how many exemplars stay in memory; 0 keeps none."""

    __title__ = "storage.exemplars"
    max_exemplars: int = 20_000

    def __post_init__(self) -> None:
        if self.max_exemplars < 0:
            raise WrongValue("max_exemplars", "max_exemplars is below 0; 0 keeps none")


@dataclass(frozen=True, slots=True)
class StorageSection:
    """`storage:` — where and how long samples and state are kept."""

    __title__ = "storage"
    path: str = "data"
    retention: Duration = 15 * 86_400_000
    retention_size: Size = 0
    max_memory: Size = 512 * 2**20
    alert_history: Duration = 100 * 86_400_000
    exemplars: ExemplarsSection = key(factory=ExemplarsSection)


@dataclass(frozen=True, slots=True)
class QuerySection:
    """`query:` — what one query may take; names as Prometheus' flags have them, `query.` in front."""

    __title__ = "query"
    lookback_delta: Duration = 300_000
    max_concurrency: int = 2
    max_memory: Size = 512 * 2**20
    max_points: int = 11_000
    max_samples: int = 50_000_000
    timeout: Duration = 120_000

    def __post_init__(self) -> None:
        for name in ("lookback_delta", "max_concurrency", "max_memory", "max_points", "max_samples", "timeout"):
            if getattr(self, name) <= 0:
                raise WrongValue(name, "must be greater than 0")


@dataclass(frozen=True, slots=True)
class WebSection:
    """`web:` — where the agent answers. `external_url` is how people reach it; messages link there."""

    __title__ = "web"
    listen_address: str = DEFAULT_LISTEN_ADDRESS
    external_url: str = ""

    def __post_init__(self) -> None:
        try:
            parse_listen_address(self.listen_address)
        except ValueError as error:
            raise WrongValue("listen_address", str(error)) from error
        if self.external_url and not self.external_url.startswith(("http://", "https://")):
            message = f'not a URL: "{self.external_url}"; write it like https://burnline.example.org'
            raise WrongValue("external_url", message)


@dataclass(frozen=True, slots=True)
class ReloadSection:
    """`reload:` — when changed files are taken over, beside SIGHUP and POST /-/reload."""

    __title__ = "reload"
    on_change: bool = True


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A whole burnline.yml."""

    __title__ = "the configuration"
    global_: GlobalSection = key("global", factory=GlobalSection)
    scrape_configs: tuple[ScrapeJob, ...] = ()
    system: SystemSection = field(default_factory=SystemSection)
    rule_files: tuple[str, ...] = ()
    slo_files: tuple[str, ...] = ()
    slo: SloSection = field(default_factory=SloSection)
    rules: RulesSettings = field(default_factory=RulesSettings)
    notify: NotifySection = field(default_factory=NotifySection)
    heartbeats: HeartbeatsSection = key(factory=HeartbeatsSection)
    storage: StorageSection = field(default_factory=StorageSection)
    query: QuerySection = field(default_factory=QuerySection)
    reload: ReloadSection = field(default_factory=ReloadSection)
    web: WebSection = field(default_factory=WebSection)


def parse_listen_address(text: str) -> tuple[str, int]:
    """Return host and port of `127.0.0.1:9477`, `[::1]:9477` or `:9477` (all interfaces, as in Prometheus); raise ValueError."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65_535:
        message = f'not a listen address: "{text}"; write it like 127.0.0.1:9477'
        raise ValueError(message)
    return host.removeprefix("[").removesuffix("]") or "0.0.0.0", int(port)  # noqa: S104  # `:9477` asks for it

"""What a configuration file says about scraping: jobs, targets, credentials, TLS, relabeling, under Prometheus' key names.

Frozen values that `agent.schema` can read; nothing here opens a file or a socket. Durations are int milliseconds and sizes
bytes although their names follow the file's keys. A limit of 0 means the built-in ceiling, never "without limit".
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Literal, get_args

from agent.model import METRIC_NAME, Secret, compile_regex, format_duration
from agent.schema import Duration, Size, WrongValue, key

DEFAULT_INTERVAL_MS: Final = 15_000
DEFAULT_TIMEOUT_MS: Final = 10_000
MAX_BODY_BYTES: Final = 64 * 2**20
"""The built-in ceiling of a page after decompression; `body_size_limit` overrides it."""
MAX_SAMPLES: Final = 500_000
"""The built-in ceiling of samples in one page; `sample_limit` overrides it."""
MAX_LABELS: Final = 128
MAX_LABEL_NAME: Final = 1024
MAX_LABEL_VALUE: Final = 16 * 1024
"""Built-in ceilings per series; a series past them is left out and counted, the rest of its page is kept."""


ScrapeProtocol = Literal[
    "OpenMetricsText1.0.0", "OpenMetricsText0.0.1", "PrometheusText1.0.0", "PrometheusText0.0.4", "PrometheusProto"
]
"""A format that a target may be asked for; the names are Prometheus'."""
DEFAULT_PROTOCOLS: Final[tuple[ScrapeProtocol, ...]] = get_args(ScrapeProtocol)[:-1]
NATIVE_PROTOCOLS: Final[tuple[ScrapeProtocol, ...]] = ("PrometheusProto", *DEFAULT_PROTOCOLS)
"""What a job asks for that wants native histograms and names no protocols: only protobuf carries them."""


class RelabelAction(StrEnum):
    """What a relabeling step does; the names are Prometheus'."""

    REPLACE = "replace"
    KEEP = "keep"
    DROP = "drop"
    KEEP_EQUAL = "keepequal"
    DROP_EQUAL = "dropequal"
    HASHMOD = "hashmod"
    LABEL_MAP = "labelmap"
    LABEL_DROP = "labeldrop"
    LABEL_KEEP = "labelkeep"
    LOWERCASE = "lowercase"
    UPPERCASE = "uppercase"


@dataclass(frozen=True, slots=True)
class RelabelConfig:
    """One step of relabeling, with Prometheus' defaults."""

    __title__ = "relabel config"

    source_labels: tuple[str, ...] = ()
    separator: str = ";"
    target_label: str = ""
    regex: str = "(.*)"
    modulus: int = 0
    replacement: str = "$1"
    action: RelabelAction = RelabelAction.REPLACE

    def __post_init__(self) -> None:
        object.__setattr__(self, "action", RelabelAction(self.action))
        try:
            compile_regex(self.regex)
        except ValueError as error:
            raise WrongValue("regex", str(error)) from error
        needs_target = (
            RelabelAction.REPLACE,
            RelabelAction.HASHMOD,
            RelabelAction.LOWERCASE,
            RelabelAction.UPPERCASE,
            RelabelAction.KEEP_EQUAL,
            RelabelAction.DROP_EQUAL,
        )
        if self.action in needs_target and not self.target_label:
            raise WrongValue("action", f"relabel action {self.action} needs a target_label")
        if self.action is RelabelAction.HASHMOD and self.modulus <= 0:
            raise WrongValue("modulus", "relabel action hashmod needs a modulus above 0")


@dataclass(frozen=True, slots=True)
class BasicAuth:
    """A user name and a password, given here or in a file that is read at each scrape."""

    __title__ = "basic_auth"

    username: str = ""
    password: Secret | None = None
    password_file: str = ""

    def __post_init__(self) -> None:
        if self.password and self.password_file:
            raise WrongValue("password_file", "give password or password_file, not both")


@dataclass(frozen=True, slots=True)
class Authorization:
    """The Authorization header: a type (Bearer) and credentials, given here or in a file."""

    __title__ = "authorization"

    type: str = "Bearer"
    credentials: Secret | None = None
    credentials_file: str = ""

    def __post_init__(self) -> None:
        if self.credentials and self.credentials_file:
            raise WrongValue("credentials_file", "give credentials or credentials_file, not both")
        if self.type.strip().lower() == "basic":
            raise WrongValue("type", 'authorization type "basic" is written as basic_auth')


@dataclass(frozen=True, slots=True)
class TLSConfig:
    """How to check the target's certificate and which one to show."""

    __title__ = "tls_config"

    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    server_name: str = ""
    insecure_skip_verify: bool = False

    def __post_init__(self) -> None:
        if bool(self.cert_file) != bool(self.key_file):
            wrong = "cert_file" if self.cert_file else "key_file"
            raise WrongValue(wrong, "cert_file and key_file are given together or not at all")


@dataclass(frozen=True, slots=True)
class StaticConfig:
    """Targets as host:port, and labels for all of them."""

    __title__ = "static config"

    targets: tuple[str, ...]
    labels: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for each in self.targets:
            if "/" in each:
                message = f'"{each}" is not a target; write host:port, with the path under metrics_path'
                raise WrongValue("targets", message)
            port = each.rpartition(":")[2] if ":" in each and not each.endswith("]") else ""
            if not each or set(each) & set(" \t\n@") or (port.isdigit() and int(port) > 65_535) or each.isdigit():
                raise WrongValue("targets", f'"{each}" is not a target; write it like 127.0.0.1:8000')
        if METRIC_NAME in self.labels:
            raise WrongValue("labels", f'"{METRIC_NAME}" is not a label that a target can have')


@dataclass(frozen=True, slots=True)
class ScrapeDefaults:
    """What holds for every job that does not say otherwise: the scraping half of `global:`, with Prometheus' keys."""

    scrape_interval: Duration = DEFAULT_INTERVAL_MS
    scrape_timeout: Duration = 0
    """0: 10 s, or the interval where that is shorter."""
    scrape_protocols: tuple[ScrapeProtocol, ...] = DEFAULT_PROTOCOLS
    body_size_limit: Size = 0
    sample_limit: int = 0
    label_limit: int = 0
    label_name_length_limit: int = 0
    label_value_length_limit: int = 0

    def __post_init__(self) -> None:
        if self.scrape_interval <= 0:
            raise WrongValue("scrape_interval", "scrape_interval is 0; write it like 15s")
        if self.scrape_timeout > self.scrape_interval:
            raise WrongValue("scrape_timeout", "scrape_timeout is longer than scrape_interval")
        _refuse_twice(self.scrape_protocols)


_INHERITED: Final = (
    "scrape_protocols",
    "body_size_limit",
    "sample_limit",
    "label_limit",
    "label_name_length_limit",
    "label_value_length_limit",
)


@dataclass(frozen=True, slots=True)
class ScrapeJob:
    """One entry of scrape_configs. What is 0, or empty, stands for the global setting (see `resolved`)."""

    __title__ = "scrape config"

    job_name: str
    scrape_interval: Duration = 0
    scrape_timeout: Duration = 0
    metrics_path: str = "/metrics"
    scheme: Literal["http", "https"] = "http"
    honor_labels: bool = False
    honor_timestamps: bool = True
    track_timestamps_staleness: bool = False
    scrape_protocols: tuple[ScrapeProtocol, ...] = ()
    fallback_scrape_protocol: ScrapeProtocol | None = None
    scrape_native_histograms: bool = False
    always_scrape_classic_histograms: bool = False
    convert_classic_histograms_to_nhcb: bool = False
    enable_compression: bool | None = None
    """Absent: compressed unless the target is on this machine, where packing costs more than it saves."""
    follow_redirects: bool = True
    params: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    static_configs: tuple[StaticConfig, ...] = ()
    basic_auth: BasicAuth | None = None
    authorization: Authorization | None = None
    bearer_token: Secret | None = None
    bearer_token_file: str = ""
    tls_config: TLSConfig = key(factory=TLSConfig)
    relabel_configs: tuple[RelabelConfig, ...] = ()
    metric_relabel_configs: tuple[RelabelConfig, ...] = ()
    body_size_limit: Size = 0
    sample_limit: int = 0
    label_limit: int = 0
    label_name_length_limit: int = 0
    label_value_length_limit: int = 0

    def __post_init__(self) -> None:
        if not self.job_name:
            raise WrongValue("job_name", "job_name is empty")
        bearer = self.bearer_token or self.bearer_token_file
        if sum(1 for each in (self.basic_auth, self.authorization, bearer) if each) > 1:
            wrong = "authorization" if self.authorization else "basic_auth"
            raise WrongValue(wrong, "give one of basic_auth, authorization, bearer_token, bearer_token_file")
        _refuse_twice(self.scrape_protocols)
        if self.scrape_native_histograms and not self.scrape_protocols:
            object.__setattr__(self, "scrape_protocols", NATIVE_PROTOCOLS)
        if self.scrape_interval and self.scrape_timeout > self.scrape_interval:
            raise WrongValue("scrape_timeout", "scrape_timeout is longer than scrape_interval")

    def resolved(self, defaults: ScrapeDefaults | None = None) -> ScrapeJob:
        """Return the job with the global settings filled in; raise ValueError where its timeout passes the interval."""
        defaults = defaults or ScrapeDefaults()
        interval = self.scrape_interval or defaults.scrape_interval
        if self.scrape_timeout > interval:
            timeout, every = format_duration(self.scrape_timeout), format_duration(interval)
            message = (
                f'job "{self.job_name}": scrape_timeout {timeout} is longer than scrape_interval, which is {every}'
            )
            raise ValueError(message)
        timeout_ms = self.scrape_timeout or min(defaults.scrape_timeout or DEFAULT_TIMEOUT_MS, interval)
        inherited = {name: getattr(self, name) or getattr(defaults, name) for name in _INHERITED}
        return dataclasses.replace(self, scrape_interval=interval, scrape_timeout=timeout_ms, **inherited)

    def credentials(self) -> Authorization | None:
        """Return authorization, whichever of its two spellings was used."""
        if self.authorization is None and (self.bearer_token or self.bearer_token_file):
            return Authorization(credentials=self.bearer_token, credentials_file=self.bearer_token_file)
        return self.authorization


def job_defaults(**overrides: Any) -> ScrapeJob:
    """Return the job behind `--target HOST:PORT`: every default, resolved, with `overrides` laid on top."""
    return ScrapeJob(**{"job_name": "default", **overrides}).resolved()


def _refuse_twice(protocols: tuple[ScrapeProtocol, ...]) -> None:
    if len(set(protocols)) < len(protocols):
        raise WrongValue("scrape_protocols", "a protocol is given twice")

"""Read burnline.yml and the flags beside it into one resolved Config: absolute paths, defaults filled in, nothing running."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from agent.collect import ScrapeJob, StaticConfig
from agent.config.file import ConfigFile, SloSection, parse_listen_address
from agent.config.shipped import shipped
from agent.errors import InvalidInput, SchemaError
from agent.schema import read

T = TypeVar("T", bound=Any)

GENERIC_RULES: Final = ("service.yml", "host.yml", "backup.yml", "events.yml", "burnline.yml")
"""The shipped rules that need no metrics of a RAG service."""


@dataclass(frozen=True, slots=True)
class Config:
    """What the agent runs by. `source` names the file it came from, or the flags; paths are absolute."""

    source: str
    file: ConfigFile
    root: Path
    rule_globs: tuple[str, ...]
    routing_file: Path | None
    escalation_file: Path | None
    storage_path: Path
    host: str
    port: int
    external_url: str

    @property
    def evaluation_interval_ms(self) -> int:
        """How often a group without an interval of its own is evaluated."""
        return self.file.global_.evaluation_interval or self.file.global_.scrape_interval

    @property
    def legacy_names(self) -> bool:
        """Say whether rule files may use only the names from before UTF-8 names."""
        return self.file.global_.metric_name_validation_scheme == "legacy"

    def under(self, name: str) -> Path:
        """Resolve a path as written in the file: relative ones stand beside it."""
        return _plain(self.root / name)


@dataclass(frozen=True, slots=True)
class Flags:
    """What the command line of `run` says; flags win over the file."""

    config_file: Path | None = None
    listen_address: str = ""
    external_url: str = ""
    storage_path: str = ""
    targets: tuple[str, ...] = ()


def load_config(flags: Flags, environment: Mapping[str, str], working_directory: Path) -> Config:
    """Read the file that the flags name, else ./burnline.yml, else make a configuration of defaults and targets.

    Raises InvalidInput where there is no such file, SchemaError where it is wrong.
    """
    path = flags.config_file
    if path is None and not flags.targets and (working_directory / "burnline.yml").is_file():
        path = working_directory / "burnline.yml"
    if path is None:
        return _resolve(_from_targets(flags.targets), flags, working_directory, "command line")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        message = f"cannot read the configuration {path}: {reason}; check --config.file"
        raise InvalidInput(message) from error
    file = read(ConfigFile, text, str(path), environment=environment)
    if file == ConfigFile():
        raise SchemaError([f"{path}:1:1: the configuration is empty; it needs scrape_configs, or whatever it is to do"])
    if flags.targets:
        jobs = (*file.scrape_configs, *_from_targets(flags.targets).scrape_configs)
        file = dataclasses.replace(file, scrape_configs=jobs)
    beside = _plain(path).parent
    jobs = tuple(_beside(job, beside) for job in file.scrape_configs)
    file = dataclasses.replace(file, scrape_configs=jobs, slo=_slo_beside(file.slo, beside))
    names = [job.job_name for job in file.scrape_configs]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise SchemaError([f'{path}:1:1: job_name "{name}" is given twice; give each job its own' for name in repeated])
    _check_jobs(file, path)
    return _resolve(file, flags, _plain(path).parent, str(path))


def _plain(path: Path) -> Path:
    """Return the absolute path, without `..`; links stay: a ConfigMap's lead elsewhere after each change."""
    return Path(os.path.abspath(path))  # noqa: PTH100  # resolve() would follow the links


def _check_jobs(file: ConfigFile, path: Path) -> None:
    """Raise SchemaError where a job does not fit to the global settings."""
    problems = []
    for job in file.scrape_configs:
        try:
            job.resolved(file.global_)
        except ValueError as error:
            problems.append(f"{path}:1:1: {error}")
    if problems:
        raise SchemaError(problems)


def _beside(job: ScrapeJob, root: Path) -> ScrapeJob:
    """Return the job with the paths of its secrets and certificates resolved beside the configuration file."""
    return dataclasses.replace(
        _resolved(job, root, "bearer_token_file"),
        basic_auth=_resolved(job.basic_auth, root, "password_file"),
        authorization=_resolved(job.authorization, root, "credentials_file"),
        tls_config=_resolved(job.tls_config, root, "ca_file", "cert_file", "key_file"),
    )


def _slo_beside(slo: SloSection, root: Path) -> SloSection:
    """Return the section with the paths of its secrets resolved beside the configuration file."""
    backfill = dataclasses.replace(
        slo.backfill,
        basic_auth=_resolved(slo.backfill.basic_auth, root, "password_file"),
        authorization=_resolved(slo.backfill.authorization, root, "credentials_file"),
    )
    return dataclasses.replace(slo, backfill=backfill)


def _resolved(part: T, root: Path, *names: str) -> T:
    """Return a part of the file with paths resolved; None where there is none."""
    if part is None:
        return part
    return dataclasses.replace(part, **{name: str(root / getattr(part, name)) for name in names if getattr(part, name)})


def _from_targets(targets: Sequence[str]) -> ConfigFile:
    """Make the configuration of `run --target host:port`: one job, the generic rules, the log as the only receiver."""
    cleaned = [target.removeprefix("http://").rstrip("/") for target in targets]
    if not cleaned:
        return ConfigFile()
    return ConfigFile(
        scrape_configs=(ScrapeJob(job_name="rag", static_configs=(StaticConfig(targets=tuple(cleaned)),)),)
    )


def _resolve(file: ConfigFile, flags: Flags, root: Path, source: str) -> Config:
    listen = flags.listen_address or file.web.listen_address
    try:
        host, port = parse_listen_address(listen)
    except ValueError as error:
        message = f"--web.listen-address: {error}"
        raise InvalidInput(message) from error
    rules = tuple(str(root / pattern) for pattern in file.rule_files)
    if source == "command line":
        folder = shipped("rules")
        rules = tuple(str(folder / name) for name in GENERIC_RULES)
    if flags.external_url and not flags.external_url.startswith(("http://", "https://")):
        message = f'--web.external-url: not a URL: "{flags.external_url}"; write it like https://burnline.example.org'
        raise InvalidInput(message)
    shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104  # compared, not bound
    return Config(
        source=source,
        file=file,
        root=root,
        rule_globs=rules,
        routing_file=_plain(root / file.notify.config_file) if file.notify.config_file else None,
        escalation_file=_plain(root / file.notify.escalation_file) if file.notify.escalation_file else None,
        storage_path=_plain(Path(flags.storage_path) if flags.storage_path else root / file.storage.path),
        host=host,
        port=port,
        external_url=(flags.external_url or file.web.external_url or f"http://{shown}:{port}").rstrip("/"),
    )

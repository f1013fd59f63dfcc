"""From a job in the file to the targets that run: addresses, final labels, URL, and each one's place in the interval. Pure."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode

from agent.collect.relabeling import relabel
from agent.collect.spec import ScrapeJob
from agent.model import Labels, format_duration, parse_duration

_DEFAULT_PORT: Final = {"http": "80", "https": "443"}


@dataclass(frozen=True, slots=True)
class Target:
    """One address to scrape. `labels` are put on every sample; `discovered` is what was known before relabeling."""

    job: ScrapeJob
    labels: Labels
    discovered: Labels
    scrape_url: str

    @property
    def key(self) -> str:
        """What makes this target itself across reloads: URL and labels."""
        return f"{self.scrape_url} {self.labels}"

    def offset_ms(self) -> int:
        """Return the target's own place in the interval, the same at every start, so that targets are spread."""
        digest = hashlib.blake2b(self.key.encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") % self.job.scrape_interval


@dataclass(frozen=True, slots=True)
class DroppedTarget:
    """An address that relabeling took out."""

    job_name: str
    discovered: Labels


def targets_of(job: ScrapeJob) -> tuple[list[Target], list[DroppedTarget]]:
    """Return the targets of the job's static_configs and those that relabeling dropped; a target given twice is one.

    `job` must be resolved. Raises ValueError where relabeling leaves no address or an impossible interval.
    """
    targets: dict[str, Target] = {}
    dropped = []
    for config in job.static_configs:
        for address in config.targets:
            discovered = _discovered(job, address, config.labels)
            labels = relabel(discovered, job.relabel_configs)
            if labels is None:
                dropped.append(DroppedTarget(job.job_name, discovered))
                continue
            target = _target(job, labels, discovered)
            targets.setdefault(target.key, target)
    return list(targets.values()), dropped


def _discovered(job: ScrapeJob, address: str, labels: Mapping[str, str]) -> Labels:
    return Labels(
        {
            "job": job.job_name,
            **labels,
            "__address__": address,
            "__scheme__": job.scheme,
            "__metrics_path__": job.metrics_path,
            "__scrape_interval__": format_duration(job.scrape_interval),
            "__scrape_timeout__": format_duration(job.scrape_timeout),
            **{f"__param_{name}": values[0] for name, values in job.params.items() if values},
        }
    )


def _target(job: ScrapeJob, labels: Labels, discovered: Labels) -> Target:
    address = labels.get("__address__")
    if not address:
        message = f'a target of job "{job.job_name}" has no address after relabeling: {discovered}'
        raise ValueError(message)
    interval = parse_duration(labels.get("__scrape_interval__", "0"))
    timeout = parse_duration(labels.get("__scrape_timeout__", "0"))
    if not 0 < timeout <= interval:
        message = f'target {address} of job "{job.job_name}" has scrape_timeout {timeout} ms and interval {interval} ms'
        raise ValueError(message)
    final = {name: value for name, value in labels.pairs if not name.startswith("__")}
    final.setdefault("instance", address)
    changed = dataclasses.replace(job, scrape_interval=interval, scrape_timeout=timeout)
    return Target(changed, Labels(final), discovered, _url(job, labels, address))


def _url(job: ScrapeJob, labels: Labels, address: str) -> str:
    scheme, path = labels.get("__scheme__", "http"), labels.get("__metrics_path__", "/metrics")
    params = {name: list(values) for name, values in job.params.items()}
    for name, value in labels.pairs:
        if name.startswith("__param_"):
            rest = params.get(name.removeprefix("__param_"), [])[1:]
            params[name.removeprefix("__param_")] = [value, *rest]
    query = urlencode(sorted(params.items()), doseq=True)
    path = quote(path if path.startswith("/") else "/" + path, safe="/:@!$&'()*+,;=~-._%?")
    return f"{scheme}://{_with_port(address, scheme)}{path}" + (("&" if "?" in path else "?") + query if query else "")


def _with_port(address: str, scheme: str) -> str:
    host, colon, port = address.rpartition(":")
    has_port = bool(colon) and port.isdecimal() and (":" not in host or host.endswith("]"))
    if has_port:
        return address
    bracketed = f"[{address}]" if ":" in address and not address.startswith("[") else address
    return f"{bracketed}:{_DEFAULT_PORT.get(scheme, '80')}"

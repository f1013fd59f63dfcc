"""A container's limits and usage from a cgroup v2 tree, under cadvisor's names. No file, no series: v1 reads as nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from agent.model import Labels

ROOT: Final = Path("/sys/fs/cgroup")
_MICROSECONDS: Final = 1e-6

_CPU_STAT: Final = {
    "usage_usec": ("container_cpu_usage_seconds_total", _MICROSECONDS),
    "user_usec": ("container_cpu_user_seconds_total", _MICROSECONDS),
    "system_usec": ("container_cpu_system_seconds_total", _MICROSECONDS),
    "nr_periods": ("container_cpu_cfs_periods_total", 1.0),
    "nr_throttled": ("container_cpu_cfs_throttled_periods_total", 1.0),
    "throttled_usec": ("container_cpu_cfs_throttled_seconds_total", _MICROSECONDS),
}
_MEMORY_STAT: Final = {"anon": "container_memory_rss", "file": "container_memory_cache"}
_SINGLE: Final = {
    "memory.current": "container_memory_usage_bytes",
    "memory.max": "container_spec_memory_limit_bytes",
    "memory.swap.current": "container_memory_swap",
    "pids.current": "container_threads",
    "pids.max": "container_threads_max",
}


class CgroupCollector:
    """Read the container's own cgroup, which a container sees as the root of the tree; the host's root has no usage files."""

    name = "cgroup"

    def __init__(self, root: Path = ROOT) -> None:
        self._root = root

    @property
    def in_container(self) -> bool:
        """Say whether the tree's root is a limited group, and so the agent inside a container."""
        return (self._root / "memory.current").is_file()

    def read(self, at_ms: int) -> list[tuple[Labels, float]]:  # noqa: ARG002  # the tree holds the present only
        """Return usage and limits; what is not limited ("max") has no series."""
        if not self.in_container:
            return []
        values = {name: self._number(file) for file, name in _SINGLE.items()}
        values |= self._cpu()
        statistics = self._table("memory.stat")
        values |= {name: statistics.get(key) for key, name in _MEMORY_STAT.items()}
        usage = values.get("container_memory_usage_bytes")
        if usage is not None:
            values["container_memory_working_set_bytes"] = max(0.0, usage - statistics.get("inactive_file", 0.0))
        values["container_oom_events_total"] = self._table("memory.events").get("oom_kill")
        return [(Labels.of(name_=name), value) for name, value in values.items() if value is not None]

    def _cpu(self) -> dict[str, float | None]:
        statistics = self._table("cpu.stat")
        values = {name: statistics[key] * unit for key, (name, unit) in _CPU_STAT.items() if key in statistics}
        quota, _, period = self._text("cpu.max").partition(" ")
        if quota.isdecimal() and period.strip().isdecimal():
            values |= {"container_spec_cpu_quota": float(quota), "container_spec_cpu_period": float(period)}
        return dict(values)

    def _text(self, file: str) -> str:
        try:
            return (self._root / file).read_text().strip()
        except (OSError, UnicodeDecodeError):
            return ""

    def _number(self, file: str) -> float | None:
        text = self._text(file)
        return float(text) if text.isdecimal() else None

    def _table(self, file: str) -> dict[str, float]:
        pairs = (line.split() for line in self._text(file).splitlines())
        return {pair[0]: float(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdecimal()}

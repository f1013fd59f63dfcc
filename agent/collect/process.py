"""The watched service's own process, by its pid or pid file, under the client libraries' `process_*` names."""

from __future__ import annotations

import contextlib
from pathlib import Path

import psutil

from agent.model import METRIC_NAME, Labels


class ProcessCollector:
    """Read one process; `labels` tell it from others. A process that is gone has no samples, so its series end."""

    name = "process"

    def __init__(self, *, pid: int = 0, pid_file: Path | None = None, labels: Labels | None = None) -> None:
        self._pid = pid
        self._pid_file = pid_file
        self._labels = dict(labels.pairs) if labels else {}

    def read(self, at_ms: int) -> list[tuple[Labels, float]]:  # noqa: ARG002  # the kernel tells the present only
        """Return the samples; raise OSError or ValueError where the pid file cannot be used."""
        pid = self._pid or int(self._pid_file.read_text().strip() if self._pid_file else 0)
        try:
            values = self._values(psutil.Process(pid))
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            return []
        return [(Labels({**self._labels, METRIC_NAME: name}), value) for name, value in values.items()]

    @staticmethod
    def _values(process: psutil.Process) -> dict[str, float]:
        with process.oneshot():
            cpu, memory = process.cpu_times(), process.memory_info()
            values = {
                "process_cpu_seconds_total": cpu.user + cpu.system,
                "process_resident_memory_bytes": float(memory.rss),
                "process_virtual_memory_bytes": float(memory.vms),
                "process_start_time_seconds": process.create_time(),
                "process_threads": float(process.num_threads()),
            }
        with contextlib.suppress(psutil.AccessDenied, AttributeError):  # another user's process, or not Linux
            values["process_open_fds"] = float(process.num_fds())
            values["process_max_fds"] = float(process.rlimit(psutil.RLIMIT_NOFILE)[0])
        return values

"""The machine as node_exporter names it, read by psutil: CPU, memory, file systems, network, disks, load.

Inside a container the cgroup's numbers stand instead of the host's: with a memory limit there is no `node_memory_*`, with a
CPU quota no `node_cpu_seconds_total`. File systems: only those on a device and writable; squashfs, tmpfs, overlay and the
kernel's own are left out, and of the mounts of one device the one with the shortest path stands for all.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import psutil

from agent.collect import cgroup
from agent.model import METRIC_NAME, Labels

Samples = Iterator[tuple[Labels, float]]

IGNORED_FILESYSTEMS: Final = frozenset({"squashfs", "tmpfs", "overlay", "iso9660", "erofs", "ramfs", "devtmpfs", "udf"})
_IGNORED_DISKS: Final = re.compile(r"(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+")
_CPU_MODES: Final = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
_MEMORY: Final = ("MemTotal", "MemFree", "MemAvailable", "Buffers", "Cached", "SwapTotal", "SwapFree", "Slab", "Dirty")
_MEMINFO: Final = re.compile(r"(\w+):\s+(\d+) kB")


class SystemCollector:
    """Read the host, or the container around the agent where there is one."""

    name = "system"

    def __init__(self, *, cgroup_root: Path = cgroup.ROOT, proc: Path = Path("/proc")) -> None:
        self._cgroup = cgroup.CgroupCollector(cgroup_root)
        self._proc = proc

    def read(self, at_ms: int) -> list[tuple[Labels, float]]:
        """Return every sample that the platform has; raise OSError where the platform refuses a basic one."""
        samples = self._cgroup.read(at_ms)
        limited = {labels.name for labels, _ in samples}
        parts: list[Callable[[], Samples]] = [_filesystems, _network, _disks, _identity, self._files]
        if "container_spec_memory_limit_bytes" not in limited:
            parts.append(self._memory)
        if "container_spec_cpu_quota" not in limited:
            parts.append(_cpu)
        for part in parts:
            samples.extend(part())
        samples.append(_sample("node_time_seconds", at_ms / 1000))
        return samples

    def _memory(self) -> Samples:
        try:
            text = (self._proc / "meminfo").read_text()
        except OSError:
            memory, swap = psutil.virtual_memory(), psutil.swap_memory()
            known = {"MemTotal": memory.total, "MemAvailable": memory.available, "MemFree": memory.free}
            known |= {"SwapTotal": swap.total, "SwapFree": swap.free}
        else:
            known = {name: int(kibibytes) * 1024 for name, kibibytes in _MEMINFO.findall(text)}
        for name in _MEMORY:
            if name in known:
                yield _sample(f"node_memory_{name}_bytes", known[name])

    def _files(self) -> Samples:
        with contextlib.suppress(OSError, ValueError):  # not Linux, or hidden by the sandbox
            allocated, _, maximum = (self._proc / "sys/fs/file-nr").read_text().split()
            yield _sample("node_filefd_allocated", float(allocated))
            yield _sample("node_filefd_maximum", float(maximum))


def shown_mounts(partitions: list[tuple[str, str, str, str]]) -> list[tuple[str, str, str]]:
    """Choose among (device, mount point, type, options): return (device, mount point, type), one per device, see above."""
    chosen: dict[str, tuple[str, str, str]] = {}
    for device, mount, kind, options in sorted(partitions, key=lambda each: (len(each[1]), each[1])):
        if kind not in IGNORED_FILESYSTEMS and "ro" not in options.split(","):
            chosen.setdefault(device, (device, mount, kind))
    return list(chosen.values())


def _filesystems() -> Samples:
    found = [(each.device, each.mountpoint, each.fstype, each.opts) for each in psutil.disk_partitions(all=False)]
    for device, mount, kind in shown_mounts(found):
        labels = {"device": device, "fstype": kind, "mountpoint": mount}
        try:
            status = os.statvfs(mount)
        except OSError:
            yield _sample("node_filesystem_device_error", 1.0, **labels)
            continue
        yield _sample("node_filesystem_device_error", 0.0, **labels)
        yield _sample("node_filesystem_size_bytes", status.f_blocks * status.f_frsize, **labels)
        yield _sample("node_filesystem_free_bytes", status.f_bfree * status.f_frsize, **labels)
        yield _sample("node_filesystem_avail_bytes", status.f_bavail * status.f_frsize, **labels)
        yield _sample("node_filesystem_files", status.f_files, **labels)
        yield _sample("node_filesystem_files_free", status.f_ffree, **labels)
        yield _sample("node_filesystem_readonly", 0.0, **labels)


def _cpu() -> Samples:
    for number, times in enumerate(psutil.cpu_times(percpu=True)):
        for mode in _CPU_MODES:
            if hasattr(times, mode):
                yield _sample("node_cpu_seconds_total", getattr(times, mode), cpu=str(number), mode=mode)


def _network() -> Samples:
    for device, io in psutil.net_io_counters(pernic=True).items():
        for direction, values in (
            ("receive", (io.bytes_recv, io.packets_recv, io.errin, io.dropin)),
            ("transmit", (io.bytes_sent, io.packets_sent, io.errout, io.dropout)),
        ):
            for what, value in zip(("bytes", "packets", "errs", "drop"), values, strict=True):
                yield _sample(f"node_network_{direction}_{what}_total", value, device=device)


def _disks() -> Samples:
    for device, io in (psutil.disk_io_counters(perdisk=True) or {}).items():
        if _IGNORED_DISKS.fullmatch(device):
            continue
        yield _sample("node_disk_reads_completed_total", io.read_count, device=device)
        yield _sample("node_disk_writes_completed_total", io.write_count, device=device)
        yield _sample("node_disk_read_bytes_total", io.read_bytes, device=device)
        yield _sample("node_disk_written_bytes_total", io.write_bytes, device=device)
        yield _sample("node_disk_read_time_seconds_total", io.read_time / 1000, device=device)
        yield _sample("node_disk_write_time_seconds_total", io.write_time / 1000, device=device)
        if hasattr(io, "busy_time"):
            yield _sample("node_disk_io_time_seconds_total", io.busy_time / 1000, device=device)


def _identity() -> Samples:
    for name, load in zip(("node_load1", "node_load5", "node_load15"), os.getloadavg(), strict=True):
        yield _sample(name, load)
    yield _sample("node_boot_time_seconds", psutil.boot_time())
    kernel = os.uname()
    labels = {
        "sysname": kernel.sysname,
        "nodename": kernel.nodename,
        "release": kernel.release,
        "version": kernel.version,
        "machine": kernel.machine,
    }
    yield _sample("node_uname_info", 1.0, **labels)


def _sample(name: str, value: float, **labels: str) -> tuple[Labels, float]:
    return Labels({**labels, METRIC_NAME: name}), float(value)

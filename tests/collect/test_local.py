"""The machine, the container, the service's process, text files and the agent's own registry as rows."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram

from agent.collect import (
    CgroupCollector,
    LocalScraper,
    ProcessCollector,
    RegistryCollector,
    SystemCollector,
    TextfileCollector,
)
from agent.collect.system import shown_mounts
from agent.model import Labels
from agent.telemetry import Telemetry
from tests.collect.conftest import cells, page_cells

NODE = Labels.of(job="node", instance="host")


def by_name(samples) -> dict[str, float]:
    return {str(labels): value for labels, value in samples}


async def test_a_local_scrape_is_one_row(tmp_path):
    """Collectors share a row under the caller's labels, with `up` and each one's success."""
    (tmp_path / "backup.prom").write_text("backup_last_success_timestamp_seconds 5\n")
    rows, landed = [], []
    scraper = LocalScraper(NODE, [TextfileCollector(tmp_path)], sink=rows.append, landed=landed.append)
    outcome = await scraper.scrape(15_000)
    assert outcome.up
    assert landed == [outcome]
    (row,) = rows
    assert row.timestamp_ms == 15_000
    assert all({"job": "node", "instance": "host"}.items() <= dict(each).items() for each in row.columns.labels)
    found = cells(row)
    assert found["up"] == 1.0
    assert found["backup_last_success_timestamp_seconds"] == 5.0
    assert found['node_scrape_collector_success{collector="textfile"}'] == 1.0
    assert scraper.status.health == "up"
    assert scraper.status.scrape_url == "local:textfile"


class Broken:
    name = "broken"

    def read(self, at_ms):
        raise RuntimeError("no luck")


async def test_a_collector_that_breaks_costs_itself_only(tmp_path):
    """The others' samples are in the row; only when all of them break the target is down."""
    rows = []
    scraper = LocalScraper(NODE, [Broken(), TextfileCollector(tmp_path)], sink=rows.append)
    assert (await scraper.scrape(1)).up
    assert cells(rows[-1])['node_scrape_collector_success{collector="broken"}'] == 0.0
    assert cells(rows[-1])["node_textfile_scrape_error"] == 0.0
    alone = LocalScraper(NODE, [Broken()], sink=rows.append)
    outcome = await alone.scrape(1)
    assert outcome.error == "collector broken: RuntimeError: no luck"
    assert cells(rows[-1])["up"] == 0.0


async def test_what_a_file_no_longer_says_goes_stale(tmp_path):
    """Staleness works for local series as for scraped ones, and retiring ends the rest."""
    rows, file = [], tmp_path / "a.prom"
    scraper = LocalScraper(NODE, [TextfileCollector(tmp_path)], sink=rows.append)
    file.write_text("a 1\nb 2\n")
    await scraper.scrape(1000)
    file.write_text("a 3\n")
    await scraper.scrape(2000)
    assert page_cells(rows[-1])["b"] == "stale"
    scraper.retire(3000)
    assert set(cells(rows[-1]).values()) == {"stale"}


async def test_the_second_of_two_equal_series_is_dropped_and_counted(tmp_path):
    """Two files that say the same: the first by name wins."""
    (tmp_path / "1.prom").write_text("a 1\n")
    (tmp_path / "2.prom").write_text("a 2\n")
    rows, telemetry = [], Telemetry()
    await LocalScraper(NODE, [TextfileCollector(tmp_path)], sink=rows.append, telemetry=telemetry).scrape(1)
    assert page_cells(rows[0])["a"] == 1.0
    counted = telemetry.registry.get_sample_value("burnline_samples_dropped_total", {"reason": "duplicate_series"})
    assert counted == 1


def test_text_files_are_read_and_dated(tmp_path):
    """Each *.prom, nothing else; the file's own time is a series; histograms' bounds are normalised."""
    good = tmp_path / "good.prom"
    good.write_text('# TYPE h histogram\nh_bucket{le="1"} 2\nbackup{job="db"} 1\n')
    os.utime(good, (1_700_000_000, 1_700_000_000))
    (tmp_path / "half.prom.tmp").write_text("nonsense here now")
    (tmp_path / "readme.txt").write_text("nonsense here now")
    assert by_name(TextfileCollector(tmp_path).read(0)) == {
        'h_bucket{le="1.0"}': 2.0,
        'backup{job="db"}': 1.0,
        f'node_textfile_mtime_seconds{{file="{good}"}}': 1_700_000_000.0,
        "node_textfile_scrape_error": 0.0,
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a one\n", '1:3: expected a number, found "one"'),
        (b"a 1 1700000000000\n", "a has a timestamp of its own; leave timestamps out of text files"),
        (b"a\xff 1\n", "not valid UTF-8"),
    ],
)
def test_a_broken_text_file_costs_itself_only(tmp_path, content, message):
    """The error is a series, the reason names the file, the good file is read; repaired, the error goes."""
    bad = tmp_path / "bad.prom"
    bad.write_bytes(content)
    (tmp_path / "good.prom").write_text("good 1\n")
    collector = TextfileCollector(tmp_path)
    found = by_name(collector.read(0))
    assert (found["good"], found["node_textfile_scrape_error"]) == (1.0, 1.0)
    assert not any("bad.prom" in name for name in found)
    (error,) = collector.errors
    assert str(bad) in error
    assert message in error
    bad.write_text("fine 1\n")
    assert by_name(collector.read(0))["node_textfile_scrape_error"] == 0.0
    assert collector.errors == ()


def test_odd_things_in_the_text_directory(tmp_path):
    """A directory, a pipe and a missing folder are errors, not hangs and not crashes."""
    (tmp_path / "folder.prom").mkdir()
    os.mkfifo(tmp_path / "pipe.prom")
    collector = TextfileCollector(tmp_path)
    assert by_name(collector.read(0)) == {"node_textfile_scrape_error": 1.0}
    assert len(collector.errors) == 2
    nowhere = TextfileCollector(tmp_path / "nowhere")
    assert by_name(nowhere.read(0)) == {"node_textfile_scrape_error": 1.0}
    assert "cannot list the textfile directory" in nowhere.errors[0]


def made_tree(root: Path, **files: str) -> Path:
    root.mkdir(exist_ok=True)
    for name, content in files.items():
        (root / name.replace("_", ".", 1)).write_text(content + "\n")
    return root


LIMITED = {
    "memory_current": "300000000",
    "memory_max": "536870912",
    "memory_stat": "anon 100000000\nfile 150000000\ninactive_file 50000000",
    "memory_events": "low 0\nhigh 0\nmax 3\noom 1\noom_kill 2",
    "cpu_stat": "usage_usec 5000000\nuser_usec 3000000\nsystem_usec 2000000\n"
    "nr_periods 100\nnr_throttled 7\nthrottled_usec 250000",
    "cpu_max": "150000 100000",
    "pids_current": "12",
    "pids_max": "max",
}


def test_a_cgroup_tree_with_limits(tmp_path):
    """Usage, limits and throttling under cadvisor's names, times in seconds."""
    assert by_name(CgroupCollector(made_tree(tmp_path / "cg", **LIMITED)).read(0)) == {
        "container_memory_usage_bytes": 300_000_000.0,
        "container_memory_working_set_bytes": 250_000_000.0,
        "container_memory_rss": 100_000_000.0,
        "container_memory_cache": 150_000_000.0,
        "container_spec_memory_limit_bytes": 536_870_912.0,
        "container_oom_events_total": 2.0,
        "container_cpu_usage_seconds_total": 5.0,
        "container_cpu_user_seconds_total": 3.0,
        "container_cpu_system_seconds_total": 2.0,
        "container_cpu_cfs_periods_total": 100.0,
        "container_cpu_cfs_throttled_periods_total": 7.0,
        "container_cpu_cfs_throttled_seconds_total": 0.25,
        "container_spec_cpu_quota": 150_000.0,
        "container_spec_cpu_period": 100_000.0,
        "container_threads": 12.0,
    }


def test_a_cgroup_without_limits_has_no_limit_series(tmp_path):
    """The word max is no number to divide by: the series is absent."""
    tree = made_tree(tmp_path / "cg", **{**LIMITED, "memory_max": "max", "cpu_max": "max 100000"})
    found = by_name(CgroupCollector(tree).read(0))
    assert "container_memory_usage_bytes" in found
    assert not any("spec" in name for name in found)


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"cpu_stat": "usage_usec 5"},
        {"memory_current": "garbage", "memory_stat": "odd\nline of three", "cpu_max": "", "cpu_stat": "usage_usec x"},
        {"memory_usage": "1", "cpuacct_usage": "2"},
    ],
)
def test_an_odd_or_version_1_tree_reads_as_nothing(tmp_path, files):
    """The host's root group, a v1 tree and garbage give no series and no exception."""
    assert CgroupCollector(made_tree(tmp_path / "cg", **files)).read(0) == []


def test_the_machine_under_node_exporters_names(tmp_path):
    """On a host (no usable cgroup) the series that the shipped rules need are there, with believable values."""
    found = by_name(SystemCollector(cgroup_root=tmp_path).read(1_700_000_000_000))
    names = {name.partition("{")[0] for name in found}
    needed = {"node_cpu_seconds_total", "node_memory_MemTotal_bytes", "node_memory_MemAvailable_bytes", "node_load1"}
    needed |= {"node_boot_time_seconds", "node_uname_info", "node_network_receive_bytes_total", "node_filefd_allocated"}
    assert needed <= names
    assert found["node_time_seconds"] == 1_700_000_000.0
    assert 0 < found["node_memory_MemAvailable_bytes"] <= found["node_memory_MemTotal_bytes"]
    assert found["node_memory_MemTotal_bytes"] == psutil.virtual_memory().total
    assert 'node_cpu_seconds_total{cpu="0", mode="idle"}' in found
    assert not any(name.startswith("container_") for name in names)


def test_inside_a_container_its_limits_stand_for_the_host(tmp_path):
    """With a memory limit and a CPU quota the host's memory and CPU are not shown; without, they are."""
    limited = by_name(SystemCollector(cgroup_root=made_tree(tmp_path / "cg", **LIMITED)).read(0))
    assert "container_spec_memory_limit_bytes" in limited
    assert not any(name.startswith(("node_memory_", "node_cpu_")) for name in limited)
    free = {**LIMITED, "memory_max": "max", "cpu_max": "max 100000"}
    unlimited = by_name(SystemCollector(cgroup_root=made_tree(tmp_path / "free", **free)).read(0))
    assert "node_memory_MemAvailable_bytes" in unlimited
    assert "container_memory_usage_bytes" in unlimited


def test_meminfo_is_read_in_the_kernels_words(tmp_path):
    """Kibibytes become bytes; lines that are not asked for are left out."""
    (tmp_path / "meminfo").write_text("MemTotal:  1000 kB\nMemAvailable: 400 kB\nHugePages_Total: 3\nOther: 7 kB\n")
    found = by_name(SystemCollector(cgroup_root=tmp_path, proc=tmp_path).read(0))
    memory = {name: value for name, value in found.items() if name.startswith("node_memory_")}
    assert memory == {"node_memory_MemTotal_bytes": 1_024_000.0, "node_memory_MemAvailable_bytes": 409_600.0}


def test_mounts_that_would_only_make_noise_are_left_out():
    """Read-only, squashfs, tmpfs and overlay never fill up in a way that can be repaired; a device is shown once."""
    partitions = [
        ("/dev/sda1", "/var/lib/docker/bind", "ext4", "rw,relatime"),
        ("/dev/sda1", "/", "ext4", "rw,relatime"),
        ("/dev/sda1", "/etc/hosts", "ext4", "rw"),
        ("/dev/sdb1", "/data", "xfs", "rw,errors=remount-ro"),
        ("/dev/sr0", "/media", "iso9660", "ro"),
        ("/dev/loop1", "/snap/core", "squashfs", "ro,nodev"),
        ("/dev/sdc1", "/backup", "ext4", "ro,noexec"),
        ("tmpfs", "/run", "tmpfs", "rw"),
        ("overlay", "/merged", "overlay", "rw"),
    ]
    assert shown_mounts(partitions) == [("/dev/sda1", "/", "ext4"), ("/dev/sdb1", "/data", "xfs")]


def test_a_process_by_pid_and_by_pid_file(tmp_path):
    """The client libraries' names, with the caller's label; the pid file is read each time."""
    file = tmp_path / "rag.pid"
    file.write_text(f"{os.getpid()}\n")
    for collector in (
        ProcessCollector(pid=os.getpid(), labels=Labels.of(process="rag")),
        ProcessCollector(pid_file=file, labels=Labels.of(process="rag")),
    ):
        found = by_name(collector.read(0))
        assert found['process_resident_memory_bytes{process="rag"}'] > 1_000_000
        assert found['process_start_time_seconds{process="rag"}'] == pytest.approx(psutil.Process().create_time())
        assert {"process_cpu_seconds_total", "process_open_fds", "process_max_fds", "process_virtual_memory_bytes"} <= {
            name.partition("{")[0] for name in found
        }


def test_a_process_that_is_gone_has_no_samples(tmp_path):
    """Its series end; a pid file that is missing or holds nonsense is the collector's error."""
    assert ProcessCollector(pid=2**22 + 1).read(0) == []
    with pytest.raises(OSError, match="No such file"):
        ProcessCollector(pid_file=tmp_path / "none.pid").read(0)
    (tmp_path / "odd.pid").write_text("soon")
    with pytest.raises(ValueError, match="soon"):
        ProcessCollector(pid_file=tmp_path / "odd.pid").read(0)


async def test_the_agents_own_registry_is_a_target():
    """Counters and histograms come out under their exposition names, without `_created`."""
    registry, rows = CollectorRegistry(), []
    Counter("asked", "Help.", ["by"], registry=registry).labels("ana").inc(3)
    Histogram("took_seconds", "Help.", buckets=(1, 5), registry=registry).observe(2)
    await LocalScraper(Labels.of(job="burnline"), [RegistryCollector(registry)], sink=rows.append).scrape(1)
    assert page_cells(rows[0]) == {
        'asked_total{by="ana"}': 3.0,
        'took_seconds_bucket{le="1.0"}': 0.0,
        'took_seconds_bucket{le="5.0"}': 1.0,
        'took_seconds_bucket{le="+Inf"}': 1.0,
        "took_seconds_count": 1.0,
        "took_seconds_sum": 2.0,
    }

"""From what the file says to targets: URLs, labels, relabeling, and the mistakes that are refused."""

from __future__ import annotations

import pytest

from agent.collect import (
    Authorization,
    BasicAuth,
    RelabelConfig,
    ScrapeDefaults,
    ScrapeJob,
    StaticConfig,
    TLSConfig,
    job_defaults,
    relabel,
    targets_of,
)
from agent.errors import SchemaError
from agent.model import Labels, Secret
from agent.schema import read


def url(address: str, **job) -> str:
    (target,), _ = targets_of(ScrapeJob("j", **job, static_configs=(StaticConfig((address,)),)).resolved())
    return target.scrape_url


@pytest.mark.parametrize(
    ("address", "job", "expected"),
    [
        ("localhost:8000", {}, "http://localhost:8000/metrics"),
        ("localhost", {}, "http://localhost:80/metrics"),
        ("example.org", {"scheme": "https"}, "https://example.org:443/metrics"),
        ("[::1]:9000", {}, "http://[::1]:9000/metrics"),
        ("::1", {}, "http://[::1]:80/metrics"),
        ("a:1", {"metrics_path": "probe"}, "http://a:1/probe"),
        ("a:1", {"metrics_path": "/p q"}, "http://a:1/p%20q"),
        ("a:1", {"params": {"b": ("1", "2"), "a": ("x&y",)}}, "http://a:1/metrics?a=x%26y&b=1&b=2"),
        ("a:1", {"metrics_path": "/p?x=1", "params": {"y": ("2",)}}, "http://a:1/p?x=1&y=2"),
    ],
)
def test_the_url_of_a_target(address, job, expected):
    """Scheme, default port, path and parameters make the URL."""
    assert url(address, **job) == expected


def test_relabeling_chooses_names_and_drops_targets():
    """Steps see `__address__` and may set the instance, the path and parameters; dropped targets are told."""
    steps = (
        RelabelConfig(source_labels=("__address__",), regex="bad.*", action="drop"),
        RelabelConfig(source_labels=("__address__",), regex="([^:]+):.*", target_label="instance"),
        RelabelConfig(source_labels=("__address__",), target_label="__param_target"),
        RelabelConfig(target_label="__address__", replacement="prober:9115"),
    )
    job = ScrapeJob("probe", static_configs=(StaticConfig(("good:1", "bad:2")),), relabel_configs=steps).resolved()
    (target,), (dropped,) = targets_of(job)
    assert target.scrape_url == "http://prober:9115/metrics?target=good%3A1"
    assert dict(target.labels) == {"job": "probe", "instance": "good"}
    assert dropped.discovered["__address__"] == "bad:2"
    assert dropped.job_name == "probe"


def test_a_target_given_twice_is_one():
    """Two scrapes into the same series would be refused row by row."""
    job = ScrapeJob("j", static_configs=(StaticConfig(("a:1", "a:1")), StaticConfig(("a:1",), {"x": "y"}))).resolved()
    assert len(targets_of(job)[0]) == 2


def test_an_interval_may_be_relabeled_and_must_make_sense():
    """`__scrape_interval__` counts as in Prometheus; a timeout beyond it is refused."""
    step = RelabelConfig(target_label="__scrape_interval__", replacement="1m")
    job = ScrapeJob("j", static_configs=(StaticConfig(("a:1",)),), relabel_configs=(step,)).resolved()
    assert targets_of(job)[0][0].job.scrape_interval == 60_000
    short = RelabelConfig(target_label="__scrape_interval__", replacement="1s")
    job = ScrapeJob("j", static_configs=(StaticConfig(("a:1",)),), relabel_configs=(short,)).resolved()
    with pytest.raises(ValueError, match="target a:1 of job"):
        targets_of(job)


def test_globals_fill_in_what_a_job_leaves_out():
    """Interval and timeout come from `global`; the timeout never passes the interval."""
    assert ScrapeJob("j").resolved(ScrapeDefaults(30_000)).scrape_timeout == 10_000
    assert ScrapeJob("j", scrape_interval=5000).resolved(ScrapeDefaults(30_000)).scrape_timeout == 5000
    assert ScrapeJob("j", scrape_interval=5000, scrape_timeout=1000).resolved().scrape_timeout == 1000
    assert job_defaults().scrape_interval == 15_000
    with pytest.raises(ValueError, match='job "j": scrape_timeout 12s is longer than scrape_interval, which is 10s'):
        ScrapeJob("j", scrape_timeout=12_000).resolved(ScrapeDefaults(10_000))
    limits = ScrapeDefaults(sample_limit=5, label_limit=6, scrape_protocols=("PrometheusText0.0.4",))
    job = ScrapeJob("j", label_limit=7).resolved(limits)
    assert (job.sample_limit, job.label_limit, job.scrape_protocols) == (5, 7, ("PrometheusText0.0.4",))


@pytest.mark.parametrize(
    ("step", "before", "after"),
    [
        ({"source_labels": ("a",), "target_label": "b"}, {"a": "x"}, {"a": "x", "b": "x"}),
        ({"source_labels": ("a", "b"), "target_label": "c"}, {"a": "x"}, {"a": "x", "c": "x;"}),
        (
            {"source_labels": ("a", "b"), "separator": "-", "target_label": "c", "regex": "(.)-(?P<last>.)"}
            | {"replacement": "${last}$1-$$1"},
            {"a": "x", "b": "y"},
            {"a": "x", "b": "y", "c": "yx-$1"},
        ),
        ({"source_labels": ("a",), "target_label": "b", "replacement": "$1x"}, {"a": "x", "b": "1"}, {"a": "x"}),
        ({"source_labels": ("a",), "target_label": "b", "replacement": "$7"}, {"a": "x", "b": "1"}, {"a": "x"}),
        ({"source_labels": ("a",), "regex": "y", "target_label": "b"}, {"a": "yy"}, {"a": "yy"}),
        ({"source_labels": ("a",), "regex": "(.*)", "target_label": "to_$1"}, {"a": "x"}, {"a": "x", "to_x": "x"}),
        ({"source_labels": ("a",), "regex": "x|y", "action": "keep"}, {"a": "y"}, {"a": "y"}),
        ({"source_labels": ("a",), "regex": "x|y", "action": "keep"}, {"a": "yy"}, None),
        ({"source_labels": ("a",), "regex": "x|y", "action": "drop"}, {"a": "y"}, None),
        (
            {"source_labels": ("a",), "target_label": "b", "action": "keepequal"},
            {"a": "1", "b": "1"},
            {"a": "1", "b": "1"},
        ),
        ({"source_labels": ("a",), "target_label": "b", "action": "keepequal"}, {"a": "1", "b": "2"}, None),
        ({"source_labels": ("a",), "target_label": "b", "action": "dropequal"}, {"a": "1", "b": "1"}, None),
        ({"source_labels": ("a",), "target_label": "b", "action": "lowercase"}, {"a": "ÄB"}, {"a": "ÄB", "b": "äb"}),
        ({"source_labels": ("a",), "target_label": "b", "action": "uppercase"}, {"a": "äb"}, {"a": "äb", "b": "ÄB"}),
        ({"regex": "x_(.*)", "action": "labelmap"}, {"x_a": "1", "b": "2"}, {"x_a": "1", "b": "2", "a": "1"}),
        ({"regex": "x_.*", "action": "labeldrop"}, {"x_a": "1", "b": "2"}, {"b": "2"}),
        ({"regex": "x_.*", "action": "labelkeep"}, {"x_a": "1", "b": "2"}, {"x_a": "1"}),
        # md5("foo") ends in 0x9da48a4a1ea8d5b7 … the last eight bytes, big-endian, modulo 1000
        (
            {"source_labels": ("a",), "target_label": "h", "action": "hashmod", "modulus": 1000},
            {"a": "foo"},
            {"a": "foo", "h": str(int("acbd18db4cc2f85cedef654fccc4a4d8"[16:], 16) % 1000)},
        ),
    ],
)
def test_a_relabeling_step(step, before, after):
    """Each action on a label set; None where the set is dropped."""
    found = relabel(Labels(before), (RelabelConfig(**step),))
    assert (None if found is None else dict(found)) == after


@pytest.mark.parametrize(
    ("make", "key"),
    [
        (lambda: RelabelConfig(action="replace"), "action"),
        (lambda: RelabelConfig(action="hashmod", target_label="x"), "modulus"),
        (lambda: RelabelConfig(target_label="x", regex="(?=a)"), "regex"),
        (lambda: RelabelConfig(action="explode"), None),
        (lambda: BasicAuth("u", Secret("p"), "file"), "password_file"),
        (lambda: Authorization("Bearer", Secret("p"), "file"), "credentials_file"),
        (lambda: Authorization("Basic", Secret("p")), "type"),
        (lambda: TLSConfig(cert_file="c"), "cert_file"),
        (lambda: StaticConfig(("http://a:1/metrics",)), "targets"),
        (lambda: StaticConfig(("a:1",), {"__name__": "x"}), "labels"),
        (lambda: ScrapeJob(""), "job_name"),
        (lambda: ScrapeJob("j", scrape_interval=1000, scrape_timeout=2000), "scrape_timeout"),
        (lambda: ScrapeJob("j", basic_auth=BasicAuth("u"), authorization=Authorization()), "authorization"),
    ],
)
def test_a_mistake_is_refused_where_it_is_made(make, key):
    """The value that is wrong is named, so that the reader can point at it."""
    with pytest.raises(ValueError) as caught:  # the key below says which one it was
        make()
    assert getattr(caught.value, "key", None) == key


def test_a_job_is_read_from_yaml():
    """Prometheus' keys read into the dataclasses, durations in milliseconds and sizes in bytes."""
    job = read(
        ScrapeJob,
        """
job_name: rag
scrape_interval: 5s
scrape_timeout: 2500ms
metrics_path: /m
scheme: https
params: {module: [http]}
static_configs: [{targets: ["a:1", "b:2"], labels: {tier: web}}]
basic_auth: {username: u, password: p}
tls_config: {insecure_skip_verify: true}
body_size_limit: 10MB
metric_relabel_configs: [{source_labels: [__name__], regex: "go_.*", action: drop}]
""",
        "burnline.yml",
    )
    assert (job.scrape_interval, job.scrape_timeout, job.body_size_limit) == (5000, 2500, 10 * 2**20)
    assert job.static_configs[0].targets == ("a:1", "b:2")
    assert job.metric_relabel_configs[0].action == "drop"
    assert "p" not in repr(job.basic_auth.password)
    with pytest.raises(SchemaError, match=r'burnline.yml:2:1: unknown key "metrics_pth".*did you mean "metrics_path"'):
        read(ScrapeJob, "job_name: a\nmetrics_pth: /x\n", "burnline.yml")

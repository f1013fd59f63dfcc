"""Which pages a real Prometheus takes, and what it makes of them: the same as ours. Budget: 30 s of real time.

2.42 differs from Prometheus 3, whose behaviour is ours, in what DIFFERENT lists; and it does not write bounds as floats.
"""

from __future__ import annotations

import json
import math
import time

import pytest

from agent.collect import parse_exposition
from agent.collect.openmetrics import OpenMetricsText
from agent.collect.prometheus_text import PrometheusText
from agent.collect.scanning import normalise_float
from agent.errors import ScrapeError
from tests.peers.processes import api, free_port, get, running
from tests.serving import Answer, serving

pytestmark = [pytest.mark.peers, pytest.mark.xdist_group("peers")]

SAMPLES = [
    *("a 1", "a  1", "a\t1", " a 1", "a 1 ", "a 1 5", "a 1 -5", "a 1 1.5", "a 1 x", "a 1 2 3", "a", "a ", "9a 1", "ä 1"),
    *("a .5", "a 5.", "a +1", "a 007", "a 1e5", "a 1e400", "a 1e-400", "a 1_0", "a 0x1", "a 0x1p3", "a 1,5", "a 1\r"),
    *("a NaN", "a nan", "a +NaN", "a Inf", "a -inf", "a +Infinity", "a Infin", "a 1\x00", "a\x00 1", "\x00", "-", "a:b 1"),
    *('a{x="1"} 1', 'a{x="1",} 1', 'a{x="1",,} 1', 'a{,} 1', 'a{} 1', 'a {x="1"} 1', 'a{ x="1"} 1', 'a{x="1" } 1'),
    *('a{x = "1"} 1', 'a{x="1", y="2"} 1', 'a{x="1"}2', "a{x='1'} 1", "a{x=1} 1", 'a{x="1} 1', 'a{x="1"', 'a{"x"} 1'),
    *('a{x} 1', 'a{="1"} 1', 'a{1="1"} 1', 'a{x-y="1"} 1', 'a{x:y="1"} 1', 'a{x="1",x="2"} 1', "{} 1", '{x="1"} 1'),
    *('a{x="\x00"} 1', 'a{x\x00="1"} 1', 'a{x="1"}\x00 1', r'a{x="\\\n\""} 1', r'a{x="\q"} 1', 'a{x="ü"} 1'),
    *(
        "a_total 1 " + rest
        for rest in (
            *('# {x="1"} 1', '# {x="1"} 1 5', '5 # {x="1"} 1', '# {x="1"}', '# {x="1"} x', '# {x="1"} 1 NaN', '# {x="1"} 1 2 3'),
            *('# {x="1", y="2"} 1', '# {x="1",} 1', "# {x=1} 1", "#", "# ", "#{} 1", "# {} 1"),
        )
    ),
    *('a 1 # {x="1"} 1',),
    *("a 1 NaN", "a 1 Inf", "a 1 1e3", "a 1 99999999999999999999", "", "#", "# x", "#x", "# EOF", "# TYPE a gauge"),
    *("# TYPE a  gauge", "#  TYPE a gauge", "# TYPE a gauge ", "# TYPE a Gauge", "# TYPE a", "# TYPE a ", "# TYPE 9 gauge"),
    *("# TYPE a untyped", "# TYPE a unknown", "# TYPE a info", "# TYPE a stateset", "# TYPE a gaugehistogram", "# TYPE a x"),
    *("# HELP a b", "# HELP a ", "# HELP a", "# HELP 9 b", "# HELP", "# UNIT a_s s", "# UNIT a s", "# UNIT a_s ", "\t# HELP a b"),
]  # fmt: skip

BY_DESCRIPTION = "the format's description ignores blanks there; the lexer does not"
ONLY_3 = "Prometheus 3 takes it"
DIFFERENT = {
    (False, " a 1"): BY_DESCRIPTION,
    (False, "# TYPE a  gauge"): BY_DESCRIPTION,
    (False, "# TYPE a gauge "): BY_DESCRIPTION,
    (False, "a 1 -5"): "the format's description has any int64 as a timestamp; the lexer has no sign",
    (
        False,
        "\x00",
    ): "the lexer takes it for the end of the page and drops what follows without a word; we refuse the page",
    (True, "a 1 99999999999999999999"): "it overflows there; we refuse what does not fit into 64 bits",
    (True, 'a{x="1",} 1'): ONLY_3,
    (True, 'a_total 1 # {x="1",} 1'): ONLY_3,
    (True, 'a 1 # {x="1"} 1'): ONLY_3 + ": exemplars at any sample, not at _total and _bucket alone",
}
"""(OpenMetrics?, line) → why 2.42 decides otherwise."""


def pages():
    """Yield (OpenMetrics?, line, body): the line alone on a page between good ones."""
    for line in SAMPLES:
        yield False, line, f"before 1\n{line}\nafter 2\n".encode()
        yield True, line, f"before 1\n{line}\nafter 2\n# EOF\n".encode()
    for body in (
        "",
        "a 1\n",
        "# EOF",
        "# EOF\n",
        "# EOF\n\n",
        "# EOF\na 1\n",
        "a 1\n# EOF",
        "\n# EOF\n",
        "a 1\n# EOF \n",
        "# EOFX\n",
    ):
        yield True, "page " + body, body.encode()


def type_of(openmetrics):
    return "application/openmetrics-text; version=1.0.0; charset=utf-8" if openmetrics else "text/plain; version=0.0.4"


@pytest.fixture(scope="module")
def theirs(tmp_path_factory, peer, shared):
    """Give what a real Prometheus made of all pages: {(OpenMetrics?, line): samples, or None where it refused}."""
    prometheus = peer("prometheus", "prometheus")
    folder = tmp_path_factory.mktemp("same-exposition")
    served = [(openmetrics, line, body) for openmetrics, line, body in pages()]
    served += [
        (path.name.endswith(".om.txt"), path.name, path.read_bytes())
        for path in sorted((shared / "exposition").glob("*.txt"))
    ]

    def page(request):
        openmetrics, _, body = served[int(request.path.removeprefix("/"))]
        return Answer(body, type=type_of(openmetrics))

    with serving(page) as site:
        yield _made_by(prometheus, folder, site, served)


def _made_by(prometheus, folder, site, served):
    port = free_port()
    jobs = "".join(
        f'  - {{targets: ["127.0.0.1:{site}"], labels: {{__metrics_path__: "/{number}", page: "{number}"}}}}\n'
        for number in range(len(served))
    )
    (folder / "prometheus.yml").write_text(
        "global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n- job_name: pages\n  honor_timestamps: false\n"
        f"  static_configs:\n{jobs}"
    )
    command = [prometheus, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb"]
    command += [f"--web.listen-address=127.0.0.1:{port}"]
    with running(command, port, "/-/ready", folder / "prometheus.log"):
        return {
            (openmetrics, line): made
            for (openmetrics, line, _), made in zip(served, _made(port, len(served)), strict=True)
        }


def _made(port, count):
    """Wait until each page was read once or refused, however often a busy machine is too late for one, and say what it gave."""
    deadline = time.monotonic() + 60
    refused: set[str] = set()
    while len(read := _pages_read(port)) + len(refused - read) < count:
        assert time.monotonic() < deadline, f"{len(read)} of {count} pages were read, {len(refused)} refused"
        refused |= {
            each["labels"]["page"]
            for each in json.loads(get(port, "/api/v1/targets")[1])["data"]["activeTargets"]
            if each["health"] == "down" and "deadline exceeded" not in each["lastError"]
        }
        time.sleep(0.2)  # Prometheus scrapes in real time
    found = {str(number): {} if str(number) in read else None for number in range(count)}
    samples = 'last_over_time({job="pages",__name__!~"up|scrape_.*"}[1h])'
    for each in api(port, "query", query=samples)["data"]["result"]:
        labels = dict(each["metric"])
        page = labels.pop("page")
        del labels["job"], labels["instance"]
        found[page][tuple(sorted(labels.items()))] = float(each["value"][1])
    return [found[str(number)] for number in range(count)]


def _pages_read(port):
    return {each["metric"]["page"] for each in api(port, "query", query="max_over_time(up[1h]) > 0")["data"]["result"]}


def ours(openmetrics, body):
    """What our grammar makes of a page, None where it refuses; bounds as they are written."""
    try:
        page = parse_exposition(body.decode(), OpenMetricsText if openmetrics else PrometheusText)
    except ScrapeError:
        return None
    return {tuple(labels.pairs): value for labels, value, _ in reversed(page.samples)}


def normalised(samples):
    """Bounds as Prometheus 3 writes them."""
    return {
        tuple((name, normalise_float(text) if name in ("le", "quantile") else text) for name, text in labels): value
        for labels, value in samples.items()
    }


def same(one, other):
    return one.keys() == other.keys() and all(
        one[key] == other[key] or (math.isnan(one[key]) and math.isnan(other[key])) for key in one
    )


def test_the_same_pages_are_taken_and_give_the_same_samples(theirs):
    """Every odd line in both formats, alone between two good ones; a refused line costs its whole page."""
    wrong = []
    for openmetrics, line, body in pages():
        expected, found = theirs[openmetrics, line], ours(openmetrics, body)
        alike = expected == found if expected is None or found is None else same(expected, found)
        if alike == ((openmetrics, line) in DIFFERENT):
            wrong.append((openmetrics, line, expected, found))
    assert not wrong, "\n".join(map(str, wrong))


@pytest.mark.shared
def test_real_pages_give_the_same_samples(theirs, shared):
    """The pages beside the project, whole, apart from how bounds are written."""
    for path in sorted((shared / "exposition").glob("*.txt")):
        openmetrics = path.name.endswith(".om.txt")
        found = ours(openmetrics, path.read_bytes())
        assert same(normalised(theirs[openmetrics, path.name]), normalised(found)), path.name

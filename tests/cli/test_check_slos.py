"""`burnline check` of SLO files: their queries and alerts are looked at as those of rule files are, at their own places."""

from __future__ import annotations

import json
from contextlib import chdir
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.app.budgets import read_promises
from agent.cli.main import burnline
from agent.config import Flags, load_config
from agent.errors import SchemaError
from agent.query import Engine, MemoryQueryable, parse
from tests.rules.world import series
from tests.serving import as_json, serving
from tests.slo.placed import ANSWERS
from tests.slo.test_bad_input import ODD, TEXTS, VALUE

FILE = (
    ANSWERS
    + """\
    alerting:
      name: AnswersBurn
      labels: {team: search}
      annotations: {runbook_url: "https://wiki.example.org/answers"}
"""
)
ROUTES = """\
route:
  receiver: nobody
  routes:
    - {receiver: people, matchers: ['severity="critical"', 'sloth_service="rag"']}
    - {receiver: people, matchers: ['severity="warning"', 'team="search"']}
receivers:
  - name: nobody
  - {name: people, webhook_configs: [{url: "http://127.0.0.1:1/"}]}
"""


@pytest.fixture
def check(tmp_path, monkeypatch):
    """Write an SLO file and others, check them in their folder, and return the exit code and the lines."""
    monkeypatch.chdir(tmp_path)

    def run(text, *words, **others):
        (tmp_path / "a.yml").write_text(text)
        for name, content in others.items():
            (tmp_path / f"{name}.yml").write_text(content)
        result = CliRunner().invoke(burnline, ["check", *(words or ("a.yml", *(f"{name}.yml" for name in others)))])
        return result.exit_code, result.stdout.splitlines()

    return run


def test_nothing_is_found_in_a_good_file_with_its_routes(check):
    code, (said,) = check(FILE, "--lint=-routing", "a.yml", "routes.yml", routes=ROUTES)

    assert (code, said) == (0, "2 files, 0 rules, 1 SLO: good")


@pytest.mark.parametrize(
    ("good", "bad", "wanted"),
    [
        (
            "errors_total[",
            'errors_total{code="5",code="6"}[',
            'a.yml:10:18: … no series can have code="5" and code="6"; the selector finds nothing (contradiction)',
        ),
        ("requests_total", "queue_ratio", "a.yml:12:26: … "),
        (
            "sum(rate(requests_total[{{.window}}]))",
            "rate(requests_total[{{.window}}])",
            "a.yml:4:5: … requests_total may give several series, one for each set of labels",
        ),
        (
            "team: search",
            "severity: critcal",
            'a.yml:15:26: … nobody is likely to ask for the severity "critcal"; did you mean "critical"? (severity-unknown)',
        ),
        (
            '"https://wiki.example.org/answers"',
            "answers.md",
            "a.yml:16:34: … the runbook answers.md is no file, neither beside the rules nor here (runbook-missing)",
        ),
        (
            '"https://wiki.example.org/answers"',
            "'javascript:alert(1)'",
            "a.yml:16:35: … the runbook is no web page but javascript:, so messages and pages do not link to it",
        ),
        (
            '      annotations: {runbook_url: "https://wiki.example.org/answers"}\n',
            "",
            'a.yml:4:5: … its alerts have no annotation "runbook_url"',
        ),
        ("team: search", "'worse': '{{ $value }}'", 'a.yml:15:26: … label "worse" depends on the value'),
        (
            '"https://wiki.example.org/answers"',
            '"https://a", summary: "{{ if gt $value 5 }}x{{ end }}"',
            "(template-fails)",
        ),
    ],
)
def test_what_is_odd_about_an_slo_is_said_at_its_place(check, good, bad, wanted):
    assert good in FILE

    code, said = check(FILE.replace(good, bad, 1))

    start, _, rest = wanted.rpartition("… ")
    assert code == 3, said
    assert any(each.startswith(f'{start}SLO "rag-answers": ' if start else "") and rest in each for each in said), said
    assert len(said) == 2, said


def test_events_that_cannot_be_counted_are_said_to_weigh_time(check):
    """A rate of a sum is wrong for itself, too; an author who wrote a ratio knows that it is one."""
    counted, sampled = "sum(rate(requests_total[{{.window}}]))", "rate(sum(requests_total)[{{.window}}:])"
    ratio = "raw: {error_ratio_query: 'avg_over_time(broken[{{.window}}])'}"
    code, said = check(FILE.replace(counted, sampled, 1))
    events = FILE[FILE.index("events:") : FILE.index("    alerting:")]

    assert code == 3
    assert said[0] == (
        'a.yml:4:5: SLO "rag-answers": its events cannot be counted (1:1: rate of a subquery is not counted), so the agent asks '
        "for their ratio at each evaluation and weighs time: a quiet hour counts as much as a busy one (slo)"
    )
    assert said[1].startswith('a.yml:12:22: SLO "rag-answers": ')
    assert not any("counted" in each for each in check(FILE.replace(events, ratio + "\n"))[1])


def test_two_queries_whose_labels_never_meet_are_found_though_each_is_right(check):
    text = FILE.replace("sum(\n", "sum by (code) (\n").replace("sum(rate(requests", "sum by (route) (rate(requests")

    _, said = check(text + "    burnline: {group_by: [route]}\n", "--lint=join-never", "a.yml")

    assert "its queries drop the labels that it is grouped by" in said[0]
    _, said = check(text, "--lint=join-never", "a.yml")
    assert said[0].startswith('a.yml:4:5: SLO "rag-answers": "/" matches nothing: the left side has the label "code"')


def test_an_alert_of_an_slo_that_no_route_hands_to_anybody_is_found(check):
    code, said = check(FILE.replace("team: search", "team: nowhere"), routes=ROUTES)

    assert code == 3
    assert said[0].startswith('a.yml:4:5: SLO "rag-answers": its alerts reach only the receiver "nobody"')


def test_a_comment_accepts_what_is_found_of_an_slo(check):
    without = FILE.replace('      annotations: {runbook_url: "https://wiki.example.org/answers"}\n', "")

    assert check(without)[0] == 3
    assert check(without.replace("  - name: answers", "  # burnline:ignore no-runbook\n  - name: answers"))[0] == 0


def test_what_the_agent_would_refuse_is_an_error_with_the_other_files_still_checked(check):
    low = FILE.replace("99.9", "90").replace("rag\n", "low\n")

    code, said = check(low, other=FILE.replace("errors_total[", 'errors_total{a="1",a="2"}['))

    assert code == 1
    assert said[0].startswith('a.yml:4:5: SLO "low-answers": with an objective of 90 % a budget burns at most 10 times')
    assert said[1].startswith("other.yml:10:18: ")


def test_json_and_sarif_carry_findings_of_slos(check):
    text = FILE.replace("team: search", "severity: critcal")

    _, said = check(text, "--json", "a.yml")
    (finding,) = json.loads("\n".join(said))["findings"]
    assert (finding["file"], finding["line"], finding["column"], finding["code"]) == (
        "a.yml",
        15,
        26,
        "severity-unknown",
    )
    assert finding["suggestion"] == "critical"
    _, said = check(text, "--sarif", "a.yml")
    (result,) = json.loads("\n".join(said))["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["region"] == {"startLine": 15, "startColumn": 26}


def test_an_slo_whose_compiled_rules_are_named_too_is_found_once_of_each_file(check, tmp_path):
    (tmp_path / "a.yml").write_text(FILE)
    for dialect, words in (("burnline", ()), ("sloth", ("--compat", "sloth"))):
        done = CliRunner().invoke(burnline, ["slo", "compile", "a.yml", *words, "--out", f"{dialect}.rules.yml"])
        assert done.exit_code == 0, done.output
    config = 'slo_files: [a.yml]\nrule_files: ["*.rules.yml"]\nstorage: {retention: 60d}\n'

    code, said = check(FILE, "--lint=slo-twice", burnline=config)

    assert code == 3
    assert [each.split(":")[0] for each in said[:-1]] == ["burnline.rules.yml", "sloth.rules.yml"]
    assert 'the rules of SLO "rag-answers" stand here, and slo_files name it too (a.yml:4:5)' in said[0]
    assert check(FILE.replace("rag\n", "other\n"), "--lint=slo-twice", burnline=config)[0] == 0


@pytest.mark.parametrize(("interval", "found"), [("15s", 0), ("1m", 0), ("2m", 1)])
def test_slices_that_no_scrape_comes_in_are_found_by_the_configuration_that_scrapes(check, interval, found):
    jobs = f"  - {{job_name: a, scrape_interval: {interval}}}\n  - {{job_name: b, scrape_interval: 5m}}\n"
    config = f"slo_files: [a.yml]\nscrape_configs:\n{jobs}"

    _, said = check(
        FILE + "    burnline: {budgeting: {method: timeslices, slice: 1m, target: 0.95}}\n",
        "--lint=slo",
        "burnline.yml",
        burnline=config,
    )

    wanted = (
        'a.yml:4:5: SLO "rag-answers": its slices of 1m are shorter than the 2m between scrapes, so none would count: '
        "make slices longer, or scrape more often (slo)"
    )
    assert said[:-1] == [wanted][:found]


@pytest.mark.parametrize(
    ("equal", "ticket", "found"),
    [
        ("burnline_slo", "", True),
        ("burnline_slo, tenant", "", False),
        ("burnline_slo", "ticket_alert: {disable: true}", False),
    ],
)
def test_an_inhibit_rule_that_does_not_tell_groups_apart_is_found(check, tmp_path, equal, ticket, found):
    """The page of one tenant is no reason to hold back another's ticket."""
    muted = f"target_matchers: [sloth_severity=ticket], equal: [{equal}]"
    (tmp_path / "alertmanager.yml").write_text(
        "route: {receiver: all}\nreceivers: [{name: all}]\ninhibit_rules:\n"
        f"  - {{source_matchers: [sloth_severity=page], {muted}}}\n"
        "  - {source_matchers: [alertname=Down], target_matchers: [sloth_severity=ticket], equal: [job]}\n"
    )
    grouped = FILE.replace("sum(", "sum by (tenant) (").replace("    alerting:\n", f"    alerting:\n      {ticket}\n")
    config = "slo_files: [a.yml]\nnotify: {config_file: alertmanager.yml}\n"

    _, said = check(grouped + "    burnline: {group_by: [tenant]}\n", "--lint=slo", "burnline.yml", burnline=config)

    wanted = (
        'a.yml:4:5: SLO "rag-answers": one group that pages mutes the tickets of all others, by the inhibit rule with equal: '
        "[burnline_slo]; write equal: [burnline_slo, tenant] (slo)"
    )
    assert said[:-1] == [wanted][:found]


def test_a_range_that_samples_are_not_kept_for_is_found_in_slos_and_in_rules(check):
    config = "slo_files: [a.yml]\nrule_files: [r.yml]\nstorage: {retention: 15d}\n"
    text = FILE.replace("sum(rate(requests_total[{{.window}}]))", "sum(rate(requests_total[{{.window}}] offset 20d))")
    rules = "groups: [{name: g, rules: [{record: a, expr: 'sum_over_time(b[30d:5m]) + sum_over_time(b[14d])'}]}]\n"

    code, said = check(text, "--lint=beyond-retention", burnline=config, r=rules)

    assert code == 3
    assert len(said) == 3
    assert said[0].startswith('a.yml:12:31: SLO "rag-answers": it reaches 20d back, and samples are kept for 15d')
    assert said[1].startswith('r.yml:1:61: group "g", rule "a": it reaches 30d back')


def test_an_slo_of_90_days_is_right_where_samples_are_kept_for_two(check):
    """Budgets are kept on their own, however short samples are."""
    code, said = check(
        FILE + "    burnline: {slo_period: 90d}\n",
        "burnline.yml",
        burnline="slo_files: [a.yml]\nstorage: {retention: 2d}\n",
    )

    assert (code, said[-1]) == (0, "2 files, 0 rules, 1 SLO: good")


def test_a_pattern_that_finds_no_slo_file_is_said(check):
    code, said = check(FILE, "burnline.yml", burnline='slo_files: ["slos/*.yml"]\n')

    assert code == 3
    assert said[0].startswith("burnline.yml:1:1: slo_files: slos/*.yml matches no file; nothing is evaluated from it")


WINDOWS = """\
apiVersion: sloth.slok.dev/v1
kind: AlertWindows
spec:
  sloPeriod: 2d
  page:
    quick: {errorBudgetPercent: 20, shortWindow: 5m, longWindow: 1h}
    slow: {errorBudgetPercent: 50, shortWindow: 30m, longWindow: 6h}
  ticket:
    quick: {errorBudgetPercent: 60, shortWindow: 2h, longWindow: 12h}
    slow: {errorBudgetPercent: 80, shortWindow: 6h, longWindow: 1d}
"""


@pytest.mark.parametrize(
    ("good", "bad", "wanted"),
    [
        ("sloPeriod: 2d", "sloPeriod: 2d", ""),
        ("shortWindow: 5m", "shortWindow: 1h", "windows/w.yml:6:50: the short window (1h) is not shorter"),
        ("sloPeriod: 2d", "slPeriod: 2d", 'windows/w.yml:4:3: unknown key "slPeriod"; did you mean "sloPeriod"?'),
        ("60", "1", "windows/w.yml:10:11: ticket.slow asks for a burn rate of 1.6, ticket.quick for 0.04"),
        ("apiVersion", "\t", "windows/w.yml:1:1: not valid YAML"),
        (WINDOWS, "", "windows/w.yml:1:1: nothing stands in this file"),
    ],
)
def test_the_windows_of_a_configuration_are_checked_and_count(check, tmp_path, good, bad, wanted):
    """With a burn rate of 9.6 an SLO of 90 % has tiers that fire; with those of 30 days it has none."""
    (tmp_path / "windows").mkdir()
    (tmp_path / "windows" / "w.yml").write_text(WINDOWS.replace(good, bad, 1))
    config = "slo_files: [a.yml]\nslo: {default_period: 2d, windows: windows}\n"

    code, said = check(FILE.replace("99.9", "89.9"), "burnline.yml", burnline=config)

    if not wanted:
        assert (code, said) == (0, ["2 files, 0 rules, 1 SLO: good"])
    else:
        assert code == 1
        assert said[0].startswith(wanted), said
        assert len(said) == 2


HELD = [
    *('requests_total{route="a"}', 'requests_total{route="b"}', "failures_total", 'latency_bucket{le="0.5"}'),
    *('latency_bucket{le="1.0"}', 'latency_bucket{le="3"}', 'latency_bucket{le="+Inf"}', "latency_count"),
]


def asked(request):
    """Answer as Prometheus' API over some counters in memory."""
    if request.body:
        return as_json({"status": "success", "data": evaluated(request.form["query"])})
    url = urlsplit(request.path)
    chosen = parse(parse_qs(url.query)["match[]"][0]).matchers if url.query else ()
    held = [each for each in map(series, HELD) if all(one.matches_labels(each) for one in chosen)]
    match unquote(url.path).split("/")[3:]:
        case ["metadata"]:
            data = {}
        case ["labels"]:
            data = sorted({name for each in held for name, _ in each.pairs})
        case ["label", name, "values"]:
            data = sorted({each.get(name) for each in held if each.get(name)})
    return as_json({"status": "success", "data": data})


def evaluated(query):
    memory = MemoryQueryable()
    for each in HELD:
        memory.add(series(each), [0, 60_000, 120_000], [0.0, 60.0, 120.0])
    found = Engine(memory).instant(parse(query), 120_000).value
    result = [
        {"metric": dict(labels.pairs), "value": [120, str(value)]}
        for labels, value in zip(found.labels, found.values, strict=True)
    ]
    return {"resultType": "vector", "result": result}


@pytest.fixture(scope="module")
def server():
    """Give the URL of that API."""
    with serving(asked) as port:
        yield f"http://127.0.0.1:{port}"


LATENCY = 'sum(rate(latency_count[{{.window}}])) - sum(rate(latency_bucket{le="%s"}[{{.window}}]))'


@pytest.mark.parametrize(
    ("good", "bad", "wanted"),
    [
        (
            "errors_total",
            "failure_total",
            (
                'a.yml:10:18: SLO "rag-answers": the server has never seen a metric failure_total; '
                'did you mean "failures_total"? (live-no-metric)'
            ),
        ),
        (
            "sum(rate(requests_total",
            "rate((requests_total",
            'a.yml:12:22: SLO "rag-answers": its query gives 2 series now: add them (sum), or name the label in group_by (slo)',
        ),
        (
            "requests_total[",
            'requests_total{path="a"}[',
            'a.yml:12:31: SLO "rag-answers": no series of requests_total has a label "path"; it has route (live-no-label)',
        ),
        (
            "sum(rate(requests_total[{{.window}}]))",
            LATENCY % "2.5",
            (
                'latency_bucket has no bucket le="2.5"; its buckets end at "0.5", "1.0", "3", "+Inf"; '
                'did you mean "3"? (live-no-value)'
            ),
        ),
        ("sum(rate(requests_total[{{.window}}]))", LATENCY % "1", 'did you mean "1.0"? (live-no-value)'),
        (
            "sum(rate(requests_total[{{.window}}]))",
            LATENCY % "7",
            'latency_bucket has no bucket le="7"; its buckets end at "0.5", "1.0", "3", "+Inf" (live-no-value)',
        ),
    ],
)
def test_a_server_says_what_of_an_slo_it_has_never_seen(check, server, good, bad, wanted):
    text = FILE.replace("errors_total", "failures_total") if good != "errors_total" else FILE
    assert good in text

    _, said = check(text.replace(good, bad, 1), "a.yml", "--live", server)

    assert any(each.endswith(wanted) for each in said), said


def test_a_server_that_has_all_of_an_slo_finds_nothing(check, server):
    code, said = check(FILE.replace("errors_total", "failures_total"), "a.yml", "--live", server)

    assert (code, said) == (0, ["1 file, 0 rules, 1 SLO: good"])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.sampled_from(TEXTS),
    changes=st.lists(st.tuples(st.integers(0, 200), ODD), max_size=2),
    cut=st.one_of(st.just(10_000), st.integers(0, 60)),
)
def test_the_check_refuses_what_the_agent_refuses_and_nothing_else(tmp_path, text, changes, cut):
    """Whatever stands in the file, both say the same lines of it."""
    for number, odd in changes:
        found = list(VALUE.finditer(text))
        at = found[number % len(found)]
        text = text[: at.start()] + odd + text[at.end() :]
    lines = text.splitlines(keepends=True)
    del lines[cut : cut + 1]
    (tmp_path / "a.yml").write_text("".join(lines))
    (tmp_path / "burnline.yml").write_text("slo_files: [a.yml]\n")

    with chdir(tmp_path):
        checked = CliRunner().invoke(burnline, ["check", "--lint=none", "--json"])
        try:
            read_promises(load_config(Flags(config_file=tmp_path / "burnline.yml"), {}, tmp_path))
            refused = set()
        except SchemaError as error:
            refused = {each.replace(f"{tmp_path}/", "") for each in error.problems}

    said = json.loads(checked.stdout)["findings"]
    assert {f"{each['file']}:{each['line']}:{each['column']}: " for each in said} == {
        f"{':'.join(each.split(':')[:3])}: " for each in refused
    }, (said, refused)

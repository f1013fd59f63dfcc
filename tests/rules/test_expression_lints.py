"""What is wrong in an expression that is valid is found where it stands; what people write for good reasons is left in peace."""

from __future__ import annotations

import pytest

from agent.rules import LintSetting, lint
from tests.rules.world import rule_set

ALERT = """
groups:
- name: g
  rules:
  - alert: A
    expr: |
      {expr}
    labels: {{severity: page}}
    annotations: {{summary: "{summary}", runbook_url: /a}}
"""
RECORDS = """
  - record: error_rate
    expr: sum by (job) (rate(q_total{status="error"}[5m])) / sum by (job) (rate(q_total[5m]))
  - record: all_queries
    expr: sum by (job) (q_total)
  - record: by_kind
    labels: {kind: a}
    expr: sum by (job) (rate(q_total[5m]))
  - record: by_kind
    labels: {kind: b}
    expr: 2 * avg by (job, index) (up)
  - record: circle
    expr: circle + 1
"""


def findings(expr, summary="x", records=RECORDS, **keywords):
    found = lint(rule_set(ALERT.format(expr=expr, summary=summary) + records), setting=LintSetting(**keywords))
    return [each for each in found if each.rule == "A"]


@pytest.mark.parametrize(
    ("expr", "code", "column", "words"),
    [
        ("up > 1", "never-matches", 7, "the left side is between 0 and 1, the right side 1"),
        ("5 < up", "never-matches", 7, "the right side between 0 and 1"),
        ("rate(x_total[5m]) < 0", "never-matches", 7, "never less than 0"),
        ("up == NaN", "never-matches", 7, "nothing compares with NaN"),
        ("(NaN) < x", "never-matches", 7, "nothing compares with NaN"),
        (
            "failed_total / tried_total > 0.1",
            "raw-counter",
            7,
            "failed_total divided by tried_total is a quotient of all",
        ),
        ("sum(failed_total) / on () sum(tried_total) > 0.1", "raw-counter", 7, "divide the rate() of each"),
        ("x > 5 and x < 3", "never-matches", 7, "x would be more than 5 and less than 3 at once"),
        ("x > 5 and y > 1 and x <= 5", "never-matches", 7, "at once"),
        ("x > 5 < 3", "never-matches", 7, "more than 5"),
        ("x > 5 unless x > 3", "never-matches", 7, "unless removes x where it is more than 3"),
        ("absent(x) == 0", "never-matches", 7, "where there is something, absent() gives nothing"),
        ("count by (job) (x) == 0", "never-matches", 7, "use absent()"),
        ("count(up == 0) < 1", "never-matches", 7, "use absent()"),
        ("hour() > 23 and on() x", "never-matches", 7, "between 0 and 23"),
        ("clamp(x, 2, 9) < 2", "never-matches", 7, "between 2 and 9"),
        ("x - x == bool 0 > 1", "never-matches", 7, "between 0 and 1"),
        ("sum(rate(q_total{s='e'}[5m])) / sum(rate(q_total[5m])) > 5", "never-matches", 7, 'did you mean "0.05"?'),
        ("1 - sum(rate(q_total{s='e'}[5m])) / sum(rate(q_total[5m])) < 0", "never-matches", 7, "between 0 and 1"),
        (
            "sum(rate(h_total[5m])) / (sum(rate(h_total[5m])) + sum(rate(m_total[5m]))) > 60",
            "never-matches",
            7,
            'did you mean "0.6"?',
        ),
        ("error_rate > 5", "never-matches", 7, 'did you mean "0.05"?'),
        ("by_kind{kind='b'} > 2", "never-matches", 7, "between 0 and 2"),
        ("histogram_quantile(95, sum by (le) (rate(a_bucket[5m]))) > 1", "quantile-range", 26, 'did you mean "0.95"?'),
        ("quantile(1.5, x) > 1", "quantile-range", 16, "always +Inf"),
        ("quantile_over_time(-1, x[5m]) > 1", "quantile-range", 26, "always -Inf"),
        ("histogram_quantile(0.9, sum by (job) (rate(a_bucket[5m]))) > 1", "no-le", 7, "the label le of a_bucket"),
        ("histogram_quantile(0.9, sum without (le) (rate(a_bucket[5m]))) > 1", "no-le", 7, "add le"),
        ("rate(process_start_time_seconds[5m]) > 0", "", 0, ""),
        ("rate(node_memory_free_bytes[5m]) > 0", "rate-on-gauge", 7, "its name says so"),
        ("rate(error_rate[5m]) > 0", "rate-on-gauge", 7, "recorded from a gauge or a rate"),
        ("rate(rate(x_total[5m])[10m:]) > 0", "rate-on-gauge", 7, "rate() gives a gauge"),
        ("rate(sum(x_total)[10m:1m]) > 0", "rate-of-sum", 7, "write sum(rate(…))"),
        ("rate(all_queries[5m]) > 0", "rate-of-sum", 7, "one restart looks like a jump of all"),
        ("x_total > 5", "raw-counter", 7, "x_total is a counter"),
        ("x_total > 0", "raw-counter", 7, "x_total is a counter"),
        ("(count(sum by (v) (x)) > 1) * on (i) group_left (n) y", "join-never", 7, 'the label "i"'),
        ("5 < sum by (job) (x_total) / 60", "raw-counter", 7, "x_total is a counter"),
        ("all_queries > 100", "raw-counter", 7, "all_queries is a counter"),
        ("avg_over_time(x_total[5m]) > 5", "raw-counter", 7, "avg_over_time() reads the counter"),
        ("predict_linear(x_total[5m], 60) > 5", "raw-counter", 7, "only grows"),
        ("histogram_quantile(0.9, sum by (le) (a_bucket)) > 1", "raw-counter", 7, "count since the process started"),
        ("a_duration_seconds_count > 5", "raw-counter", 7, "a_duration_seconds_count"),
        ("up{job='a', job='b'} == 0", "contradiction", 7, 'job="a" and job="b"'),
        ("up{job='a', job!~'a|b'} == 0", "contradiction", 7, 'job!~"a|b"'),
        ("up{job=~'a|b', job!~'a|b'} == 0", "contradiction", 7, "finds nothing"),
        ("x{job='a'} / sum(y)", "join-never", 7, 'the left side has the label "job" and the right side has dropped it'),
        ("sum by (job) (x) / sum by (job, index) (y)", "join-never", 7, 'the label "index"'),
        ("x / on (instance) sum by (job) (y)", "join-never", 7, 'the label "instance"'),
        ("x and on (instance) sum by (job) (y) > 1", "join-never", 7, '"and" matches nothing'),
        ("x{job='a'} unless sum(y)", "join-never", 7, '"unless" removes nothing'),
        ("x{job='a'} and y{job='b'}", "join-never", 7, 'job is "a" on the left and "b" on the right'),
        ("error_rate > 0.1 and on (instance) up == 1", "join-never", 7, 'the label "instance"'),
    ],
)
def test_what_cannot_work_is_found_where_it_stands(expr, code, column, words):
    found = [each for each in findings(expr) if each.code != "short-range"]
    assert [each.code for each in found] == ([code] if code else [])
    if code:
        assert (found[0].place.line, found[0].place.column) == (7, column)
        assert words in str(found[0])


@pytest.mark.parametrize(
    "expr",
    [
        "up == 0",
        "x != x",
        "x != NaN",
        "failed_total - failed_total offset 1h > 5",
        "max_over_time(up[15s]) == 0",
        "max_over_time(x[10s:1s]) > 0",
        "up{job='a'} != 1",
        "sum(up) == 0",
        "absent(up{job='a'}) == 1",
        "vector(0) > 1",
        "vector(1 > bool 2) == 1",
        "x > 5 and x < 9",
        "x > 5 or x < 3",
        "x > 3 unless x > 5",
        "x{a='1'} > 5 and on (job) x{a='2'} < 3",
        "{__name__=~'a|b'} > 5 and {__name__=~'a|b'} < 3",
        "x > 5 and y < 3",
        "rate(x_total[5m]) > 0",
        "x_total == 0",
        "x_total > 0 and rate(x_total[5m]) == 0",
        "(x_total > 0) * on (job) group_left (name) some_info",
        "sum by (n) ((x{p='r'} == 1) + on (u) group_left (n) (0 * some_info{h=''})) > 3",
        "(a - a offset 10m >= 1) and ignoring (r) min_over_time(b{r='oom'}[10m]) == 1",
        "up == 0 unless on (job) (sum by (job) (up) == 0)",
        "x{quantile='0.9'} / on (job) x{quantile='0.5'} > 1.05",
        "rate(x_total[15m]) / count without (cpu, mode) (y_total{mode='idle'}) > 2",
        "label_replace(count by (__name__) ({__name__=~'.+'}), 'name', '$1', '__name__', '(.+)') > 100",
        "count by (__name__) (a) / count(b) > 3",
        "{__name__=~'s_.*'} != on (__name__, instance) {__name__=~'s_.*'} offset 5m",
        "count(count_values('hash', config_hash)) > 1",
        "sum by (job) (rate(a[3m]) / (rate(a[3m]) + rate(b[3m]))) > 3",
        "x_total - x_total offset 5m > 5",
        "x_total > x_total offset 5m",
        "increase(x_total[1h]) > 5",
        "resets(x_total[1h]) > 5",
        "changes(up[1h]) > 3",
        "absent(x_total) and on () vector(time()) % 86400 > 3600",
        "count(x_total) > 5",
        "node_memory_total > 5",
        "replica_count > 5",
        "sum(a_sum) / sum(b) > 0.3",
        "sum(rate(a_seconds_sum[5m])) / sum(rate(a_seconds_count[5m])) > 3",
        "sum(rate(a_total{x='y'}[5m])) / sum(rate(b_total[5m])) > 5",
        "sum(rate(a_total{x='y'}[5m])) / sum(rate(a_total{z='y'}[5m])) > 5",
        "sum(rate(a_total{x='y'}[5m])) / sum(rate(a_total[1h])) > 5",
        "100 * sum(rate(q_total{s='e'}[5m])) / sum(rate(q_total[5m])) > 5",
        "histogram_quantile(0.9, sum by (le, job) (rate(a_bucket[5m]))) > 1",
        "histogram_quantile(0.9, sum by (job) (rate(native[5m]))) > 1",
        "histogram_quantile(0.9, rate(a_bucket[5m])) > 1",
        "up{job=~'a.*', job!='ab'} == 0",
        "x{job='a'} / on (job) sum by (job) (y)",
        "x{job='a'} / on () group_left sum(y)",
        "x / ignoring (code) group_left sum without (code) (x)",
        "sum by (job, code) (x) / on (job) group_left sum by (job) (x)",
        "sum by (job) (x) / sum by (job) (y)",
        "a * on (pod) group_left (node) b > 1",
        "sum by (node) (a * on (pod) group_left (node) kube_pod_info{node='n'}) > 1",
        "x and on () vector(1)",
        "x > scalar(sum(y))",
        "error_rate > 0.05 and on (job) sum by (job) (rate(q_total[5m])) > 1",
        "by_kind > 2",
        "circle > 2",
        "predict_linear(node_filesystem_avail_bytes[6h], 4 * 3600) < 0",
        "time() - node_boot_time_seconds < 600",
        "(1 - avg by (instance) (rate(node_cpu_seconds_total{mode='idle'}[5m]))) * 100 > 90",
        "label_replace(up, 'job', '$1', 'instance', '(.*)') == 0",
        "max_over_time(error_rate[5m]) == 0 or vector(1) > 5",
        "ALERTS{alertstate='firing'} > 0",
    ],
)
def test_idioms_are_left_in_peace(expr):
    assert [str(each) for each in findings(expr)] == []


@pytest.mark.parametrize(
    ("expr", "summary", "label"),
    [
        ("sum by (job) (x) > 1", "{{ $labels.instance }}", "instance"),
        ("sum by (job) (x) > 1", "{{ $labels.job }} {{ $labels.pod }}", "pod"),
        ("sum(x) > 1", "{{ $labels.job }}", "job"),
        ("sum without (pod) (x) > 1", "on {{ $labels.pod }}", "pod"),
        ("absent(up{job='a'})", "{{ $labels.job }} {{ $labels.instance }}", "instance"),
        ("error_rate > 0.5", "{{ $labels.index }}", "index"),
        ("x / on (job) y", "{{ $labels.instance }}", "instance"),
        ("x{pod=''} > 1", "{{ $labels.pod }}", "pod"),
        ("histogram_quantile(0.9, rate(a_bucket[5m])) > 1", "{{ $labels.le }}", "le"),
        ("sum by (job) (x) > 1", "{{ index $labels `a-b` }}", "a-b"),
    ],
)
def test_a_template_that_prints_a_dropped_label_is_found_where_it_says_so(expr, summary, label):
    found = findings(expr, summary)
    assert [each.code for each in found] == ["dropped-label"]
    assert f'no label "{label}"' in found[0].message
    begins = "    annotations: {summary: " + '"'
    inside = summary.rindex("index" if label == "a-b" else "$labels")
    assert (found[0].place.line, found[0].place.column) == (9, len(begins) + inside + 1)


@pytest.mark.parametrize(
    ("expr", "summary"),
    [
        ("sum by (job) (x) > 1", "{{ $labels.job }}"),
        ("x > 1", "{{ $labels.anything }}"),
        ("up == 0 or absent(up{job='a'})", "{{ $labels.instance }}"),
        ("sum by (job) (x) > 1", "{{ with $labels.pod }}{{ $labels.pod }}{{ end }}"),
        ("label_replace(sum by (job) (x), 'team', 'a', '', '') > 1", "{{ $labels.team }}"),
        ("sum by (pod) (x) * on (pod) group_left (node) y > 1", "{{ $labels.node }}"),
        ("count_values('version', build) > 1", "{{ $labels.version }}"),
        ("topk by (job) (3, x) > 1", "{{ $labels.instance }}"),
        ("by_kind > 1", "{{ $labels.kind }} {{ $labels.index }}"),
    ],
)
def test_a_template_whose_labels_may_be_there_is_left_in_peace(expr, summary):
    assert findings(expr, summary) == []


def test_metadata_tells_the_kind_where_the_name_does_not():
    """And it is believed before the name."""
    assert [each.code for each in findings("rate(depth[5m]) > 1", types={"depth": "gauge"})] == ["rate-on-gauge"]
    assert [each.code for each in findings("requests > 1", types={"requests": "counter"})] == ["raw-counter"]
    assert findings("x_total > 1", types={"x_total": "gauge"}) == []
    assert findings("rate(a_free_bytes[5m]) > 1", types={"a_free_bytes": "counter"}) == []
    assert [each.code for each in findings("a_count > 1", types={"a": "histogram"})] == ["raw-counter"]


def test_a_thousand_operators_in_a_row_are_read_without_recursion():
    assert findings(" + ".join(["x"] * 3000) + " > 5") == []


@pytest.mark.parametrize("step", [1, -1])
def test_a_long_chain_of_recordings_is_followed_as_far_as_it_pays(step):
    """In whichever order the file has them; what is beyond is not known, and nothing is said of it."""
    chain = [f"  - {{record: r{number}, expr: 'sum by (job) (r{number - 1})'}}\n" for number in range(1, 2000)]
    records = "  - {record: r0, expr: 'up > bool 0'}\n" + "".join(chain[::step])
    assert findings("r1999 > -1", records=records) == []
    assert [each.code for each in findings("r9 < 0", records=records)] == ["never-matches"]


@pytest.mark.shared
def test_the_rules_of_others_are_left_in_peace(shared):
    """Of rules that run somewhere only what they lack or repeat is said, and of one alert that it reads a missing label."""
    from agent.rules import load_rules

    files = [shared / "research" / "rag_rules.yaml", *sorted((shared / "promtool").glob("rules*.yml"))]
    files = [
        path for path in files if path.name not in ("rules-bad.yml", "rules_extrafields.yml") and "run" not in path.name
    ]
    codes = {each.code for each in lint(load_rules(files))}
    assert codes == {"no-severity", "no-summary", "no-runbook", "duplicate"}


@pytest.mark.parametrize(
    ("expr", "found"),
    [
        ("max_over_time(up[14s]) == 0", ["max_over_time() over 14s holds no scrape most of the time"]),
        ("quantile_over_time(0.5, x[1s]) > 0", ["quantile_over_time() over 1s holds no scrape most of the time"]),
        ("rate(x_total[59s]) > 1", ["rate() over 59s holds fewer than 4 scrapes of 15s"]),
        ("max_over_time(up[15s]) == 0 and rate(x_total[1m]) > 1", []),
    ],
)
def test_a_range_is_held_against_the_scrape_interval(expr, found):
    short = [each.message for each in findings(expr) if each.code == "short-range"]
    assert [message.partition(":")[0].partition(";")[0] for message in short] == found

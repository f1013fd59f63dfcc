"""Expressions in every corner of the language, written for these tests: what both parsers must read, and what neither may.

`NEWER` holds what Prometheus 3 reads and promql-parser does not.
"""

from __future__ import annotations

VALID = [
    # numbers
    "0", "1", "-1", "+1", "1.5", ".5", "5.", "1e3", "1E-3", "1.e+2", "0x1F", "Inf", "-inf", "+INF", "NaN", "nan",
    # strings
    '"plain"', "'single'", "`raw \\n`", '"tab\\t quote\\" newline\\n"', '"\\u00e9\\x41\\101"', '""',
    # selectors
    "up", "job:requests:rate5m", ":leading", "up{}", 'up{job="a"}', "up{job='a',}", 'up{job!="a",x=~"b|c",y!~"d.*"}',
    '{__name__="up"}', '{__name__=~"up|down"}', '{job="a"}', 'up{job=""}', 'up{ job = "a" , instance != "" }',
    'up{a="1",a!="2"}', "sum", "offset", "by", "without", "avg", "min", "group", "start", "end", "topk", "quantile",
    'up{on="x",by="y",sum="z",offset="w",bool="v"}',
    # modifiers
    "up offset 5m", "up offset -5m", "up offset 1w2d3h4m5s6ms", "up @ 1609746000", "up @ 1609746000.123",
    "up @ start()", "up @ end()", "up @ 5 offset 1m", "up offset 1m @ 5", "up OFFSET 1m", "up offset 1y",
    "rate(up[5m] offset 1m)", "rate(up[5m] @ 100)", "rate(up[5m] @ end() offset 1m)",
    # ranges and subqueries
    "rate(up[5m])", "rate(up[1h30m])", "up[5m:]", "up[5m:1m]", "up[5m:1m] offset 1m", "up[5m:1m] @ 10",
    "max_over_time(rate(up[1m])[1h:1m])", "sum(up)[5m:30s]", "(up)[5m:1m]", "avg_over_time((up + 1)[10m:])",
    "rate(up[5m])[10m:1m]", "max_over_time(max_over_time(up[1m:1s])[5m:1m])",
    # operators
    "1 + 2", "a+b", "a-b", "a - -b", "a * b + c", "a + b * c", "a ^ b ^ c", "-a ^ b", "2 ^ -1", "a % b / c * d",
    "a atan2 b", "-a", "- - a", "+a", "(a + b) * c", "((a))", "a == b", "a != b", "a > b", "a < b", "a >= b", "a <= b",
    "a == bool b", "1 > bool 2", "a > 1 < 2", "a and b", "a or b unless c", "a or b and c", "a AND b", "a Or b",
    "a + on() b", "a + on(x) b", "a + on(x, y) b", "a + ignoring(x) b", "a + ignoring() b", "a * on(x) group_left b",
    "a * on(x) group_left() b", "a * on(x) group_left(y) b", "a * on(x) group_right(y, z) b",
    "a * ignoring(x) group_right b", "a == bool on(x) group_left b", "a and on(x) b", "a or ignoring(x) b",
    "a unless on() b", "a + b - c + d", "a / (b - c)", "a - on(x) (b)", "1 + 2 * 3 ^ 4 % 5", "a >= bool 0.5",
    # aggregations
    "sum(up)", "SUM(up)", "Sum by (job) (up)", "sum(up) by (job)", "sum without (job, instance) (up)",
    "sum(up) without ()", "avg by (a,) (up)", "count(up)", "min(up)", "max(up)", "group(up)", "stddev(up)", "stdvar(up)",
    "topk(3, up)", "topk by (job) (3, up)", "bottomk(scalar(a), up) by (job)", "quantile(0.9, up)",
    'count_values("v", up)', 'count_values without (x) ("v", up)', "sum(sum by (x) (up))", "sum by (by, on, bool) (up)",
    # functions
    "abs(up)", "time()", "pi()", "vector(1)", "scalar(up)", "absent(up)", "round(up)", "round(up, 0.1)", "hour()",
    "hour(up)", "clamp(up, 1, 2)", "clamp_min(up, 1)", "histogram_quantile(0.9, sum by (le) (rate(x_bucket[5m])))",
    'label_replace(up, "a", "$1", "b", "(.*)")', 'label_join(up, "a", "-", "b", "c")', 'label_join(up, "a", "-")',
    "predict_linear(up[1h], 3600)", "quantile_over_time(0.5, up[5m])", "sort_desc(up)", "absent_over_time(up[5m])",
    "timestamp(up)", "day_of_year()", "deriv(up[5m])", "changes(up[5m])", "last_over_time(up[5m])", "sgn(up)",
    # layout
    "sum(\n  up # what is up\n)", "\tup\n", "# only then\nup", 'sum by(job)(rate(up{job=~"a|b"}[5m]))/2',
]  # fmt: skip

NEWER = [
    "1_000", "1_000.5", "010", "0x_ff", '{"up"}', '{"odd name", job="a"}', '{"odd name", "odd label"="x"}',
    "sum by (\"odd label\") (up)", "up @ -60", "up offset -1", "up offset 300", "rate(up[300])", "up[300:60]", "5m",
    "1h30m + 1",
    "rate(up[5m*2])", "rate(up[5m + 30])", "rate(up[2 ^ 3])", "up offset (5m * 2)", "up offset -(1m)", "rate(up[step() * 5])",
    "up offset step()", "rate(up[max_of(step(), 1m)])", "rate(up[min_of(2m, range())])", "up[5m:step()]", "rate(up[1h % 7m])",
    "increase(up[5m] anchored)", "rate(up[5m] smoothed)", "up smoothed", "rate(up[5m] anchored offset 1m)",
    "a + fill(0) b", "a + on(x) fill_left(1) fill_right(-2) b", "a * on(x) group_left(y) fill(Inf) b", "fill + fill",
    "histogram </ 5", "histogram >/ 0.5", "start()", "end() - start()", "step()", "range()", "max_of(1, 2)",
    "mad_over_time(up[5m])", "ts_of_max_over_time(up[5m])", "first_over_time(up[5m])",
    "histogram_quantiles(up, \"q\", 0.5, 0.9)",
    "limitk(2, up)", "limit_ratio(0.5, up)", "sort_by_label(up, \"a\")", "info(up, {a=~\".*\"})",
    "double_exponential_smoothing(up[5m], 0.1, 0.2)",
    '"\\xff"', "rate(up[-5m+10m])", "STEP()",
]  # fmt: skip

INVALID = [
    "", "   ", "# nothing", "(", ")", "(1", "1)", "{", "}", "[5m]", "1 +", "+", "*1", "1 ** 2", "a b", "a,b", "1 == 1",
    "a bool b", "a + bool b", "a = b", "a =~ b", "a !~ b", "a ! b", "a & b", "a and 1", "1 or a", "1 and 1",
    "{}", 'up{job=}', "up{job}", 'up{="a"}', 'up{job="a" x="b"}', 'up{,}', "up{job=a}", 'up{job="a"', 'up{job=~"("}',
    'up{job=~"a",',
    '{job=~".*"}', '{x=""}', '{x!="y"}', 'up{__name__="down"}', "1{}", "up[5m", "up[]", "up[5x]", "up[0s]", "up[5m][5m]",
    "up[a]",
    "up offset", "up offset x", "1 offset 5m", "sum(up) offset 5m", "up offset 1m offset 2m", "up offset 5m[5m]", "up @",
    "up @ x",
    "up @ 5 @ 6", "up @ start", "1 @ 5", "rate(up)", "rate(1)", "abs(up[5m])", "sum(up[5m])", "sum(1)", "sum()", "sum(up, up)",
    "sum by up", "sum by (", "sum by (1) (up)", "topk(up)", "topk(up, up)", 'topk("a", up)', "count_values(1, up)", "abs()",
    "abs(up, up)", "round(up, 1, 2)", "nope(up)", "RATE(up[5m])", "rate(up[5m],)", "abs(,up)", "-up[5m]", '-"a"', '"a" + 1',
    "up[5m] + 1", "up[5m:1m] + 1", "up[5m:0s]", "rate(up[5m])[5m]", "1[5m:]", '"a"[5m:]', '"open', "'open", "`open", '"\\c"',
    '"\\x4"',
    '"\\u12"', "2.5.", "1..2", "0xg", "1e", "5mm", "5m3y", "a + on(x) group_left(x) b", "a + group_left b",
    "a or on(x) group_left b",
    "a + on(x) ignoring(y) b", "a + on x b", "1 + on(x) 2", "a + on(x) 1", "bool", "on", "a offset 1m by (x)", "@ 5",
    "up @ Inf",
    "sum by (x) by (y) (up)", "a == bool", "~a", "a; b", "a[5m:1m:1s]", "a[:5m]", "label_join(up)", "time(1)", "up{a==\"b\"}",
]  # fmt: skip

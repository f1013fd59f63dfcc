"""What people write who mean something else: each is refused, or remarked, at its place with what they will have meant."""

from __future__ import annotations

import pytest

from agent.errors import SchemaError
from agent.slo import compile_slos, read_slos, warnings_of
from tests.slo.placed import ANSWERS

FILE = ANSWERS + "    alerting: {name: AnswersBurn}\n"


def refused(text: str) -> str:
    """Return the one problem of a text."""
    with pytest.raises(SchemaError) as error:
        compile_slos(read_slos(text, "f.yml").slos)
    (problem,) = error.value.problems
    return problem


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("99,9", "99.9"),
        ("99.9%", "99.9"),
        ("'99,95 %'", "99.95"),
        ("0.999", "99.9"),
        ("0.95", "95"),
        ("0.9999", "99.99"),
    ],
)
def test_an_objective_that_is_written_otherwise_is_refused_with_what_it_means(written, meant):
    problem = refused(FILE.replace("99.9", written))

    assert problem.startswith("f.yml:5:16: ")
    assert problem.endswith(f'; did you mean "{meant}"?')


@pytest.mark.parametrize("written", ["100", "100.0", "1e2", "0", "-1", "101", ".nan", "true", "~", "[99]", "ninety"])
def test_an_objective_without_a_budget_is_refused_at_its_place(written):
    assert refused(FILE.replace("99.9", written)).startswith("f.yml:5:16: ")


def test_a_budget_that_one_scrape_of_an_outage_uses_up_is_remarked_with_its_seconds():
    (warning,) = warnings_of(compile_slos(read_slos(FILE.replace("99.9", "99.999999"), "f.yml").slos))

    assert warning.startswith('f.yml:4:5: SLO "rag-answers": an objective of 99.999999 % lets 0.0259 s of 30d be bad')
    assert not warnings_of(compile_slos(read_slos(FILE.replace("99.9", "99.999"), "f.yml").slos))


@pytest.mark.parametrize(
    "written", ["{{ .Window }}", "{{window}}", "{{.windw}}", "{{- .window}}", "$window", "${__range}", "$__rate_interval",
                "window", ".window"],
)  # fmt: skip
def test_what_stands_for_the_window_by_mistake_is_pointed_at_inside_the_block(written):
    problem = refused(FILE.replace("{{.window}}", written, 1))

    assert problem.startswith("f.yml:10:31: ")
    assert problem.endswith('; did you mean "{{.window}}"?')


def test_a_range_that_is_fixed_is_pointed_at_inside_the_block():
    problem = refused(FILE.replace("{{.window}}", "5m", 1))

    assert problem.startswith("f.yml:10:30: ")
    assert "it asks for 5m whatever the window" in problem


@pytest.mark.parametrize(
    ("good", "bad", "place", "said"),
    [
        ("rate(", "rat(", "10:13", 'did you mean "rate"?'),
        ("}}]))\n    alerting", "}}])\n    alerting", "12:59", "unclosed left parenthesis"),
        ("          )\n", "", "11:11", "unclosed left parenthesis"),
        ("errors_total[", "errors_total{code=500}[", "10:36", "unexpected"),
        ("errors_total[{{.window}}]", 'errors_total{code=~"5.("}[{{.window}}]', "10:31", "missing closing )"),
    ],
)
def test_a_mistake_of_promql_is_found_where_it_stands_in_a_block_of_several_lines(good, bad, place, said):
    problem = refused(FILE.replace(good, bad, 1))

    assert said in problem
    assert problem.split(" ")[0] == f"f.yml:{place}:", problem


def test_a_query_without_a_series_is_refused():
    problem = refused(FILE.replace("sum(rate(requests_total[{{.window}}]))", "vector(1) + {{.window}}"))

    assert problem.startswith("f.yml:12:22: ")
    assert "selects no series" in problem


def test_a_required_key_that_is_misspelt_is_named_at_its_place_though_sloth_would_pass_over_it():
    problem = refused(FILE.replace("objective:", "objectiv:"))

    assert problem == (
        'f.yml:5:5: slo "answers": missing key "objective", and "objectiv" is none; did you mean "objective"?'
    )


@pytest.mark.parametrize(("period", "said"), [("1m", 'm is minutes, did you mean "30d"?'), ("23h", "at least one day")])
def test_a_period_of_less_than_a_day_is_refused_where_it_stands(period, said):
    problem = refused(FILE + f"    burnline: {{slo_period: {period}}}\n")

    assert problem.startswith("f.yml:14:28: ")
    assert said in problem


@pytest.mark.parametrize(
    ("query", "whose"),
    [
        ("rate(requests_total[{{.window}}])", "each set of labels"),
        ("sum by (route, pod) (rate(requests_total[{{.window}}]))", "each value of pod, route"),
        ("sum without (pod) (rate(requests_total[{{.window}}]))", "each set of labels"),
        ("sum(rate(requests_total[{{.window}}]))", ""),
        ("sum(sum by (route) (rate(requests_total[{{.window}}])))", ""),
    ],
)
def test_a_query_that_may_give_several_series_is_remarked_before_it_does(query, whose):
    text = FILE.replace("sum(rate(requests_total[{{.window}}]))", query)

    said = warnings_of(compile_slos(read_slos(text, "f.yml").slos))

    assert [f"one for {whose}, " in each for each in said] == ([True] if whose else [])


def test_a_label_that_the_budget_is_grouped_by_may_have_several_values():
    text = FILE.replace("sum(", "sum by (route) (") + "    burnline: {group_by: [route]}\n"

    assert not warnings_of(compile_slos(read_slos(text, "f.yml").slos))


@pytest.mark.parametrize(
    ("exclusions", "left"),
    [
        ('{reason: x, cron: "0 * * * *", duration: 1h}', False),
        ('{reason: x, cron: "0 0 * * *", duration: 1d, time_zone: Asia/Kolkata}', False),
        ('{reason: x, cron: "0 0 * * *", duration: 12h}, {reason: y, cron: "0 12 * * *", duration: 12h}', False),
        ('{reason: x, cron: "0 0 * * mon", duration: 1w}', False),
        ('{reason: x, cron: "0 * * * *", duration: 59m}', True),
        ('{reason: x, cron: "0 0 * * sat", duration: 2d}', True),
        ("{reason: x, start: 1970-01-01, end: 2099-01-01}", True),
    ],
)
def test_exclusions_that_leave_no_time_over_are_refused(exclusions, left):
    text = FILE + f"    burnline: {{exclusions: [{exclusions}]}}\n"

    if left:
        assert compile_slos(read_slos(text, "f.yml").slos)
    else:
        assert refused(text).startswith('f.yml:4:5: SLO "rag-answers": its exclusions leave no time over')

"""What templates print, by the documentation of Go's text/template and fmt and of Prometheus' functions."""

from __future__ import annotations

import math

import pytest

from agent.gotemplate import AnyMap, Function, Struct, parse
from agent.model import Labels
from tests.gotemplate.cases import BAD, render


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (100000.0, "100000"),
        (1000000.0, "1e+06"),
        (1234567.0, "1.234567e+06"),
        (0.000012, "1.2e-05"),
        (0.0001, "0.0001"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
        (math.nan, "NaN"),
        (-0.0, "-0"),
        (0.1, "0.1"),
        (5e-324, "5e-324"),
        (1.7976931348623157e308, "1.7976931348623157e+308"),
    ],
)
def test_a_value_prints_in_the_shortest_form_of_go(value, shown):
    assert render("{{ $value }}", value=value) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("{{ humanize 1234567.0 }}", "1.235M"),
        ("{{ humanize1024 1234567.0 }}", "1.177Mi"),
        ("{{ humanize1024 2048.0 }}", "2ki"),
        ("{{ humanizeDuration 1234567 }}", "14d 6h 56m 7s"),
        ("{{ humanizeDuration 899.99 }}", "14m 59s"),
        ("{{ humanizeDuration .1 }}", "100ms"),
        ("{{ humanizePercentage 0.1234567 }}", "12.35%"),
        ("{{ humanizeTimestamp 1435065584.128 }}", "2015-06-23 13:19:44.128 +0000 UTC"),
        ("{{ toTime 1435065584.128 }}", "2015-06-23 13:19:44.128 +0000 UTC"),
        ("{{ toDuration 3661.5 }}", "1h1m1.5s"),
        ("{{ (toDuration 90).Minutes }}", "1.5"),
        ("{{ urlQueryEscape `a b` }}", "a+b"),
        ("{{ pathPrefix }} {{ externalURL }}", "/base http://burnline.example/base"),
        ("{{ now }}", "90"),
        ("{{ range 3 }}{{ . }}{{ end }}", "012"),
        ("{{ with $labels.none }}1{{ else with $labels.job }}{{ . }}{{ end }}", "rag"),
    ],
)
def test_prometheus_functions_print_what_their_reference_says(text, shown):
    assert render(text, at_ms=90_000) == shown


def render_error(text, **keywords):
    from agent.errors import TemplateError

    with pytest.raises(TemplateError) as caught:
        render(text, **keywords)
    return str(caught.value)


def test_lists_maps_and_structs_print_as_go_prints_them():
    """A slice is [a b], a map is sorted by key, a struct is its fields in braces, +v names them."""
    template = parse("{{ .list }} {{ .map }} {{ .struct }} {{ printf `%+v` .struct }} {{ .nothing }}", "t")
    data = AnyMap(
        list=["a", "b"], map={"b": "2", "a": "1"}, struct=Struct("pair", {"Name": "x", "Size": 2}), nothing=None
    )
    assert template.render(data) == "[a b] map[a:1 b:2] {x 2} {Name:x Size:2} <no value>"


def test_methods_are_called_with_arguments_and_piped_values():
    data = Struct("T", {}, {"Join": lambda *words: "-".join(words)})
    assert parse('{{ .Join "a" "b" }} {{ "z" | .Join "y" }}', "t").render(data) == "a-b y-z"


def test_functions_given_when_rendering_replace_those_known_when_parsing():
    template = parse("{{ ask }}", "t", {"ask": Function(lambda: "then")})
    assert template.render(None, functions={"ask": Function(lambda: "now")}) == "now"


def test_the_index_of_a_break_in_nested_ranges_ends_the_inner_one_only():
    text = "{{ range $a := .x }}{{ range $b := $.x }}{{ if eq $b 2 }}{{ break }}{{ end }}{{ $a }}{{ $b }} {{ end }}{{ end }}"
    assert parse(text, "t").render({"x": [1, 2]}) == "11 21 "


def test_a_missing_label_is_empty_and_a_missing_argument_is_no_value():
    assert render("[{{ $labels.nope }}] {{ (args 1).arg9 }}") == "[] <no value>"


def test_a_defined_template_does_not_see_the_variables_of_the_main_one():
    assert "undefined variable" in render_error('{{ define "x" }}{{ $labels }}{{ end }}')


@pytest.mark.parametrize("text", BAD)
def test_what_go_refuses_is_refused_before_it_runs(text):
    assert render_error(text).startswith("template: case:")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ $label.foo }}", 'template: case:1:4: undefined variable "$label"'),
        ("a\nb {{ nope }}", 'template: case:2:6: function "nope" not defined'),
        ("é {{ if true }}", "template: case:1:3: unexpected EOF: {{if}} has no {{end}}"),
        (
            "x\n{{ .Foo }}",
            'template: case:2:4: executing "case" at <.Foo>: can\'t evaluate field Foo in type AlertTemplateData',
        ),
        (
            "{{ eq $value 5 }}",
            'template: case:1:4: executing "case" at <eq $value 5>: error calling eq: incompatible types for comparison',
        ),
        (
            "{{ humanize `x` }}",
            (
                'template: case:1:4: executing "case" at <humanize `x`>: error calling humanize: '
                'strconv.ParseFloat: parsing "x": invalid syntax'
            ),
        ),
        (
            "{{ query `q` | first }}",
            (
                'template: case:1:16: executing "case" at <first>: error calling first: '
                "first() called on vector with no elements"
            ),
        ),
        (
            "{{ match 1 `a` }}",
            'template: case:1:10: executing "case" at <1>: expected string; found 1',
        ),
        (
            "{{ toUpper $value }}",
            'template: case:1:12: executing "case" at <$value>: wrong type for value; expected string; got float64',
        ),
        (
            "{{ match `a` }}",
            'template: case:1:4: executing "case" at <match>: wrong number of args for match: want 2 got 1',
        ),
        (
            '{{template "gone"}}',
            'template: case:1:1: executing "case" at <{{template "gone"}}>: template "gone" not defined',
        ),
        (
            "{{ index $labels 1 }}",
            (
                'template: case:1:4: executing "case" at <index $labels 1>: error calling index: '
                "value has type int; should be string"
            ),
        ),
        (
            "{{ reReplaceAll `(` `` `x` }}",
            (
                'template: case:1:4: executing "case" at <reReplaceAll `(` `` `x`>: error calling reReplaceAll: '
                "error parsing regexp: missing closing ): `(`"
            ),
        ),
        (
            "{{ toTime 1e30 }}",
            (
                'template: case:1:4: executing "case" at <toTime 1e30>: error calling toTime: '
                "1e+30 cannot be represented as a nanoseconds timestamp since it overflows int64"
            ),
        ),
        (
            "{{ $value.x }}",
            'template: case:1:4: executing "case" at <$value.x>: can\'t evaluate field x in type float64',
        ),
    ],
)
def test_errors_name_the_template_the_place_and_the_reason(text, message):
    assert render_error(text) == message


def test_a_failing_query_is_the_reason_of_the_error():
    from agent.errors import ExecutionError

    def query(expression, at_ms):
        message = f"cannot answer {expression} at {at_ms}"
        raise ExecutionError(message)

    assert render_error("{{ query `up` }}", query=query, at_ms=5).endswith("error calling query: cannot answer up at 5")


def test_a_query_runs_at_the_instant_of_the_evaluation():
    asked = []

    def query(expression, at_ms):
        asked.append((expression, at_ms))
        return [(Labels.of(name_="up", job="a"), 1.0)]

    assert render("{{ range query `up` }}{{ .Labels.job }}={{ .Value }}{{ end }}", query=query, at_ms=77) == "a=1"
    assert asked == [("up", 77)]

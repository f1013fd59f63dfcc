"""A template cannot take the agent with it: output, steps, depth and nesting are bounded; any text parses or is refused."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import TemplateError
from agent.gotemplate import PROMETHEUS, Budget, Limits, bind, parse
from tests.gotemplate.cases import render


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{{ define "r" }}{{ template "r" }}{{ end }}{{ template "r" }}', "exceeded maximum template depth (100)"),
        (
            '{{ define "a" }}{{ template "b" . }}{{ end }}{{ define "b" }}{{ template "a" . }}{{ end }}{{ template "a" 1 }}',
            "exceeded maximum template depth (100)",
        ),
        ("{{ range 1000000000 }}{{ end }}", "stopped after"),
        ("{{ range 1000000 }}0123456789{{ end }}", "the output is longer than 1000000 characters"),
        (
            '{{ $x := "aaaaaaaaaa" }}{{ range 40 }}{{ $x = printf "%s%s" $x $x }}{{ end }}',
            "a value longer than 1000000 characters",
        ),
        ('{{ printf "%999999d%999999d" 1 2 }}', "a value longer than 1000000 characters"),
        ("{{ printf `" + "%999999d" * 1000 + "` " + "1 " * 1000 + "}}", "a value longer than 1000000 characters"),
        ("{{ $t := printf `%999999d` 1 }}{{ print " + "$t " * 9 + "}}", "a value longer than 1000000 characters"),
        (
            '{{ $x := "a" }}{{ range 60 }}{{ $x = args $x $x }}{{ end }}{{ $x }}',
            "a value longer than 1000000 characters",
        ),
        ('{{ $x := "a" }}{{ range 50000 }}{{ $x = args $x }}{{ end }}{{ $x }}', "nested too deeply to be run"),
        ("{{ $t := printf `%9999d` 1 }}{{ reReplaceAll ` ` `" + "$0" * 1000 + "` $t }}", "a value longer than"),
        ("{{ $t := printf `%9999d` 1 }}{{ range 99 }}{{ reReplaceAll ` ` `` $t }}{{ end }}", "stopped after"),
        ("{{ $t := printf `%999999d` 1 }}{{ range 999 }}{{ $y := title $t }}{{ end }}", "stopped after"),
        ("{{ (toTime 0).Format (printf `%999999d` 1) }}", "a layout longer than 1000 characters"),
        ("{{ $x := 1 }}" * 5000 + "{{ range 100000 }}{{ if $labels }}{{ end }}{{ end }}", "stopped after"),
    ],
)
def test_a_template_that_will_not_end_is_stopped_with_a_reason(text, reason):
    with pytest.raises(TemplateError, match=r"case:1:") as caught:
        render(text)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    "text", ["{{" + "(" * 5000 + "1" + ")" * 5000 + "}}", "{{ if 1 }}" * 5000 + "{{ end }}" * 5000]
)
def test_deep_nesting_is_refused_when_parsing(text):
    with pytest.raises(TemplateError, match="nested deeper than 50 levels"):
        parse(text, "t")


def test_the_deepest_nesting_that_parses_also_runs_in_the_deepest_template():
    inner = "{{ if true }}" * 48 + "{{ template `r` . }}" + "{{ end }}" * 48
    template = parse("{{ define `r` }}" + inner + "{{ end }}{{ template `r` 1 }}", "t")
    with pytest.raises(TemplateError, match=r"nested too deeply|maximum template depth"):
        template.render(None)


def test_limits_can_be_set():
    with pytest.raises(TemplateError, match="longer than 3 characters"):
        parse("{{ `abcd` }}", "t").render(None, limits=Limits(output=3))


def test_renderings_that_share_a_budget_are_stopped_when_it_is_spent():
    template, budget = parse("{{ range 1000 }}.{{ end }}", "t"), Budget(steps=5000, output=1500)
    assert template.render(None, budget=budget) == "." * 1000
    with pytest.raises(TemplateError, match="longer than 500 characters"):
        template.render(None, budget=budget)
    with pytest.raises(TemplateError, match=r"stopped after|longer than 0"):
        template.render(None, budget=budget)


def test_a_query_is_asked_once_for_all_alerts_of_an_evaluation():
    asked = []
    functions = bind(5, lambda expression, at_ms: asked.append(expression) or [])
    template = parse("{{ len (query `up`) }}", "t", PROMETHEUS)
    assert [template.render(None, functions=functions) for _ in range(3)] == ["0"] * 3
    assert asked == ["up"]


WORDS = st.sampled_from(
    [
        "{{",
        "}}",
        "{{-",
        "-}}",
        "if",
        "else",
        "end",
        "range",
        "with",
        "define",
        "template",
        "block",
        "break",
        ".",
        "$x",
        ":=",
        "=",
        "|",
        "(",
        ")",
        ",",
        '"a"',
        "`b`",
        "'c'",
        "1",
        "0x",
        "-",
        "print",
        "eq",
        "nil",
        "true",
        ".A.B",
        " ",
        "\n",
        "/*",
        "*/",
        "text",
        "\\",
        "%",
        "é",
    ]
)


@given(st.lists(WORDS | st.text(max_size=3), max_size=25).map("".join))
def test_any_text_renders_or_raises_a_template_error(text):
    with contextlib.suppress(TemplateError):
        parse(text, "t").render({"A": {"B": "x"}}, limits=Limits(steps=1000))


@given(st.floats(), st.sampled_from("vgGeEfFx"), st.integers(0, 30), st.integers(0, 20))
def test_every_float_verb_pads_to_its_width(value, verb, width, precision):
    shown = parse(f"{{{{ printf `%{width}.{precision}{verb}` .v }}}}", "t").render({"v": value})
    assert len(shown) >= width


@given(st.floats(allow_nan=False))
def test_the_printed_form_of_a_float_reads_back_as_the_same_float(value):
    assert float(parse("{{ .v }}", "t").render({"v": value})) == value

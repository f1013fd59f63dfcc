"""Rule files are read as strictly as Prometheus reads them; every problem has a file, a line, a column and a subject."""

from __future__ import annotations

import pytest

from agent.errors import SchemaError
from agent.rules import load_rules, read_rules


def problems(text, **keywords):
    with pytest.raises(SchemaError) as caught:
        read_rules(text, "rules.yml", **keywords)
    return caught.value.problems


def one_rule(*lines):
    return "groups:\n- name: g\n  rules:\n  - " + "\n    ".join(lines) + "\n"


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (("alert: A", "expr: x", "fro: 5m"), '6:5: group "g", rule "A": unknown key "fro"; did you mean "for"?'),
        (
            ("alert: A", "expr: x", "annotation: {a: b}"),
            '6:5: group "g", rule "A": unknown key "annotation"; did you mean "annotations"?',
        ),
        (
            ("record: r", "alert: A", "expr: x"),
            "4:13: group \"g\", rule \"A\": only one of 'record' and 'alert' must be set",
        ),
        (("expr: x", "labels: {}"), "4:5: group \"g\", rule: one of 'record' or 'alert' must be set"),
        (("record: r", "labels: {}"), '4:5: group "g", rule "r": missing key "expr"'),
        (("record: r", "expr: ''"), '5:12: group "g", rule "r": field \'expr\' must be set in rule'),
        (("record: r", "expr: x", "for: 1m"), '6:10: group "g", rule "r": invalid field \'for\' in recording rule'),
        (
            ("record: r", "expr: x", "keep_firing_for: 1m"),
            '6:22: group "g", rule "r": invalid field \'keep_firing_for\' in recording rule',
        ),
        (
            ("record: r", "expr: x", "annotations: {a: b}"),
            '6:18: group "g", rule "r": invalid field \'annotations\' in recording rule',
        ),
        (
            ('record: "r{}"', "expr: x"),
            '4:13: group "g", rule "r{}": braces present in the recording rule name; should it be in expr?: r{}',
        ),
        (
            ("record: r", "expr: x", "labels: {__name__: y}"),
            '6:24: group "g", rule "r": invalid label name "__name__"',
        ),
        (
            ("alert: A", "expr: x", "for: five"),
            '6:10: group "g", rule "A": not a valid duration: "five"; write it like 30s, 5m or 1h30m',
        ),
        (
            ("alert: A", "expr: sum(rate(x[5m]) by (job)"),
            '5:27: group "g", rule "A": could not parse expression: unexpected <by> in aggregation',
        ),
        (
            ("alert: A", "expr: 'x > 0 and raet(x[5m]) > 1'"),
            (
                '5:22: group "g", rule "A": could not parse expression: unknown function with name "raet"; '
                'did you mean "rate"?'
            ),
        ),
        (
            ("alert: A", "expr: |", "  x", "  >", "  rate(y)"),
            (
                '8:12: group "g", rule "A": could not parse expression: '
                'expected type range vector in call to function "rate", got instant vector'
            ),
        ),
        (
            ("alert: A", "expr: x[5m]"),
            (
                '5:11: group "g", rule "A": a rule needs an instant vector or a scalar, and this is a range vector; '
                "put a function around it"
            ),
        ),
        (
            ("alert: A", "expr: x", "annotations:", '  s: "at {{ $label.foo }}"'),
            '7:17: group "g", rule "A": could not parse template: undefined variable "$label"',
        ),
        (
            ("alert: A", "expr: x", "annotations:", "  s: |", "    one", "    {{ nope }}"),
            '9:12: group "g", rule "A": could not parse template: function "nope" not defined',
        ),
        (
            ("alert: A", "expr: x", "labels: {s: '{{ if }}'}"),
            '6:24: group "g", rule "A": could not parse template: missing value for if',
        ),
        (("alert: [A]", "expr: x"), '4:12: group "g", rule: expected text, found a list'),
        (("alert: A", "expr: [x]"), '5:11: group "g", rule "A": expected a PromQL expression, found a list'),
        (
            ("alert: A", "expr: x", "for: [5m]"),
            '6:10: group "g", rule "A": expected a duration like 30s or 5m, found a list',
        ),
        (
            ("alert: A", "expr: x", "for: ５m"),
            '6:10: group "g", rule "A": not a valid duration: "５m"; write it like 30s, 5m or 1h30m',
        ),
    ],
)
def test_one_flaw_is_one_problem_with_its_place(lines, problem):
    text = one_rule(*lines)
    assert problems(text) == [f"rules.yml:{problem}"]


def test_a_label_of_a_recording_rule_is_no_template():
    """Prometheus expands nothing there, so braces are text."""
    groups = read_rules(one_rule("record: r", "expr: x", "labels: {s: '{{ if }}'}"), "rules.yml")
    assert groups[0].rules[0].labels == {"s": "{{ if }}"}


def test_all_problems_of_all_files_come_at_once(tmp_path):
    (tmp_path / "a.yml").write_text(
        one_rule("alert: A", "expr: x >", "fro: 1m") + "  - {record: r, expr: 'y('}\n- {nmae: h}\n"
    )
    (tmp_path / "b.yml").write_text("groups: [{name: g}, {name: g}]\n")
    with pytest.raises(SchemaError) as caught:
        load_rules(["*.yml", "gone.yml", "none-*.yml"], tmp_path)
    lines = [line.removeprefix(f"{tmp_path}/").rpartition(": ")[0].partition(": ")[0] for line in caught.value.problems]
    assert lines == ["gone.yml:1:1", "a.yml:5:14", "a.yml:6:5", "a.yml:7:26", "a.yml:8:4", "b.yml:1:28"]


def test_groups_carry_their_file_relative_to_the_root_and_each_file_is_read_once(tmp_path):
    folder = tmp_path / "rules"
    folder.mkdir()
    for name in ("b", "a"):
        (folder / f"{name}.yml").write_text(f"groups: [{{name: {name}, rules: []}}]\n")
    loaded = load_rules(["rules/b.yml", "rules/*.yml"], tmp_path)
    assert loaded.files == ("rules/b.yml", "rules/a.yml")
    assert [str(group.key) for group in loaded.groups] == ["rules/b.yml;b", "rules/a.yml;a"]


def test_what_cannot_be_read_is_said(tmp_path):
    (tmp_path / "latin.yml").write_bytes(b"groups: [{name: \xe9}]")
    (tmp_path / "half.yml").write_text("groups: [{name: ")
    with pytest.raises(SchemaError) as caught:
        load_rules(["*.yml"], tmp_path)
    assert "not valid YAML" in caught.value.problems[0]
    assert "not UTF-8" in caught.value.problems[1]


def test_a_group_has_an_interval_a_limit_an_offset_and_labels():
    group = read_rules(
        "groups: [{name: g, interval: 30s, limit: 7, query_offset: 0s, labels: {a: b}, rules: [{record: r, expr: 1}]}]",
        "r.yml",
    )[0]
    assert (group.interval_ms, group.limit, group.query_offset_ms) == (30_000, 7, 0)
    assert group.labels_of(group.rules[0]) == {"a": "b"}


def test_an_empty_file_has_no_groups():
    assert read_rules("", "r.yml") == ()


def test_utf8_names_are_good_unless_names_are_legacy():
    text = one_rule("alert: A", "expr: x", "labels: {a-b: c}", "annotations: {d-e: f}")
    assert read_rules(text, "rules.yml")
    assert problems(text, legacy_names=True) == [
        'rules.yml:6:19: group "g", rule "A": invalid label name "a-b" (legacy names)',
        'rules.yml:7:24: group "g", rule "A": invalid annotation name "d-e" (legacy names)',
    ]


@pytest.mark.shared
def test_the_shared_corpus_of_good_files_is_read(shared):
    folder = shared / "promtool"
    names = [f"rulefmt/{path.name}" for path in (folder / "rulefmt").iterdir() if ".bad." not in path.name]
    names += [
        "rules.yml",
        "rules_duplicates.yml",
        "prometheus-rules.lint.yml",
        "at-modifier.yml",
        "negative-offset.yml",
    ]
    loaded = load_rules(sorted(names), folder)
    assert len(loaded.files) == 10
    assert len(loaded.rules) == 31


BAD = {
    "rulefmt/bad_expr.bad.yaml": (5, "could not parse expression"),
    "rulefmt/bad_field.bad.yaml": (8, 'unknown key "annotation"; did you mean "annotations"?'),
    "rulefmt/duplicate_grp.bad.yaml": (3, 'groupname "yolo" is repeated in the same file'),
    "rulefmt/invalid_label_name.bad.yaml": (7, 'invalid label name "__name__"'),
    "rulefmt/invalid_record_name.bad.yaml": (4, "braces present in the recording rule name"),
    "rulefmt/no_rec_alert.bad.yaml": (4, "one of 'record' or 'alert' must be set"),
    "rulefmt/noexpr.bad.yaml": (4, 'missing key "expr"'),
    "rulefmt/record_and_alert.bad.yaml": (4, "only one of 'record' and 'alert' must be set"),
    "rulefmt/record_and_for.bad.yaml": (6, "invalid field 'for' in recording rule"),
    "rulefmt/record_and_keep_firing_for.bad.yaml": (6, "invalid field 'keep_firing_for' in recording rule"),
    "rules-bad.yml": (12, 'undefined variable "$label"'),
    "bad-rules-syntax.yml": (7, "could not parse expression"),
    "rules_extrafields.yml": (7, 'unknown key "namespace"'),
}


@pytest.mark.shared
@pytest.mark.parametrize("name", sorted(BAD))
def test_the_shared_corpus_of_bad_files_is_refused_at_the_offending_line(shared, name):
    line, message = BAD[name]
    with pytest.raises(SchemaError) as caught:
        load_rules([name], shared / "promtool")
    assert f"{name}:{line}:" in caught.value.problems[0]
    assert message in caught.value.problems[0]


@pytest.mark.shared
def test_one_shared_file_is_bad_in_legacy_name_validation_only(shared):
    name = "rulefmt/legacy_validation_annotation.bad.yaml"
    load_rules([name], shared / "promtool")
    with pytest.raises(SchemaError, match=r'7:22: .* invalid annotation name "ins-tance"'):
        load_rules([name], shared / "promtool", legacy_names=True)


def test_the_shipped_rules_are_read(root):
    loaded = load_rules(["rules/*.yml"], root)
    assert {"HighErrorRate", "Watchdog"} <= {rule.name for _, rule in loaded.rules}

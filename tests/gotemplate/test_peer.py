"""Our templates against the real promtool: the same output, case by case, and the same files refused."""

from __future__ import annotations

import re
import subprocess

import pytest
import yaml

from agent.errors import TemplateError
from agent.gotemplate import PROMETHEUS, parse
from agent.model import Labels
from tests.gotemplate.cases import BAD, EXTERNAL_URL, GOOD, VARIABLES, render

pytestmark = pytest.mark.peers

VALUES = ["1", "0.25", "1234567", "-3.75", "+Inf", "0.0000123", "1e17", "86399.5"]
INPUT = {
    'other{kind="k8s"}': "4200",
    'many{n="b"}': "2",
    'many{n="a"}': "1",
    'many{n="c"}': "3.5",
}


def query(expression, at_ms):
    found = {
        "other": [(Labels.of(name_="other", kind="k8s"), 4200.0)],
        "many": [(Labels.of(name_="many", n=n), value) for n, value in (("b", 2.0), ("a", 1.0), ("c", 3.5))],
    }
    return found.get(expression, [])


def test_promtool_renders_every_template_as_we_do(tmp_path, peer):
    """A unit test whose expected annotations come from our interpreter passes in promtool."""
    promtool = peer("promtool", "prometheus")
    rules, tests = [], []
    for number, value in enumerate(VALUES):
        labels = {"instance": "a:9090", "job": "rag", "number": str(number)}
        annotations = {f"case_{index:03d}": text for index, text in enumerate(GOOD)}
        rules.append({"alert": f"Value{number}", "expr": f'm{{number="{number}"}}', "annotations": annotations})
        expected = {
            key: render(text, labels={"__name__": "m", **labels}, value=float(value), query=query)
            for key, text in annotations.items()
        }
        tests.append(
            {
                "eval_time": "0m",
                "alertname": f"Value{number}",
                "exp_alerts": [{"exp_labels": labels, "exp_annotations": expected}],
            }
        )
    series = {f'm{{instance="a:9090",job="rag",number="{n}"}}': value for n, value in enumerate(VALUES)} | INPUT
    document = {
        "rule_files": ["rules.yml"],
        "tests": [
            {
                "interval": "1m",
                "external_url": EXTERNAL_URL,
                "input_series": [{"series": name, "values": value.removeprefix("+")} for name, value in series.items()],
                "alert_rule_test": tests,
            }
        ],
    }
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "g", "rules": rules}]}))
    (tmp_path / "test.yml").write_text(yaml.safe_dump(document))
    done = subprocess.run(
        [promtool, "test", "rules", str(tmp_path / "test.yml")], capture_output=True, text=True, check=False, timeout=50
    )
    assert done.returncode == 0, differences(done.stdout + done.stderr)


def differences(text):
    """Reduce promtool's listing to the annotations that differ."""
    blocks = re.split(r"exp:\[", text)[1:]
    lines = [text[:500]]
    for block in blocks:
        expected, _, got = block.partition("got:[")
        pattern = re.compile(r'(case_\d+)="((?:\\.|[^"\\])*)"')
        ours, theirs = dict(pattern.findall(expected)), dict(pattern.findall(got))
        lines += [
            f"{key} {GOOD[int(key[5:])]!r}: ours {ours.get(key)!r}, promtool {theirs.get(key)!r}"
            for key in theirs
            if ours.get(key) != theirs[key]
        ]
    return "\n".join(lines)


def test_promtool_refuses_exactly_the_templates_that_we_refuse(tmp_path, peer):
    """Every template of both tables gets the same verdict from promtool check rules."""
    promtool = peer("promtool", "prometheus")
    templates = [*GOOD, *BAD]
    rules = [
        {"alert": f"Case{index}_", "expr": "1", "annotations": {"text": text}} for index, text in enumerate(templates)
    ]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "g", "rules": rules}]}))
    done = subprocess.run(
        [promtool, "check", "rules", str(tmp_path / "rules.yml")],
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    theirs = {int(number) for number in re.findall(r'rule \d+, "Case(\d+)_"', done.stdout + done.stderr)}
    ours = set()
    for index, text in enumerate(templates):
        try:
            parse(text, "case", PROMETHEUS, VARIABLES)
        except TemplateError:
            ours.add(index)
    assert {templates[n] for n in ours} == {templates[n] for n in theirs}

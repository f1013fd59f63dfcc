"""Sloth's own test files, compiled as sloth compiles them: the same documents, value by value."""

from __future__ import annotations

import re

import pytest
import yaml

from agent.errors import SchemaError
from agent.model import parse_duration
from agent.slo import (
    Alert,
    Alerting,
    Calendar,
    Dialect,
    Events,
    Setting,
    Slo,
    compile_slo,
    compile_slos,
    load_slos,
    rule_file,
)
from agent.slo.windows import Catalog

pytestmark = pytest.mark.shared

CASES = {
    "base": ("base", {}),
    "base-28d": ("base", {"period_ms": parse_duration("28d")}),
    "base-custom-windows-7d": ("base", {"period_ms": parse_duration("7d")}),
    "base-extra-labels": ("base", {"extra_labels": {"exk1": "exv1", "exk2": "exv2"}}),
    "base-no-alerts": ("base", {"alerts": False}),
    "base-no-recordings": ("base", {"recordings": False}),
    "base-k8s": ("base-k8s", {}),
    "multifile": ("multifile", {}),
    "multifile-k8s": ("multifile-k8s", {}),
    "openslo": ("openslo", {}),
}


def stripped(value):
    """Return YAML's values with the white space around expressions taken off."""
    if isinstance(value, dict):
        return {key: each.strip() if key == "expr" else stripped(each) for key, each in value.items()}
    return [stripped(each) for each in value] if isinstance(value, list) else value


def read(text):
    return [stripped(each) for each in yaml.safe_load_all(text) if each is not None]


def golden(folder, name):
    """Return what sloth makes; its files are templates themselves, in which the version and escaped braces stand."""
    text = (folder / f"out-{name}.yaml.tpl").read_text().replace("{{ .version }}", "v1.2.3")
    return read(re.sub(r'\{\{"(\{\{.*?\}\})"\}\}', r"\1", text))


@pytest.mark.parametrize("name", CASES)
def test_the_rules_are_those_of_sloth(shared, name):
    folder = shared / "sloth"
    source, words = CASES[name]
    catalog = Catalog.load(folder / "windows" if "7d" in name else None)
    setting = Setting(Dialect.SLOTH, version="v1.2.3", catalog=catalog, **words)

    compiled = compile_slos(load_slos([folder / f"in-{source}.yaml"]).slos, setting)

    assert read(rule_file(compiled, Dialect.SLOTH)) == golden(folder, name)


def test_every_file_of_sloths_without_a_program_in_it_is_compared(shared):
    files = {path.name.removeprefix("out-").removesuffix(".yaml.tpl") for path in (shared / "sloth").glob("out-*")}

    assert {name for name in files if "plugin" not in name} == set(CASES)


def test_tiers_that_never_fire_are_made_as_sloth_makes_them_and_said():
    low = Slo("rag", "answers", 90, Events("a", "b"), alerting=Alerting("Burns"))

    compiled = compile_slo(low, Setting(Dialect.SLOTH))

    assert len(compiled.alerts[0].rules) == 2
    assert "can never fire" in compiled.warnings[0]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"window": Calendar("month")}, "sloth knows rolling ones"),
        ({"alerting": Alerting(page=Alert(disabled=True))}, "its alerts have no name"),
    ],
)
def test_what_sloth_cannot_say_is_refused(more, said):
    with pytest.raises(SchemaError, match=said):
        compile_slo(Slo("rag", "answers", 99, Events("a", "b"), **more), Setting(Dialect.SLOTH))

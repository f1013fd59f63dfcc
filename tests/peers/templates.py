"""Generated templates, and what a real promtool makes of them: refused, or printed for each of many values.

`python -m tests.peers.templates --seed 7 --count 500` hunts with other seeds.
"""

from __future__ import annotations

import argparse
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import yaml

from agent.errors import TemplateError
from agent.gotemplate import PROMETHEUS, parse
from agent.gotemplate.literals import unquote
from agent.model import Labels, parse_float
from tests.gotemplate.cases import EXTERNAL_URL, VARIABLES, render

VALUES = (
    "1",
    "0",
    "0.25",
    "1234567",
    "-3.75",
    "+Inf",
    "-Inf",
    "NaN",
    "0.0000123",
    "1e17",
    "86399.5",
    "-0.001",
    "1e300",
)
LABELS = {"instance": "a:9090", "job": "rag", "odd": 'ü "x" <b>\t%d'}
SAMPLES = {
    'other{kind="k8s"}': "4200",
    'many{n="b"}': "2",
    'many{n="a"}': "1",
    'many{n="c"}': "3.5",
}


# --- what promtool says ---


def refused_by_promtool(promtool: str, templates: Iterable[str], folder: Path) -> dict[str, str]:
    """Return {template: reason} of those that `promtool check rules` refuses."""
    templates = list(templates)
    rules = [
        {"alert": f"Case{index}_", "expr": "1", "annotations": {"text": text}} for index, text in enumerate(templates)
    ]
    (folder / "check.yml").write_text(yaml.safe_dump({"groups": [{"name": "g", "rules": rules}]}))
    said = _run([promtool, "check", "rules", str(folder / "check.yml")])
    found = re.findall(r'rule \d+, "Case(\d+)_": annotation "text": (.*)', said)
    return {templates[int(number)]: reason for number, reason in found}


def printed_by_promtool(promtool: str, templates: list[str], folder: Path) -> list[dict[str, str]]:
    """Return, for each of VALUES, {template: what it prints}."""
    rules, tests, samples = [], [], dict(SAMPLES)
    for number, value in enumerate(VALUES):
        annotations = {f"case_{index:04d}": text for index, text in enumerate(templates)}
        rules.append({"alert": f"Value{number}", "expr": f'm{{number="{number}"}}', "annotations": annotations})
        tests.append({"eval_time": "0m", "alertname": f"Value{number}"})
        series = Labels({"__name__": "m", "number": str(number), **LABELS})
        samples[str(series)] = value.removeprefix("+")
    # Nothing is expected, so that promtool says what it got.
    test = {
        "interval": "1m",
        "external_url": EXTERNAL_URL,
        "input_series": [{"series": name, "values": value} for name, value in samples.items()],
        "alert_rule_test": tests,
    }
    (folder / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "g", "rules": rules}]}))
    (folder / "test.yml").write_text(yaml.safe_dump({"rule_files": ["rules.yml"], "tests": [test]}))
    said = _run([promtool, "test", "rules", str(folder / "test.yml")])
    printed: list[dict[str, str]] = []
    for got in re.split(r"^    alertname: ", said, flags=re.MULTILINE)[1:]:
        texts = dict(re.findall(r'case_(\d+)=("(?:\\.|[^"\\])*")', got))
        printed.append({text: unquote(texts[f"{index:04d}"]) for index, text in enumerate(templates)})
    return printed


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, check=False, timeout=100)
    return (done.stdout + done.stderr).decode()


# --- what we say ---


def refused_by_us(template: str) -> str:
    """Return why we refuse a template, "" where we do not."""
    try:
        parse(template, "case", PROMETHEUS, VARIABLES)
    except TemplateError as error:
        return str(error)
    return ""


def printed_by_us(template: str, number: int) -> str:
    """Return what a template prints for one of VALUES; an error as it stands in the message."""
    labels = {"__name__": "m", "number": str(number), **LABELS}
    try:
        return render(template, labels=labels, value=parse_float(VALUES[number]), query=_query)
    except TemplateError as error:
        return f"<error expanding template: {error}>"


def _query(expression: str, at_ms: int) -> list[tuple[Labels, float]]:
    found = {
        "other": [(Labels.of(name_="other", kind="k8s"), 4200.0)],
        "many": [(Labels.of(name_="many", n=n), value) for n, value in (("a", 1.0), ("b", 2.0), ("c", 3.5))],
    }
    return found.get(expression, [])


def comparable(text: str) -> str:
    """Return what is printed without what DIFFERENT says of an error's text."""
    for pattern, plain in DIFFERENT.values():
        text = re.sub(pattern, plain, text, flags=re.DOTALL)
    return text


DIFFERENT = {
    "an error names its template, line, column and action as written; Prometheus counts its prelude of variables, and prints the"
    " action from its parsed form": (
        r"<error expanding template: .*?executing \"[^\"]*\" at <.*?>: ",
        "<error: ",
    ),
    "the type of a rule's data has a short name": (
        r"struct \{ Labels map\[string\]string; [^}]* \}",
        "AlertTemplateData",
    ),
    "a wrong duration is told how to write one": (r"not a valid duration.*>", "not a valid duration>"),
    "the words about what cannot be compared differ between versions of Go": (
        r"non-comparable type.*>",
        "non-comparable>",
    ),
    "a wrong regular expression is no panic": (r"regexp: Compile\(.*?\): ", ""),
    "what is nil has a message of its own where Prometheus has a panic": (
        (
            r"(?:error calling \w+: )?(?:runtime error: invalid memory address or nil pointer dereference"
            r"|(?:invalid value; expected|cannot assign nil to) \*template.sample"
            r"|reflect: call of reflect.Value.Type on zero Value|len of nil pointer)"
        ),
        "nil",
    ),
    "an element of args is named by what it holds": (r"in type (?:interface \{\}|\w+)>", "in a type>"),
    "a whole number has one type": (r"\bint64\b", "int"),
}
"""What it is → (pattern, what stands for it in both texts)."""
_POINTER = re.compile(r"[cC]0[0-9a-fA-F]{8}|&\{")
"""Where a vector's samples lie in memory."""


def _only_there(template: str, theirs: str) -> bool:
    """Say whether 2.42 refuses a negative duration, which 3 reads, or counts days beyond what an int64 holds."""
    return ("parseDuration" in template and "not a valid duration>" in theirs) or "-106751991167300d" in theirs


def disagreements(promtool: str, templates: list[str], folder: Path) -> tuple[list[str], int]:
    """Return a line for each template that is refused or printed differently, and how many prints were compared."""
    refused = refused_by_promtool(promtool, templates, folder)
    found = []
    for text in templates:
        reason = refused_by_us(text)
        if bool(reason) != (text in refused):
            found.append(f"{text!r}: promtool {refused.get(text, 'takes it')!r}, ours {reason or 'takes it'!r}")
    good = [text for text in templates if text not in refused and not refused_by_us(text)]
    for number, printed in enumerate(printed_by_promtool(promtool, good, folder)):
        for text in good:
            theirs, ours = comparable(printed[text]), comparable(printed_by_us(text, number))
            if theirs != ours and not _POINTER.search(theirs) and not _only_there(text, theirs):
                found.append(f"{VALUES[number]} {text!r}:\n    promtool {theirs!r}\n    ours     {ours!r}")
    return found, len(good) * len(VALUES)


# --- templates from a seed ---

NUMBERS = [
    "0",
    "1",
    "-1",
    "3",
    "42",
    "255",
    "65",
    "-7",
    "1.5",
    "0.25",
    "-2.5",
    "1e6",
    "1e20",
    "100000.0",
    "0x1F",
    "010",
    "'a'",
    "'é'",
    "1e-7",
    ".5",
    "1_000",
    "9007199254740993",
]
STRINGS = (
    '"abc"',
    "`a b`",
    '""',
    '"é\\n"',
    '"3.5"',
    '"1e3"',
    '"NaN"',
    '"a-b.c:80"',
    "`<i>'&\"`",
    '"0x10"',
    '" 1"',
    '"[::1]:80"',
    '"www.example.org"',
)
THINGS = (
    "$value",
    "$labels",
    "$labels.job",
    "$labels.missing",
    "$labels.odd",
    ".Value",
    ".",
    "$",
    "nil",
    "true",
    "false",
    ".Labels.instance",
    "$externalURL",
    "$externalLabels",
    "(query `many` | len)",
    "(query `none`)",
    "(query `other` | first)",
    "(args 1 `b`)",
)
HUMANIZERS = ("humanize", "humanize1024", "humanizeDuration", "humanizePercentage", "humanizeTimestamp", "toTime")
BUILTINS = ("print", "println", "html", "js", "urlquery", "len", "index", "slice", "args", "call")
TEXTUAL = (
    *("toUpper", "toLower", "title", "stripPort", "stripDomain", "graphLink", "tableLink", "parseDuration"),
    *("first", "value", "strvalue"),
)
VERBS = "vdsqtxXeEfFgGbcoOUTp"


class Dice:
    """Make templates; the same seed makes the same ones."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def templates(self, count: int) -> list[str]:
        """Return this many different templates."""
        made: dict[str, None] = {}
        while len(made) < count:
            made[self.body(2) if self.chance(0.3) else self.action(self.pipeline(2))] = None
        return list(made)

    def one(self, options):
        return self.random.choice(options)

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def body(self, depth: int) -> str:
        return "".join(self.piece(depth) for _ in range(self.random.randrange(1, 4)))

    def piece(self, depth: int) -> str:
        if self.chance(0.25):
            return self.one(("text", " a ", "\n  ", "100% ", "}} ", "é", "{ ", "%d"))
        if depth <= 0 or self.chance(0.5):
            return self.action(self.pipeline(2))
        inner, other = self.body(depth - 1), self.body(depth - 1)
        condition = self.pipeline(1)
        match self.random.randrange(12):
            case 0 | 1:
                return self.action(f"if {condition}") + inner + self.action("else") + other + self.action("end")
            case 2:
                end = self.action("else") + inner + self.action("end")
                return self.action(f"if {condition}") + inner + self.action(f"else if {self.pipeline(1)}") + other + end
            case 3:
                return self.action(f"with {condition}") + inner + self.action("else") + other + self.action("end")
            case 4:
                return self.action(f"with $x := {condition}") + self.action("$x") + inner + self.action("end")
            case 5:
                collection = self.one(("$labels", "query `many`", "query `none`", "nil", condition))
                jump = (
                    self.action(f"if {self.pipeline(1)}")
                    + self.action(self.one(("break", "continue")))
                    + self.action("end")
                )
                return self.action(f"range {collection}") + inner + jump + other + self.action("end")
            case 6:
                loop = self.one(
                    (
                        "$i, $e := $labels",
                        "$i, $e := query `many` | sortByLabel `n`",
                        "$e := $labels",
                        "$i, $e := args 1 2 `x`",
                    )
                )
                shown = self.action(self.one(("$e", "$i", ".", "$e.Value", "$e.Labels.n", "len $e")))
                return self.action(f"range {loop}") + shown + inner + self.action("else") + other + self.action("end")
            case 7:
                name = self.one(("one", "two"))
                return (
                    self.action(f'define "{name}"')
                    + inner
                    + self.action("end")
                    + self.action(f'template "{name}" {self.operand(1)}')
                )
            case 8:
                return self.action(f'block "b{self.random.randrange(9)}" {condition}') + inner + self.action("end")
            case 9:
                return (
                    self.action(f"$v := {condition}")
                    + inner
                    + self.action("$v")
                    + self.action(f"$v = {self.pipeline(1)}")
                    + self.action("$v")
                )
            case 10:
                return self.one(
                    (
                        "{{/* gone */}}",
                        "{{- /* gone */ -}}",
                        "{{/* a\nb */}}",
                        "{{- 3 -}}",
                        "{{-3}}",
                        "{{/**/}}",
                        "{{ /* x */ }}",
                        "{{- -}}",
                    )
                )
            case _:
                return self.one(
                    (
                        "{{ break }}",
                        "{{ end }}",
                        "{{ else }}",
                        "{{ if }}",
                        "{{ $u }}",
                        "{{ nope 1 }}",
                        "{{ template `gone` }}",
                        "{{",
                        "{{ 1 | 2 }}",
                        "{{ .x.y }}",
                        "{{ $value.x }}",
                        "{{ `a",
                        "{{ (1 }}",
                        "{{ $labels.a-b }}",
                        "{{ 1.e }}",
                        "{{ print(1) }}",
                        "{{ (print 1).x }}",
                    )
                )

    def action(self, inside: str) -> str:
        left = self.one(("{{ ", "{{ ", "{{ ", "{{", "{{- "))
        right = self.one((" }}", " }}", " }}", "}}", " -}}"))
        return left + inside + right

    def pipeline(self, depth: int) -> str:
        stages = [self.command(depth)]
        while self.chance(0.2):
            stages.append(
                self.one(
                    (
                        "print",
                        "len",
                        "humanize",
                        "printf `%v`",
                        "toUpper",
                        "not",
                        "first",
                        "value",
                        "html",
                        "eq 1",
                        "printf `%s-%v` 1",
                        "title",
                        "index $labels",
                        "urlquery",
                        "toTime",
                        "stripPort",
                        "printf `%q`",
                        "reReplaceAll `a` `b`",
                        "label `n`",
                        "js",
                        "humanizeDuration",
                        "printf",
                    )
                )
            )
        return self.one((" | ", " | ", "|")).join(stages)

    def operand(self, depth: int) -> str:
        if depth > 0 and self.chance(0.3):
            return f"({self.pipeline(depth - 1)})"
        kind = self.random.random()
        return self.one(NUMBERS) if kind < 0.35 else self.one(STRINGS) if kind < 0.6 else self.one(THINGS)

    def command(self, depth: int) -> str:
        def some(low, high):
            return " ".join(self.operand(depth) for _ in range(self.random.randrange(low, high)))

        match self.random.randrange(16):
            case 0 | 1 | 2:
                return self.operand(depth)
            case 3 | 4 | 5:
                return f"printf {self.format()} {some(0, 4)}".rstrip()
            case 6 | 7:
                return f"{self.one(('eq', 'ne', 'lt', 'le', 'gt', 'ge'))} {some(1, 4)}"
            case 8:
                return f"{self.one(('and', 'or', 'not'))} {some(1, 4)}"
            case 9 | 10:
                return f"{self.one(HUMANIZERS)} {some(1, 2)}"
            case 11:
                return f"{self.one(BUILTINS)} {some(0, 4)}".rstrip()
            case 12:
                return f"{self.one(TEXTUAL)} {some(1, 2)}"
            case 13:
                return f"match {self.one(('`a`', '`^.b`', '`[`', '``', '`(?i)A`'))} {self.operand(0)}"
            case 14:
                pattern, by = (
                    self.one(("`(.)b`", "`a*`", "``", "`(?P<n>[a-z])`", "`(`", "`\\\\d`", "`x|y`")),
                    self.one(("`$1`", "`${n}!`", "`$$`", "``", "`$1x`", "`[$0]`")),
                )
                return f"reReplaceAll {pattern} {by} {self.operand(0)}"
            case _:
                return self.one(
                    (
                        "query `many` | len",
                        "sortByLabel `n` (query `many`)",
                        "label `kind` (query `other` | first)",
                        "(toTime 1.5).Unix",
                        "parseDuration `1h30m`",
                        "(query `other` | first).Labels.kind",
                        "(query `other` | first).Value",
                        "$labels.job.x",
                        "(args 1 2).arg1",
                        "(args 1 2).arg7",
                        "parseDuration `1.5h`",
                    )
                )

    def format(self) -> str:
        parts = []
        for _ in range(self.random.randrange(1, 4)):
            flags = "".join(self.one("+-# 0") for _ in range(self.random.randrange(0, 3))) if self.chance(0.5) else ""
            width = self.one(("", "", "5", "12", "*", "[1]*", "1")) if self.chance(0.6) else ""
            precision = self.one(("", "", ".2", ".0", ".", ".*", ".10")) if self.chance(0.6) else ""
            index = self.one(("[1]", "[2]", "[9]", "[x]", "[")) if self.chance(0.08) else ""
            verb = self.one(VERBS) if self.chance(0.93) else self.one(("%", "z", "!", "", "é"))
            parts.append(f"%{flags}{width}{precision}{index}{verb}" + self.one(("", " ", "|", "x")))
        return "`" + "".join(parts) + "`"


def main() -> int:
    """Compare one seed's templates and print where the two sides disagree."""
    parser = argparse.ArgumentParser(prog="python -m tests.peers.templates", description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--show", type=int, default=30, help="how many disagreements to print")
    given = parser.parse_args()
    program = shutil.which("promtool")
    if program is None:
        print("promtool is not installed; the Debian package prometheus has it")
        return 2
    with tempfile.TemporaryDirectory() as folder:
        found, compared = disagreements(program, Dice(given.seed).templates(given.count), Path(folder))
    print(*found[: given.show], sep="\n")
    print(f"seed {given.seed}: {compared} prints compared, {len(found)} disagreements")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

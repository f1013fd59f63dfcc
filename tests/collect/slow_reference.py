"""Both text formats read slowly, straight from their grammars, character by character: what the fast reader is compared with.

`read_page` gives the samples as (labels, value, timestamp in ms, exemplar), or None for a page that is refused. Written from
the Prometheus text format's description and the OpenMetrics 1.0 ABNF with Prometheus' readings; it shares no code with agent.
"""

from __future__ import annotations

import math

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
DIGITS = "0123456789"


class Refused(Exception):
    """The page breaks the grammar."""


class Characters:
    """A line and a place in it."""

    def __init__(self, text):
        self.text, self.place = text, 0

    @property
    def next(self):
        return self.text[self.place] if self.place < len(self.text) else ""

    def take(self):
        taken = self.next
        if not taken:
            raise Refused
        self.place += 1
        return taken

    def expect(self, character):
        if self.take() != character:
            raise Refused

    def blanks(self, among=" \t"):
        count = 0
        while self.next and self.next in among:
            self.place += 1
            count += 1
        return count

    def word(self, stop):
        found = ""
        while self.next and self.next not in stop:
            found += self.take()
        if not found:
            raise Refused
        return found

    def name(self, first, rest):
        if not self.next or self.next not in first:
            raise Refused
        found = self.take()
        while self.next and self.next in rest:
            found += self.take()
        return found

    def quoted(self):
        self.expect('"')
        found = ""
        while (character := self.take()) != '"':
            if character == "\\":
                escaped = self.take()
                found += {"n": "\n", '"': '"', "\\": "\\"}.get(escaped, "\\" + escaped)
            else:
                found += character
        return found


def number(text):
    """A decimal number, or Inf, Infinity or NaN in any case; NaN has no sign; too large is refused."""
    rest = text[1:] if text[:1] in ("+", "-") else text
    if rest.lower() in ("inf", "infinity"):
        return math.copysign(math.inf, -1 if text[0] == "-" else 1)
    if text.lower() == "nan":
        return math.nan
    mantissa, exponent = rest, ""
    for mark in "eE":
        if mark in rest:
            mantissa, _, exponent = rest.partition(mark)
            digits = exponent[1:] if exponent[:1] in ("+", "-") else exponent
            if not digits or set(digits) - set(DIGITS):
                raise Refused
            break
    whole, _, fraction = mantissa.partition(".")
    if not whole + fraction or set(whole + fraction) - set(DIGITS):
        raise Refused
    value = float(text)
    if math.isinf(value):
        raise Refused
    return value


def labels_of(line, strict, exemplar=False):
    """After the brace: (name or None, pairs)."""
    name, pairs = None, []
    while True:
        if not strict:
            line.blanks()
        if line.next == "}":
            line.take()
            return name, pairs
        quoted = line.next == '"'
        label = line.quoted() if quoted else line.name(LETTERS, LETTERS + DIGITS)
        if not strict:
            line.blanks()
        if quoted and not exemplar and line.next and line.next in ",}":
            if name is not None or not label:
                raise Refused
            name = label
        else:
            line.expect("=")
            if not strict:
                line.blanks()
            pairs.append((label, line.quoted()))
            if not label:
                raise Refused
            if not strict:
                line.blanks()
        if line.next == ",":
            line.take()
        elif strict and line.next != "}":
            raise Refused


def unique(pairs):
    if len({name for name, _ in pairs}) != len(pairs):
        raise Refused
    return {name: value for name, value in pairs if value}


def series_of(line, strict):
    name = None
    if line.next != "{":
        name = line.name(LETTERS + ":", LETTERS + ":" + DIGITS)
        if not strict:
            line.blanks()
    pairs = []
    if line.next == "{":
        line.take()
        inner, pairs = labels_of(line, strict)
        if inner is not None and name is not None:
            raise Refused
        name = name if inner is None else inner
    if name is None and not any(label == "__name__" for label, _ in pairs):
        raise Refused
    return unique([*([("__name__", name)] if name is not None else []), *pairs])


def prometheus_sample(text):
    line = Characters(text)
    line.blanks()
    labels = series_of(line, strict=False)
    line.blanks()
    value = number(line.word(" \t{"))
    line.blanks()
    timestamp = None
    if line.next:
        sign = line.take() if line.next in "+-" else ""
        digits = line.name(DIGITS, DIGITS)
        line.blanks()
        if line.next or len(digits) > 19 or not -(2**63) <= int(sign + digits) < 2**63:
            raise Refused
        timestamp = int(sign + digits)
    return labels, value, timestamp, None


def seconds(text):
    value = number(text)
    if math.isnan(value) or math.isinf(value) or abs(value) >= 2.0**63 / 1000:
        raise Refused
    return math.trunc(value * 1000)


def openmetrics_sample(text):
    line = Characters(text)
    labels = series_of(line, strict=True)
    line.expect(" ")
    value, timestamp, exemplar = number(line.word(" ")), None, None
    if line.next and not line.text.startswith(" # {", line.place):
        line.expect(" ")
        timestamp = seconds(line.word(" "))
    if line.next:
        for character in " # {":
            line.expect(character)
        _, pairs = labels_of(line, strict=True, exemplar=True)
        unique(pairs)
        line.expect(" ")
        exemplar_value, exemplar_time = number(line.word(" ")), None
        if line.next:
            line.expect(" ")
            exemplar_time = seconds(line.word(" "))
        if line.next:
            raise Refused
        exemplar = (tuple(pairs), exemplar_value, exemplar_time)
    return labels, value, timestamp, exemplar


def prometheus_comment(text):
    line = Characters(text)
    line.blanks()
    if not line.next:
        return
    line.expect("#")
    if not line.blanks():
        return
    for word in ("HELP", "TYPE"):
        if line.text.startswith(word, line.place):
            line.place += 4
            if not line.blanks():
                return
            line.quoted() if line.next == '"' else line.name(LETTERS + ":", LETTERS + ":" + DIGITS)
            rest = line.text[line.place :].strip(" \t")
            if word == "TYPE" and rest not in ("counter", "gauge", "histogram", "summary", "untyped"):
                raise Refused
            return


OPENMETRICS_TYPES = ["counter", "gauge", "histogram", "gaugehistogram", "info", "stateset", "summary", "unknown"]


def openmetrics_comment(text):
    for word in ("# HELP ", "# TYPE ", "# UNIT "):
        if text.startswith(word):
            line = Characters(text)
            line.place = len(word)
            name = line.quoted() if line.next == '"' else line.name(LETTERS + ":", LETTERS + ":" + DIGITS)
            line.expect(" ")
            rest = line.text[line.place :]
            if "TYPE" in word and rest not in OPENMETRICS_TYPES:
                raise Refused
            if "UNIT" in word and rest and not name.endswith("_" + rest):
                raise Refused
            return
    raise Refused


def read_page(body, openmetrics=False):
    """Bounds are not normalised here: pages for comparison have no histograms."""
    try:
        return _read_page(body.decode(), openmetrics)
    except (Refused, UnicodeDecodeError):
        return None


def _read_page(text, openmetrics):
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    if not openmetrics:
        found = []
        for line in lines:
            if line.strip(" \t")[:1] in ("", "#"):
                prometheus_comment(line)
            else:
                found.append(prometheus_sample(line))
        return found
    if not lines or lines[-1] != "# EOF":
        raise Refused
    found = []
    for line in lines[:-1]:
        if line.startswith("#"):
            openmetrics_comment(line)
        else:
            found.append(openmetrics_sample(line))
    return found

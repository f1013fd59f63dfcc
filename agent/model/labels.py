"""Label sets: immutable, sorted, hashable, the identity of series and alerts."""

from __future__ import annotations

import json
import re
from collections.abc import ItemsView, Iterable, Iterator, Mapping
from typing import Final

METRIC_NAME: Final = "__name__"
_FNV_OFFSET: Final = 0xCBF29CE484222325
_FNV_PRIME: Final = 0x100000001B3
_LEGACY_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_LEGACY_METRIC_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


def quote(value: str) -> str:
    """Quote a label value as Prometheus prints it (Go's %q for printable text)."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\x7f")


def is_legacy_label_name(name: str) -> bool:
    """Say whether `name` needs no quotes as a label name (the form before UTF-8 names)."""
    return _LEGACY_LABEL_NAME.fullmatch(name) is not None


def is_legacy_metric_name(name: str) -> bool:
    """Say whether `name` needs no quotes as a metric name (the form before UTF-8 names)."""
    return _LEGACY_METRIC_NAME.fullmatch(name) is not None


class Labels(Mapping[str, str]):
    """An immutable set of label pairs, sorted by name; empty values are dropped, as a missing label equals "".

    The hash is computed once. Two label sets are equal exactly when their pairs are.
    """

    __slots__ = ("_hash", "pairs")

    pairs: tuple[tuple[str, str], ...]
    """(name, value), sorted by name, no empty values."""

    def __init__(self, labels: Mapping[str, str] | Iterable[tuple[str, str]] = ()) -> None:
        items = labels.items() if isinstance(labels, Mapping) else labels
        self.pairs = tuple(sorted({name: value for name, value in items if value}.items()))
        self._hash = hash(self.pairs)

    @classmethod
    def of(cls, **labels: str) -> Labels:
        """Build from keyword arguments; `name_` stands for `__name__`."""
        if "name_" in labels:
            labels[METRIC_NAME] = labels.pop("name_")
        return cls(labels)

    @classmethod
    def from_sorted(cls, pairs: tuple[tuple[str, str], ...]) -> Labels:
        """Wrap pairs that are already sorted, unique and without empty values; nothing is checked."""
        made = cls.__new__(cls)
        made.pairs = pairs
        made._hash = hash(pairs)
        return made

    def __getitem__(self, name: str) -> str:
        for key, value in self.pairs:
            if key == name:
                return value
        raise KeyError(name)

    def get(self, name: str, default: str = "") -> str:  # type: ignore[override]  # a missing label is ""
        """Return the value of label `name`, or `default` ("")."""
        for key, value in self.pairs:
            if key == name:
                return value
        return default

    def items(self) -> ItemsView[str, str]:
        """Return the pairs as a dict's view of items; the inherited one would look each name up."""
        return dict(self.pairs).items()

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self.pairs)

    def __len__(self) -> int:
        return len(self.pairs)

    def __contains__(self, name: object) -> bool:
        return any(key == name for key, _ in self.pairs)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Labels):
            return self._hash == other._hash and self.pairs == other.pairs
        return NotImplemented

    def __lt__(self, other: Labels) -> bool:
        return self.pairs < other.pairs

    @property
    def name(self) -> str:
        """The metric name, or ""."""
        return self.get(METRIC_NAME)

    def merged(self, over: Mapping[str, str]) -> Labels:
        """Return these labels with `over` laid on top; an empty value in `over` removes the label."""
        return Labels({**dict(self.pairs), **over})

    def without(self, *names: str) -> Labels:
        """Return these labels less `names`."""
        return Labels.from_sorted(tuple(pair for pair in self.pairs if pair[0] not in names))

    def only(self, *names: str) -> Labels:
        """Return just the labels `names`."""
        return Labels.from_sorted(tuple(pair for pair in self.pairs if pair[0] in names))

    def fingerprint(self) -> str:
        """Return Alertmanager's fingerprint: FNV-1a 64 over name 0xff value 0xff in order, 16 hex digits."""
        digest = _FNV_OFFSET
        for name, value in self.pairs:
            for byte in name.encode() + b"\xff" + value.encode() + b"\xff":
                digest = ((digest ^ byte) * _FNV_PRIME) & 0xFFFFFFFFFFFFFFFF
        return f"{digest:016x}"

    def __str__(self) -> str:
        name = self.name
        shown = name if name and is_legacy_metric_name(name) else ""
        inner = [quote(name)] if name and not shown else []
        for key, value in self.pairs:
            if key != METRIC_NAME:
                inner.append(f"{key if is_legacy_label_name(key) else quote(key)}={quote(value)}")
        return shown + "{" + ", ".join(inner) + "}" if inner or not shown else shown

    def __repr__(self) -> str:
        return f"Labels({self})"

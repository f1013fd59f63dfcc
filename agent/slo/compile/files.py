"""Compiled rules as the text of a rule file, or as PrometheusRule objects of Kubernetes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any, Final

import yaml

from agent.model import format_duration
from agent.slo.compile.emitted import AlertRule, Compiled, Record, RuleGroup
from agent.slo.compile.setting import Dialect
from agent.slo.model import Source, Written

_HEADER: Final = "# Made by `burnline slo compile`. Do not edit: change the objectives and compile them again.\n"
_KUBERNETES_LABELS: Final = {"app.kubernetes.io/component": "SLO"}


class _Writer(yaml.SafeDumper):
    """Writes texts of several lines as blocks, so that an expression can be read."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


def _text(writer: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return writer.represent_scalar("tag:yaml.org,2002:str", str(text), style="|" if "\n" in text else None)


_Writer.add_representer(str, _text)
_Writer.add_multi_representer(str, _text)  # text that remembers its place


def rule_file(compiled: Sequence[Compiled], dialect: Dialect = Dialect.BURNLINE) -> str:
    """Return the rules as YAML.

    Ours are one document, since Prometheus reads only the first of a rule file; sloth makes one of each document that it
    reads. SLOs of Kubernetes objects become a PrometheusRule object each, the others groups.
    """
    return "".join(f"---\n{_HEADER}{_dumped(each)}" for each in documents(compiled, dialect))


def documents(compiled: Sequence[Compiled], dialect: Dialect = Dialect.BURNLINE) -> list[dict[str, Any]]:
    """Return what stands in each document of the file; SLOs of one document stay together."""
    found: list[dict[str, Any]] = []
    for _, each in groupby(compiled, lambda one: _document_of(one, dialect)):
        together = list(each)
        groups = [_group(group) for one in together for group in one.groups]
        if not groups:
            continue
        of_kubernetes = together[0].slo.source is Source.KUBERNETES
        found.append(_object(together[0].slo.written, groups, dialect) if of_kubernetes else {"groups": groups})
    return found


def _document_of(compiled: Compiled, dialect: Dialect) -> tuple[object, ...]:
    slo = compiled.slo
    if dialect is Dialect.BURNLINE and slo.source is not Source.KUBERNETES:
        return ("groups",)
    return (slo.source, slo.place.source if slo.place else "", slo.written.number)


def _object(written: Written, groups: list[dict[str, Any]], dialect: Dialect) -> dict[str, Any]:
    manager = "sloth" if dialect is Dialect.SLOTH else "burnline"
    labels = {**written.labels, **_KUBERNETES_LABELS, "app.kubernetes.io/managed-by": manager}
    metadata: dict[str, Any] = {"name": written.name, "namespace": written.namespace, "labels": labels}
    if written.annotations:
        metadata["annotations"] = dict(written.annotations)
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {name: value for name, value in metadata.items() if value},
        "spec": {"groups": groups},
    }


def _group(group: RuleGroup) -> dict[str, Any]:
    interval = {} if group.interval_ms is None else {"interval": format_duration(group.interval_ms)}
    return {"name": group.name, **interval, "rules": [_rule(rule) for rule in group.rules]}


def _rule(rule: Record | AlertRule) -> dict[str, Any]:
    labels = {"labels": dict(sorted(rule.labels.items()))} if rule.labels else {}
    if isinstance(rule, Record):
        return {"record": rule.name, "expr": rule.expr, **labels}
    annotations = {"annotations": dict(rule.annotations)} if rule.annotations else {}
    return {"alert": rule.name, "expr": rule.expr, **labels, **annotations}


def _dumped(document: Any) -> str:
    return yaml.dump(document, Dumper=_Writer, sort_keys=False, allow_unicode=True, width=120)


def warnings_of(compiled: Iterable[Compiled]) -> list[str]:
    """Return what should be known of all of them."""
    return [warning for each in compiled for warning in each.warnings]

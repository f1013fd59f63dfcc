"""Parse expressions with promql-parser and print what they mean as JSON, one line each. Run as a process of its own.

promql-parser can end its process; the test that starts this one only loses an opinion. A line is null where the parser
refuses the expression.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import promql_parser as peer


def shape(node: Any) -> Any:
    kind = type(node).__name__
    match kind:
        case "NumberLiteral":
            return ["number", repr(float(node.val))]
        case "StringLiteral":
            return ["string", node.val]
        case "VectorSelector":
            return vector(node)
        case "MatrixSelector":
            return ["range", vector(node.vector_selector), ms(node.range)]
        case "SubqueryExpr":
            step = None if node.step is None else ms(node.step)
            return ["subquery", shape(node.expr), ms(node.range), step, ms(node.offset), at(node.at)]
        case "Call":
            return ["call", node.func.name, [shape(arg) for arg in node.args]]
        case "AggregateExpr":
            param = None if node.param is None else shape(node.param)
            without = node.modifier is not None and str(node.modifier.type).endswith("Without")
            labels = [] if node.modifier is None else sorted(node.modifier.labels)
            return ["aggregate", str(node.op), without, labels, param, shape(node.expr)]
        case "BinaryExpr":
            return ["binary", str(node.op), modifier(node.modifier), shape(node.lhs), shape(node.rhs)]
        case "UnaryExpr":
            return ["minus", shape(node.expr)]
        case "ParenExpr":
            return ["paren", shape(node.expr)]
    return ["unknown", kind]


def vector(node: Any) -> Any:
    signs = {"Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~"}
    matchers = sorted([m.name, signs[str(m.op).split(".")[-1]], m.value] for m in node.matchers.matchers)
    if node.name:
        matchers = sorted([*matchers, ["__name__", "=", node.name]])
    return ["vector", matchers, ms(node.offset), at(node.at)]


def modifier(found: Any) -> Any:
    if found is None:
        return [False, False, [], [], "one-to-one"]
    on = found.matching is not None and str(found.matching.type).endswith("Include")
    labels = [] if found.matching is None else sorted(found.matching.labels)
    cards = {
        "OneToOne": "one-to-one",
        "ManyToOne": "many-to-one",
        "OneToMany": "one-to-many",
        "ManyToMany": "many-to-many",
    }
    card = cards[str(found.card).split(".")[-1]]
    return [bool(found.return_bool), on, labels, sorted(found.group_labels or []), card]


def ms(delta: Any) -> int:
    return 0 if delta is None else round(delta.total_seconds() * 1000)


def at(found: Any) -> Any:
    if found is None:
        return None
    kind = str(found.type).split(".")[-1]
    return kind.lower() if kind in ("Start", "End") else round(found.at.timestamp() * 1000)


def main() -> None:
    for text in json.load(sys.stdin):
        try:
            print(json.dumps(shape(peer.parse(text))), flush=True)
        except BaseException as error:  # the other parser's panics are no Exceptions; all but them and refusals go on
            if not isinstance(error, ValueError) and type(error).__name__ != "PanicException":
                raise
            print("null", flush=True)


if __name__ == "__main__":
    main()

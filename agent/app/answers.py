"""From the engine's results to the page's views: the one place where the two rooms' values meet. Pure."""

from __future__ import annotations

from agent import query, web


def query_answer(result: query.Result) -> web.QueryAnswer:
    """Return an engine's result as the web room answers it."""
    return web.QueryAnswer(_value(result.value), result.warnings, result.infos)


def plan_answer(found: query.Explanation) -> web.PlanAnswer:
    """Return what an evaluated query took as the web room answers it."""
    return web.PlanAnswer(
        _plan_node(found.root), found.steps, found.samples, found.peak_bytes, found.seconds, found.planned
    )


def _plan_node(node: query.Explained) -> web.PlanNode:
    inputs = [_plan_node(each) for each in node.inputs]
    return web.PlanNode(node.expr, node.does, node.series, node.samples, node.how, node.built, node.seconds, inputs)


def _value(value: query.Value) -> web.Vector | web.Matrix | web.Scalar | web.Text:
    match value:
        case query.Scalar(timestamp_ms, number):
            return web.Scalar(timestamp_ms, number)
        case query.String(timestamp_ms, text):
            return web.Text(timestamp_ms, text)
        case query.Vector(timestamp_ms, labels, values, histograms):
            return web.Vector(labels, values, timestamp_ms, histograms)
        case _:
            return web.Matrix(
                [web.Series(each.labels, each.timestamps, each.values, each.histograms) for each in value]
            )

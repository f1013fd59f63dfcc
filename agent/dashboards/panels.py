"""The few kinds of panel that our dashboards are made of, typed, over grafana-foundation-sdk.

This is the only module that knows the library. A panel has a title, a description (what it means, what to do), a unit and
queries; colours by threshold only where a limit means good or bad.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from agent.dashboards.layout import Place
from agent.dashboards.normalise import normalise

with warnings.catch_warnings():
    # At import the library asks for Grafana's second schema, which no file provisioning takes yet.
    warnings.simplefilter("ignore", DeprecationWarning)
    from grafana_foundation_sdk.builders import common as look
    from grafana_foundation_sdk.builders import dashboard as made
    from grafana_foundation_sdk.builders import gauge, heatmap, prometheus, stat, statetimeline, table, timeseries
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.models import common as looks
    from grafana_foundation_sdk.models import dashboard as parts
    from grafana_foundation_sdk.models import heatmap as heatmaps
    from grafana_foundation_sdk.models.prometheus import PromQueryFormat

SOURCE: Final = looks.DataSourceRef(type_val="prometheus", uid="${datasource}")
GOOD, WARN, BAD, NEUTRAL = "green", "yellow", "red", "blue"

Panel = gauge.Panel | heatmap.Panel | stat.Panel | statetimeline.Panel | table.Panel | timeseries.Panel
P = TypeVar("P", bound=Panel)
Steps = Sequence[tuple[float | None, str]]
"""Colours from a value on, ascending; the first from None, which is minus infinity."""


@dataclass(frozen=True, slots=True)
class Query:
    """One PromQL query and how its series are called."""

    expr: str
    legend: str = ""
    exemplar: bool = False


@dataclass(frozen=True, slots=True)
class About:
    """What every panel says of itself."""

    title: str
    description: str
    unit: str
    decimals: int | None = None


def single(
    about: About, query: Query, steps: Steps = ((None, NEUTRAL),), *, spark: bool = True, empty: str = "no traffic"
) -> stat.Panel:
    """Make one big number with its course behind it; `empty` is shown where there is no value."""
    graph = looks.BigValueGraphMode.AREA if spark else looks.BigValueGraphMode.NONE
    panel = _common(stat.Panel(), about, [query]).graph_mode(graph).color_mode(looks.BigValueColorMode.VALUE)
    panel = panel.reduce_options(look.ReduceDataOptions().calcs(["lastNotNull"]).values(False)).no_value(empty)
    return _coloured(panel, steps)


def dial(about: About, query: Query, steps: Steps, *, empty: str = "no traffic") -> gauge.Panel:
    """Make a gauge from 0 to 1."""
    panel = _common(gauge.Panel(), about, [query]).min(0).max(1).no_value(empty)
    panel = panel.reduce_options(look.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
    return _coloured(panel, steps)


def graph(
    about: About, queries: Sequence[Query], *, limits: Steps = (), bars: bool = False, stacked: bool = False
) -> timeseries.Panel:
    """Make lines (or bars) over time, with a dashed line at each limit."""
    panel = _common(timeseries.Panel(), about, queries).line_width(1).fill_opacity(60 if bars or stacked else 8).min(0)
    panel = panel.show_points(looks.VisibilityMode.NEVER)
    panel = panel.legend(
        look.VizLegendOptions()
        .show_legend(True)
        .display_mode(looks.LegendDisplayMode.LIST if len(queries) == 1 else looks.LegendDisplayMode.TABLE)
        .placement(looks.LegendPlacement.BOTTOM)
        .calcs([] if len(queries) == 1 else ["lastNotNull", "mean", "max"])
    )
    panel = panel.tooltip(
        look.VizTooltipOptions().mode(looks.TooltipDisplayMode.MULTI).sort(looks.SortOrder.DESCENDING)
    )
    if bars:
        panel = panel.draw_style(looks.GraphDrawStyle.BARS)
    if stacked:
        panel = panel.stacking(look.StackingConfig().mode(looks.StackingMode.NORMAL).group("A"))
    if limits:
        panel = panel.thresholds(_steps(limits)).thresholds_style(
            look.GraphThresholdsStyleConfig().mode(looks.GraphThresholdsStyleMode.DASHED)
        )
    return panel


def distribution(about: About, query: Query) -> heatmap.Panel:
    """Make a heat map of a histogram's buckets; the query gives one series per `le`."""
    panel = _common(heatmap.Panel(), about, [query], heat=True).calculate(False).cell_gap(1)
    panel = panel.y_axis(heatmap.YAxisConfig().unit(about.unit))
    return panel.color(heatmap.HeatmapColorOptions().mode(heatmaps.HeatmapColorMode.SCHEME).scheme("Oranges").steps(64))


def states(about: About, query: Query, names: Mapping[str, tuple[str, str]]) -> statetimeline.Panel:
    """Make one band per series; `names` gives a value's word and colour."""
    panel = _common(statetimeline.Panel(), about, [query]).merge_values(True).row_height(0.8)
    return panel.mappings([_mapping(names)]).color_scheme(made.FieldColor().mode(parts.FieldColorModeId.THRESHOLDS))


def listing(
    about: About,
    query: Query,
    *,
    columns: Mapping[str, str],
    hidden: Sequence[str],
    order: tuple[str, bool],
    colours: Mapping[str, Mapping[str, tuple[str, str]]] | None = None,
    empty: str = "nothing",
) -> table.Panel:
    """Make a table of how it is now. `columns` gives each shown field its heading, in their order; `order` is the heading
    that rows are sorted by and whether the highest comes first; `colours` gives a column's words their colours.
    """
    panel = _common(table.Panel(), about, [query], now=True).no_value(empty)
    panel = panel.with_transformation(
        parts.DataTransformerConfig(
            id_val="organize",
            options={
                "excludeByName": dict.fromkeys(hidden, True),
                "indexByName": {name: number for number, name in enumerate(columns)},
                "renameByName": dict(columns),
            },
        )
    )
    for heading, names in (colours or {}).items():
        cell = {"type": "color-text"}
        mappings = [json.loads(json.dumps(_mapping(names), cls=JSONEncoder))]
        panel = panel.override_by_name(
            heading,
            [
                parts.DynamicConfigValue("custom.cellOptions", cell),
                parts.DynamicConfigValue("mappings", mappings),
            ],
        )
    return panel.sort_by([look.TableSortByFieldState().display_name(order[0]).desc(order[1])])


def dashboard(
    *,
    uid: str,
    title: str,
    description: str,
    tags: Sequence[str],
    variables_of: str,
    placed: Sequence[tuple[Place, Panel]],
    annotations: Sequence[made.AnnotationQuery],
) -> str:
    """Return a dashboard's JSON text. `variables_of` is the metric whose job and instance labels can be chosen."""
    board = made.Dashboard(title).uid(uid).description(description).tags(list(tags)).readonly()
    board = board.time("now-3h", "now").refresh("30s").timezone("browser").tooltip(parts.DashboardCursorSync.CROSSHAIR)
    board = board.link(_siblings(tags[-1]))
    board = board.with_variable(_source()).with_variable(_choice("job", "Job", variables_of))
    board = board.with_variable(_choice("instance", "Instance", f'{variables_of}{{job=~"$job"}}'))
    for annotation in annotations:
        board = board.annotation(annotation)
    for place, panel in placed:
        grid = parts.GridPos(h=place.height, w=place.width, x=place.x, y=place.y)
        board = board.with_panel(panel.grid_pos(grid))
    return normalise(json.loads(JSONEncoder(sort_keys=True, indent=2).encode(board.build())))


def marks(
    name: str, expr: str, colour: str, *, title: str, text: str, tags: str = "", at_value: bool = False
) -> made.AnnotationQuery:
    """Make an annotation that can be switched on and off; with `at_value` the value is the time, in milliseconds."""
    mark = made.AnnotationQuery().name(name).datasource(SOURCE).enable(True).hide(False).icon_color(colour).expr(expr)
    mark = mark.title_format(title).text_format(text).step("60s")
    if tags:
        mark = mark.tag_keys(tags)
    return mark.use_value_for_time(True) if at_value else mark


def _common(panel: P, about: About, queries: Sequence[Query], *, now: bool = False, heat: bool = False) -> P:
    form = PromQueryFormat.TABLE if now else PromQueryFormat.HEATMAP if heat else PromQueryFormat.TIME_SERIES
    each: Any = panel  # builders share these methods, but no base class says so; each method returns the builder itself
    each.title(about.title).description(about.description).unit(about.unit).datasource(SOURCE)
    if about.decimals is not None:
        each.decimals(about.decimals)
    for number, query in enumerate(queries):
        target = prometheus.Dataquery().expr(query.expr).ref_id(chr(ord("A") + number)).format(form)
        target = target.legend_format(query.legend or "__auto")
        target = target.instant() if now else target.range()
        each.with_target(target.exemplar(True) if query.exemplar else target)
    return panel


def _coloured(panel: P, steps: Steps) -> P:
    each: Any = panel
    each.thresholds(_steps(steps)).color_scheme(made.FieldColor().mode(parts.FieldColorModeId.THRESHOLDS))
    return panel


def _steps(steps: Steps) -> made.ThresholdsConfig:
    values = [value for value, _ in steps]
    numbers = [value for value in values[1:] if value is not None]
    if values[0] is not None or len(numbers) != len(values) - 1 or numbers != sorted(numbers):
        message = f"thresholds must start at None and ascend: {values}"
        raise ValueError(message)
    return (
        made.ThresholdsConfig()
        .mode(parts.ThresholdsMode.ABSOLUTE)
        .steps([parts.Threshold(value=value, color=colour) for value, colour in steps])
    )


def _mapping(names: Mapping[str, tuple[str, str]]) -> parts.ValueMap:
    return parts.ValueMap(
        options={
            value: parts.ValueMappingResult(text=text, color=colour, index=number)
            for number, (value, (text, colour)) in enumerate(names.items())
        }
    )


def _source() -> made.DatasourceVariable:
    return made.DatasourceVariable("datasource").label("Data source").type("prometheus")


def _choice(name: str, label: str, selector: str) -> made.QueryVariable:
    return (
        made.QueryVariable(name)
        .label(label)
        .datasource(SOURCE)
        .query(f"label_values({selector}, {name})")
        .refresh(parts.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(parts.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".+")
    )


def _siblings(tag: str) -> made.DashboardLink:
    return (
        made.DashboardLink("Dashboards")
        .type(parts.DashboardLinkType.DASHBOARDS)
        .tags([tag])
        .as_dropdown(True)
        .keep_time(True)
        .include_vars(True)
    )

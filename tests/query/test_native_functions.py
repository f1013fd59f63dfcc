"""What every function does with native histograms: each is in exactly one of the lists, and does what its list says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.model import Buckets, Histogram, Labels
from agent.query import SIGNATURES, Engine, MemoryQueryable

HELD = Histogram(count=3, sum=5, positive=Buckets(np.array([0, 1]), np.array([1.0, 2.0])))


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ARGUMENTS = {
    **dict.fromkeys(("clamp", "double_exponential_smoothing"), "{}, 0.5, 0.5"),
    **dict.fromkeys(("clamp_max", "clamp_min", "predict_linear", "round"), "{}, 1"),
    "histogram_fraction": "0, 1, {}",
    "histogram_quantile": "0.5, {}",
    "histogram_quantiles": '{}, "q", 0.5',
    "label_join": '{}, "to", "-", "a"',
    "label_replace": '{}, "to", "", "a", ""',
    "quantile_over_time": "0.5, {}",
    **dict.fromkeys(("sort_by_label", "sort_by_label_desc"), '{}, "a"'),
}
"""How functions are called that take more than the one argument."""

WITHOUT_VECTORS = words("end max_of min_of pi range start step time vector")
LEAVING_OUT = words(
    "abs acos acosh asin asinh atan atanh ceil clamp clamp_max clamp_min cos cosh day_of_month day_of_week "
    "day_of_year days_in_month deg exp floor hour ln log10 log2 minute month rad round sgn sin sinh sort sort_desc "
    "sqrt tan tanh year deriv double_exponential_smoothing mad_over_time max_over_time min_over_time predict_linear "
    "quantile_over_time stddev_over_time stdvar_over_time ts_of_max_over_time ts_of_min_over_time"
)
GIVING_HISTOGRAMS = words(
    "avg_over_time delta first_over_time idelta increase info irate label_join label_replace last_over_time rate "
    "sort_by_label sort_by_label_desc sum_over_time"
)
GIVING_NUMBERS = words(
    "changes count_over_time histogram_avg histogram_count histogram_fraction histogram_quantile histogram_quantiles "
    "histogram_stddev histogram_stdvar histogram_sum present_over_time resets timestamp ts_of_first_over_time "
    "ts_of_last_over_time"
)
OF_THEIR_OWN = frozenset({"absent", "absent_over_time", "scalar"})


def test_every_function_is_in_one_list():
    """A new function has to say what it does with histograms."""
    lists = (WITHOUT_VECTORS, LEAVING_OUT, GIVING_HISTOGRAMS, GIVING_NUMBERS, OF_THEIR_OWN)
    assert sorted(name for each in lists for name in each) == sorted(SIGNATURES)


def call(name: str, selector: str) -> str:
    ranged = any(str(each) == "range vector" for each in SIGNATURES[name].args)
    return f"{name}({ARGUMENTS.get(name, '{}').format(f'{selector}[1m]' if ranged else selector)})"


def asked(name: str, samples: list[float | Histogram]):
    memory = MemoryQueryable()
    memory.add(Labels.of(name_="x_total", a="b"), [10_000 * place for place in range(len(samples))], samples)
    return Engine(memory).instant(call(name, "x_total"), 10_000 * (len(samples) - 1))


@pytest.mark.parametrize("name", sorted(LEAVING_OUT))
def test_functions_of_floats_leave_histograms_out(name):
    """Of histograms alone nothing comes, and there is nothing to say about it."""
    result = asked(name, [HELD] * 3)
    assert (len(result.value), result.warnings, result.infos) == (0, (), ())


@pytest.mark.parametrize("name", sorted(GIVING_HISTOGRAMS))
def test_functions_give_histograms_for_histograms(name):
    """One series, with a histogram as its value and no float."""
    value = asked(name, [HELD] * 3).value
    assert len(value) == 1
    assert isinstance(value.histograms[0], Histogram)
    assert np.isnan(value.values[0])


@pytest.mark.parametrize("name", sorted(GIVING_NUMBERS))
def test_functions_read_numbers_off_histograms(name):
    """One series, with a number as its value."""
    value = asked(name, [HELD] * 3).value
    assert len(value) == 1
    assert value.histograms is None
    assert np.isfinite(value.values[0])


RANGED = sorted(name for name in SIGNATURES if call(name, "x").find("x[1m]") > 0 and name != "absent_over_time")
TOGETHER = words(
    "changes count_over_time first_over_time last_over_time present_over_time resets ts_of_first_over_time "
    "ts_of_last_over_time irate idelta"
)
"""Functions of ranges that take floats and histograms as they come."""


@pytest.mark.parametrize("name", RANGED)
@given(kinds=st.lists(st.booleans(), min_size=2, max_size=6))
@settings(max_examples=25)
def test_a_range_of_both_kinds_warns_or_ignores(name, kinds):
    """Alone each kind is what it is without the other; both together have no result, or that of the floats, and are noted."""
    samples = [HELD if native else float(place) for place, native in enumerate(kinds)]
    result = asked(name, samples)
    notes = [*result.warnings, *result.infos]
    mixed = len(set(kinds)) == 2
    if name in TOGETHER:
        assert not any("ignored" in each for each in notes)
    elif not mixed:
        assert not any("mix" in each or "ignored" in each for each in notes)
    elif name in LEAVING_OUT:
        floats = [each for each in samples if isinstance(each, float)]
        expected = asked(name, floats).value if len(floats) > 1 or name not in TWO else ()
        assert len(result.value) == len(expected)
        assert any("ignored histograms in a range containing both" in each for each in result.infos)
    else:
        assert len(result.value) == 0
        assert any("a mix of histograms and floats" in each for each in result.warnings)


TWO = frozenset({"deriv", "predict_linear", "double_exponential_smoothing"})
"""Functions that need two samples."""

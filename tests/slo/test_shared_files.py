"""sloth's own test files: the good ones are read, the bad ones refused at the line that is wrong."""

from __future__ import annotations

import pytest

from agent.errors import SchemaError
from agent.slo import Events, Good, Plugin, Raw, Rolling, Source, load_slos

GOOD = {
    "in-base.yaml": 2,
    "in-base-k8s.yaml": 2,
    "in-multifile.yaml": 4,
    "in-multifile-k8s.yaml": 4,
    "in-openslo.yaml": 1,
    "in-sli-plugin.yaml": 1,
    "in-slo-plugin.yaml": 1,
    "in-slo-plugin-k8s.yaml": 1,
    "validate/good/good-aa.yaml": 2,
    "validate/good/good-ab.yaml": 2,
    "validate/good/good-ba.yaml": 2,
    "validate/good/good-k8s.yaml": 2,
    "validate/good/good-multi.yaml": 4,
    "validate/good/good-multi-k8s.yaml": 4,
    "validate/good/good-openslo.yaml": 1,
}
BAD = {
    "in-invalid-version.yaml": '1:11: version is "prometheus/v999", and what is read is prometheus/v1',
    "validate/bad/bad-aa.yaml": '28:16: slo "slo02": an objective is a percentage between 0 and 100, not 101',
    "validate/bad/bad-ab.yaml": '28:16: slo "slo02": an objective is a percentage between 0 and 100, not 101',
    "validate/bad/bad-ba.yaml": '28:16: slo "slo02": an objective is a percentage between 0 and 100, not 101',
    "validate/bad/bad-k8s.yaml": "7:12: service is empty",
    "validate/bad/bad-multi.yaml": '77:10: slo "slo02": an SLI is events, raw or plugin; none is here',
    "validate/bad/bad-multi-k8s.yaml": '22:15: slo "slo1": the alerts need a name',
}
DUPLICATES = ("bad-prom-multi-duplicates.yaml", "k8s/*.yaml", "openslo/*.yaml", "prom/*.yaml")


@pytest.mark.parametrize("name", GOOD)
def test_what_sloth_accepts_is_read(shared, name):
    assert len(load_slos([shared / "sloth" / name]).slos) == GOOD[name]


@pytest.mark.parametrize("name", BAD)
def test_what_sloth_refuses_is_refused_at_its_line(shared, name):
    path = shared / "sloth" / name
    with pytest.raises(SchemaError) as refused:
        load_slos([path])

    assert len(refused.value.problems) == 1
    assert refused.value.problems[0].startswith(f"{path}:{BAD[name]}")


def test_every_file_of_sloths_is_among_the_good_the_bad_or_the_double_ones(shared):
    folder = shared / "sloth"
    named = {*GOOD, *BAD, "validate/bad/bad-openslo.yaml"}  # the last has a test of its own

    assert {str(each.relative_to(folder)) for each in folder.rglob("*.yaml")} - named == {
        str(each.relative_to(folder))
        for each in (*folder.glob("validate_with_duplicates/**/*.yaml"), *folder.glob("windows/*.yaml"))
    }


def test_a_period_of_28_days_is_read_though_a_file_among_the_bad_ones_has_it(shared):
    """Sloth refused 28 days before its catalogue had them; it tests that folder as a whole, and reads this file today."""
    (slo,) = load_slos([shared / "sloth" / "validate" / "bad" / "bad-openslo.yaml"]).slos

    assert slo.window == Rolling(28 * 86_400_000)


@pytest.mark.parametrize("pattern", DUPLICATES)
def test_an_slo_that_is_there_twice_is_refused_naming_both_places(shared, pattern):
    with pytest.raises(SchemaError) as refused:
        load_slos([shared / "sloth" / "validate_with_duplicates" / pattern])

    for problem in refused.value.problems:
        place, _, rest = problem.partition(": ")
        assert place.rpartition(":")[0] != rest.partition(", at ")[2].rpartition(":")[0]
        assert "already, at " in rest


def test_a_key_that_sloth_passes_over_is_a_warning_with_its_place_and_the_right_key(shared):
    path = shared / "sloth" / "validate" / "good" / "good-aa.yaml"

    said = 'slo "slo1": unknown key "{}Alert" in alerting; did you mean "{}_alert"? (sloth passes over it as well)'
    assert [str(each) for each in load_slos([path]).warnings] == [
        f"{path}:21:7: " + said.format("page", "page"),
        f"{path}:24:7: " + said.format("ticket", "ticket"),
    ]


def test_all_of_a_file_is_in_the_model(shared):
    one, two = load_slos([shared / "sloth" / "in-base-k8s.yaml"]).slos

    assert (one.id, one.objective, one.description) == ("svc01-slo1", 99.9, "This is SLO 01.")
    assert one.labels == {"global01k1": "global01v1", "global02k1": "global02v1"}
    assert isinstance(one.indicator, Events)
    assert one.indicator.total_query == 'sum(rate(http_request_duration_seconds_count{job="myservice"}[{{.window}}]))'
    assert one.alerting.name == "myServiceAlert"
    assert one.alerting.labels == {"alert01k1": "alert01v1"}
    assert one.alerting.page.labels == {"alert03k1": "alert03v1"}
    assert (one.source, one.written.name, one.written.namespace) == (Source.KUBERNETES, "svc", "test-ns")
    assert isinstance(two.indicator, Raw)
    assert two.alerting.page.disabled
    assert two.alerting.ticket.disabled
    assert (str(one.place), str(two.place)) == tuple(f"{shared}/sloth/in-base-k8s.yaml:{line}:7" for line in (11, 32))


def test_openslo_counts_good_events_and_is_named_with_its_number_as_sloth_does(shared):
    (slo,) = load_slos([shared / "sloth" / "in-openslo.yaml"]).slos

    assert slo.id == "svc01-slo1-0"
    assert slo.objective == 99.9
    assert isinstance(slo.indicator, Good)
    assert slo.alerting.page.disabled
    assert slo.alerting.ticket.disabled


def test_an_sli_that_is_a_program_is_read_and_said_not_to_be_evaluated(shared):
    found = load_slos([shared / "sloth" / "in-sli-plugin.yaml"])

    assert isinstance(found.slos[0].indicator, Plugin)
    assert found.slos[0].indicator.options["job"] == "svc01"
    assert ":7:5: " in str(found.warnings[0])

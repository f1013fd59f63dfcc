"""`burnline slo status` and `burnline slo gate`: what the terminal shows, at forty columns too, and with which exit code."""

from __future__ import annotations

import asyncio
import json
import threading

import pytest
from aiohttp import web
from click.testing import CliRunner
from rich.cells import cell_len
from structlog.testing import capture_logs

from agent.app.slo_desk import GATE_KIND
from agent.cli.main import burnline
from agent.cli.slo_status import table, watch_status
from agent.errors import StorageError
from agent.web import FakeHandles, create_app
from agent.web.slos import BudgetView, ShareView, SloView, StandingView, StepView, TierView, WindowView, urgency
from tests.app import slo_world
from tests.app.slo_world import World, healthy, low
from tests.peers.processes import free_port
from tests.serving import as_json, serving

NOW = 1_767_582_764_000
HOUR = 3_600_000
DAY = 24 * HOUR


def window(length_ms, burn, total=100_000.0, budget=0.001, coverage=1.0):
    ratio = None if burn is None else burn * budget
    return WindowView(length_ms, None if ratio is None else ratio * total, total, ratio, burn, coverage)


def budget(left: float | None = 0.62, burns=(0.4, 1.1), **other) -> BudgetView:
    spent = None if left is None else 1 - left
    given = {
        "state": "value",
        "period": window(30 * DAY, spent, total=1_000_000),
        "windows": (window(HOUR, burns[0]), window(6 * HOUR, burns[1])),
        "left": left,
        "left_events": None if left is None else 1000 * left,
        "left_ms": None if left is None else left * 0.001 * 30 * DAY,
        "seen_ms": 30 * DAY,
        "elapsed_ms": 30 * DAY,
    }
    return BudgetView(**{**given, **other})


def view(*budgets: BudgetView, name="rag-answers", **other) -> SloView:
    return SloView(**{
        "id": name, "service": "rag", "name": name, "objective": 99.9, "unit": "events", "period": "30d",
        "budgets": budgets or (budget(),), **other,
    })  # fmt: skip


def shown(*slos: SloView, width=80, age_ms=10_000, note="") -> str:
    return table(StandingView(NOW, NOW - age_ms, slos, note), width).plain


PAGE = TierView("page", "quick", HOUR, 300_000, 14.4, open=True, since_ms=NOW - 2 * HOUR)
TICKET = TierView("ticket", "slow", 3 * DAY, 6 * HOUR, 1, open=True, since_ms=NOW - 2 * HOUR)
YOUNG = {"earned": False, "seen_ms": 3 * DAY, "period": window(30 * DAY, 0.1, coverage=0.1)}
SILENT = budget(None, (None, None), state="SLONoData", why="connection refused", since_ms=NOW - HOUR)

SAID = [
    (view(), ["rag-answers", "99.962 %", "█████", "62 %", "0.4x", "1.1x", "620 more may fail, or 26 min of outage"]),
    (view(), ["99.9 % over 30d", "100 % seen"]),
    (view(budget(-0.38)), ["−38 %", "gone", "380 too many failed"]),
    (view(budget(0.5, gone_ms=NOW + 5 * HOUR)), ["5h"]),
    (view(SILENT), ["–", "connection refused", "SLONoData since 02:12:44 UTC"]),
    (view(budget(None, state="SLOInvalid", why="3 of 2 events were bad")), ["SLOInvalid: 3 of 2 events were bad"]),
    (view(budget(0.99, **YOUNG)), ["young", "~99 %", "young: 3 of 30 days seen"]),
    (view(budget(0.99, **{**YOUNG, "seen_ms": 35_000})), ["young: 35 s of 30 days seen"]),
    (view(budget(tiers=(PAGE,), burns=(20.5, 3))), ["page since 01:12:44 UTC (1h59m): burns 20.5x over 1h (limit 14.4x)"]),
    (view(budget(0.2), policy=(StepView(0.25, "Freeze deploys.", in_force=True),)), ["below 25 %: Freeze deploys."]),
    (view(budget(state="no traffic")), ["no traffic in the last 5 min"]),
    (view(budget(0.5), unit="time"), ["21 min of outage"]),
    (view(budget(0.5, left_events=12.0), unit="slices"), ["12 slices more may be bad"]),
    (view(budget(-0.5, left_events=-1.0), unit="slices"), ["1 slice too many bad"]),
]  # fmt: skip


IN_COLUMNS = ("100 % seen", "620 more may fail, or 26 min of outage", "99.9 % over 30d")
"""What a wide terminal has columns for."""


@pytest.mark.parametrize(("slo", "words"), SAID)
@pytest.mark.parametrize("width", [40, 80, 160])
def test_a_row_says(slo, words, width):
    text = " ".join(shown(slo, width=width).split())

    for each in words:
        assert each in text or (width == 160 and each in IN_COLUMNS)


@pytest.mark.parametrize("width", [40, 160])
def test_a_step_that_is_not_in_force_is_not_said(width):
    assert "Freeze" not in shown(view(budget(0.2), policy=(StepView(0.25, "Freeze deploys."),)), width=width)


@pytest.mark.parametrize("width", [40, 47, 62, 71, 80, 110])
def test_no_line_of_a_row_is_wider_than_the_terminal(width):
    groups = (budget(0.1, group={"tenant": "a-name-that-is-too-long-for-a-column-of-a-phone"[: width - 9]}), budget())
    slos = [slo for slo, _ in SAID] + [view(*groups, name="rag-answers-of-tenants")]
    *rows, _blank, _foot = shown(*slos, width=width).splitlines()

    assert max(map(cell_len, rows)) <= width


def test_what_a_phone_has_no_column_for_stands_under_the_row():
    text = " ".join(shown(view(), view(SILENT, name="silent"), width=40).split())

    assert "99.962 % good · burns 0.4x over 1h, 1.1x over 6h" in text
    assert text.count(" good ") == 1, "of what nothing is known of, there is nothing to add"


def test_what_is_not_in_force_is_not_said():
    assert "Freeze" not in shown(view(budget(0.2), policy=(StepView(0.25, "Freeze deploys."),)))


def test_a_young_budget_pretends_nothing():
    text = shown(view(budget(-40.0, **YOUNG)))

    assert "gone" not in text.splitlines()[1]
    assert "spent" not in text
    assert "too many" not in text


def test_a_bad_beginning_says_how_long_a_whole_budget_lasts_and_not_that_it_is_gone():
    """55 times as fast as it may, a day's budget lasts 26 minutes; the tables say the same as the message."""
    begun = budget(-54.0, **{**YOUNG, "seen_ms": 45_000, "elapsed_ms": DAY, "period": window(DAY, 55, coverage=0.0005)})
    text = " ".join(shown(view(begun)).split())

    assert "young: 45 s of 24 h seen; at their pace a whole budget lasts 26m" in text
    assert "5,400" not in text
    assert "<0.1 %" in " ".join(shown(view(begun), width=160).split())


@pytest.mark.parametrize(
    ("objective", "ratio", "expected"),
    [
        (99.9, 0.00104, "99.896 %"),
        (99.9, 0.0010000001, "99.899 %"),
        (99.9, 0.001, "99.900 %"),
        (99.99, 0.00000001, "99.9999 %"),
        (95, 0.03, "97.0 %"),
        (99.9, 0, "100.000 %"),
        (99.9, 1, "0.000 %"),
    ],
)
def test_a_share_is_never_rounded_up_to_what_was_promised(objective, ratio, expected):
    of = view(budget(period=WindowView(30 * DAY, 1, 2, ratio, 1, 1.0)), objective=objective)

    assert f" {expected} " in shown(of)


def test_groups_stand_under_their_slo_and_only_the_worst_ten():
    many = tuple(budget(number / 100, group={"tenant": f"t{number:02}"}) for number in range(1, 15))
    lines = shown(view(*many, name="rag-tenants")).splitlines()
    named = [line.split()[0] for line in lines if line.startswith("  tenant=")]

    assert lines[1] == "rag-tenants"
    assert "14 groups" in lines[2]
    assert named == [f"tenant=t{number:02}" for number in range(1, 11)]
    assert any("and 4 more groups" in line for line in lines)
    assert "and 1 more group, none of them worse" in shown(view(*many[:11], name="rag-tenants"))


def test_groups_of_which_there_is_nothing_to_say_share_a_line():
    """A route that nobody asks for is no news, and ten of them hide the one that is asked for."""
    idle = [budget(1.0, (None, None), state="no traffic", group={"route": f"r{number}"}) for number in range(7)]
    burned = budget(0.4, (None, None), state="no traffic", group={"route": "burned"})
    fine = budget(1.0, (0.0, 0.0), group={"route": "fine"})
    lines = shown(view(*sorted([*idle, burned, fine], key=urgency), name="rag-routes")).splitlines()

    assert [line.split()[0] for line in lines if line.startswith("  route=")] == ["route=burned", "route=fine"]
    (said,) = [line.strip() for line in lines if "r0" in line]
    assert said == "no traffic, and a whole budget: route=r0, r1, r2, r3, r4 and 2 more"


@pytest.mark.parametrize("width", [40, 80])
def test_a_step_of_the_policy_is_said_once_for_all_groups(width):
    """It goes by the group that has the least left; under one whose budget is whole it would be wrong."""
    groups = (budget(0.2, group={"tenant": "a"}), budget(1.0, group={"tenant": "b"}))
    text = shown(view(*groups, policy=(StepView(0.25, "Freeze deploys.", in_force=True),)), width=width)

    assert text.count("below 25 %: Freeze deploys.") == 1
    assert text.index("Freeze") < text.index("tenant=a")


@pytest.mark.parametrize("width", [40, 80])
def test_lines_under_a_row_begin_alike_however_long_its_name_is(width):
    long = budget(0.5, state="no traffic", group={"endpoint": "/a-route/that-is/longer-than/its-column"})
    lines = shown(view(long, budget(0.6, state="no traffic", group={"endpoint": "/"})), width=width).splitlines()

    assert {len(line) - len(line.lstrip()) for line in lines if "no traffic in" in line} == {4}


def test_of_what_was_never_seen_nothing_is_said_to_be_reckoned():
    text = shown(view(budget(None, state="SLOInvalid", why="no bucket", **(YOUNG | {"seen_ms": 0}))))

    assert "young: 0 s of 30 days seen" in text
    assert "reckoned" not in text


@pytest.mark.parametrize("groups", [({},), ({"tenant": "a"}, {"tenant": "b"})])
def test_errors_that_no_target_ever_had_are_said_once_and_not_where_nothing_is_known(groups):
    selector = 'errors_total{status="eror"}'
    known = [budget(1.0, group=group) for group in groups]
    silent = [budget(None, (None, None), state="SLONoData", why="refused", group=group) for group in groups]
    said = f"no target ever had a series like {selector}: nothing was ever bad, or a name in it is wrong"

    assert shown(view(*known, never_bad=selector), width=160).count(said) == 1
    assert selector not in shown(view(*silent, never_bad=selector), width=160)


def test_no_line_is_empty_where_there_is_nothing_to_add():
    young = budget(earned=False, seen_ms=15_000, group={"tenant": "a"})
    *rows, _blank, _foot = shown(view(young, budget(group={"tenant": "b"}))).splitlines()

    assert all(line.strip() for line in rows)


def test_a_composite_says_which_part_burned_its_budget():
    of = view(unit="composite", blame=(ShareView("rag-index", 0.2), ShareView("rag-answers", 0.8)))

    assert "burned by rag-answers 80 %, rag-index 20 %" in shown(of)


@pytest.mark.parametrize("width", [80, 90, 100, 120, 160])
def test_no_line_is_longer_than_the_terminal(width):
    everything = [each for each, _ in SAID]
    everything.append(view(name="a-service-with-a-long-name-that-nobody-wants-to-read-twice"))
    everything.append(view(budget(group={"tenant": "x" * 30}), budget(group={"tenant": "y"}), name="rag-tenants"))

    assert max(cell_len(line) for line in shown(*everything, width=width).splitlines()) <= width


@pytest.mark.parametrize(
    ("slos", "age_ms", "said"),
    [
        ((view(),), 0, "1 objective, every budget has something left"),
        ((view(budget(tiers=(PAGE,))), view()), 0, "1 of 2 objectives pages"),
        ((view(budget(-1.0)), view(name="b")), 0, "the budget of 1 of 2 objectives is spent"),
        ((view(budget(state="SLONoData")),), 0, "nothing is known of 1 of 1 objective"),
        ((view(budget(tiers=(TICKET,))), view(name="b")), 0, "a ticket of 1 of 2 objectives is open"),
        (
            (view(budget(tiers=(PAGE, TICKET))), view(SILENT, name="b")),
            0,
            "1 of 2 objectives pages, nothing is known of 1",
        ),
        (
            (view(budget(tiers=(PAGE,))), view(budget(tiers=(TICKET,)), name="b")),
            0,
            "1 of 2 objectives pages, a ticket of 1 is open",
        ),
        ((view(budget(**YOUNG, tiers=(TICKET,))),), 0, "a ticket of 1 of 1 objective is open"),
        ((view(budget(0.99, **YOUNG)), view()), 0, "2 objectives, 1 too young to say what is left"),
        ((view(),), 600_000, "the newest count is 600 s old"),
    ],
)
def test_the_last_lines_say_how_all_stand(slos, age_ms, said):
    assert said in shown(*slos, age_ms=age_ms)


def test_without_objectives_the_note_says_where_they_are_named():
    assert shown(note="no objectives: slo_files names none") == "no objectives: slo_files names none"


@pytest.fixture(autouse=True)
def quiet():
    """Keep the log of the served agent, which is in the same process, out of what the terminal shows."""
    with capture_logs():
        yield


class Running:
    """An agent's API in a thread of its own, as the command line needs it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.loop = asyncio.new_event_loop()
        self.url = ""
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        assert self._ready.wait(20)
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()

    def _run(self) -> None:
        runner = web.AppRunner(create_app(FakeHandles(), slo_handles=self.world.desk))
        self.loop.run_until_complete(runner.setup())
        site = web.TCPSite(runner, "127.0.0.1", 0)
        self.loop.run_until_complete(site.start())
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        self._ready.set()
        self.loop.run_forever()
        self.loop.run_until_complete(runner.cleanup())
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()


@pytest.fixture
def agent():
    """Give a function that serves a world and returns its URL; all end with the test."""
    running = []

    def start(world: World) -> str:
        running.append(Running(world).__enter__())
        return running[-1].url

    yield start
    for each in running:
        each.__exit__()


def run(*words: str):
    return CliRunner().invoke(burnline, ["slo", *words], catch_exceptions=False)


def test_status_of_an_agent_is_plain_text_where_it_is_piped(agent):
    done = run("status", "--url", agent(low()))

    assert done.exit_code == 0
    assert "rag-answers" in done.output
    assert "  4 %" in done.output
    assert "\x1b" not in done.output


def test_status_as_json_has_the_overrides(agent):
    world = low()
    url = agent(world)
    run("gate", "rag", "--override", "rollback", "--by", "ana", "--url", url)
    found = json.loads(run("status", "rag-answers", "--json", "--url", url).output)

    assert [each["by"] for each in found["slos"][0]["overrides"]] == ["ana"]


def test_a_typo_gets_a_suggestion(agent):
    url = agent(low())

    assert run("status", "rag-answer", "--url", url).exit_code == 1
    assert 'did you mean "rag-answers"' in run("status", "rag-answer", "--url", url).output
    gate = run("gate", "rag-answer", "--url", url)
    assert (gate.exit_code, 'did you mean "rag-answers"' in gate.output) == (2, True)


def test_watching_goes_on_while_the_agent_is_away(agent, capsys):
    url = agent(low())
    paused = []
    watch_status(url, (), pause=paused.append, times=2)
    watch_status(f"http://127.0.0.1:{free_port()}", (), pause=paused.append, times=1)
    text = capsys.readouterr().out

    assert "rag-answers" in text
    assert "this is how it stood before" in " ".join(text.split())
    assert paused == [5.0, 5.0, 5.0]


def test_ctrl_c_ends_the_watching(agent):
    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    watch_status(agent(low()), (), pause=interrupted)


GATES = [
    (healthy, (), 0, "go: rag-answers: 60 % of the budget is left"),
    (low, (), 1, "stop: rag-answers: 4.02 % of the budget is left"),
    (low, ("--min-budget", "4%"), 0, "GO"),
    (lambda: healthy().down(), (), 2, "unknown: rag-answers: SLONoData"),
    (lambda: low(slo_world.with_policy()), (), 1, "stop: rag-answers: policy below 25 %: Freeze deploys."),
    (healthy, ("--min-budget", "10"), 2, "from 0% to 100%"),
    (low, ("--override", "rollback", "--by", "ana"), 0, "overridden by ana: rollback"),
    (lambda: healthy().down(), ("--override", "we know", "--by", "ana"), 0, "overridden by ana: we know"),
    (low, ("--override", "", "--by", "ana"), 2, "--override is empty"),
    (low, ("--override", " ", "--by", "ana"), 2, "--override is empty"),
    (low, ("--override", "rollback"), 2, "--by is empty"),
]


@pytest.mark.parametrize(("world", "words", "code", "said"), GATES)
def test_the_gate_exits_0_to_go_1_to_stop_and_2_where_nobody_knows(agent, world, words, code, said):
    done = run("gate", "all", *words, "--url", agent(world()))

    assert said in done.output.replace("59.9 %", "60 %").replace("60.0 %", "60 %")
    assert done.exit_code == code


def test_a_shut_gate_says_how_to_pass_it(agent):
    assert '--override "REASON" --by NAME' in run("gate", "all", "--url", agent(low())).output


def test_an_override_that_cannot_be_recorded_leaves_the_gate_shut(agent):
    from concurrent.futures import Future

    world = low()
    broken: Future[None] = Future()
    broken.set_exception(StorageError("the disk is full"))
    world.journal.write = lambda *_: broken
    done = run("gate", "all", "--override", "rollback", "--by", "ana", "--url", agent(world))

    assert done.exit_code == 2
    assert world.journal.events(GATE_KIND) == []


@pytest.mark.parametrize("words", [(), ("--override", "rollback", "--by", "ana")])
def test_an_agent_that_is_not_there_is_unknown_whatever_is_said(words):
    done = run("gate", "all", *words, "--url", f"http://127.0.0.1:{free_port()}")

    assert done.exit_code == 2
    assert "cannot reach the agent" in done.output


def test_the_gate_as_json_is_json_in_every_case(agent):
    stop = run("gate", "all", "--json", "--url", agent(low()))
    away = run("gate", "all", "--json", "--url", f"http://127.0.0.1:{free_port()}")

    assert (json.loads(stop.output)["verdict"], stop.exit_code) == ("stop", 1)
    assert json.loads(stop.output)["slos"][0]["reasons"]
    assert (json.loads(away.output)["verdict"], away.exit_code) == ("unknown", 2)


def test_who_needs_what_stands_in_the_line_of_a_dependency(agent):
    world = World(*slo_world.dependent()).past(90, 86_400, of="rag-index").traffic()
    done = run("gate", "rag-answers", "--url", agent(world))

    assert "stop: rag-index (rag-answers rests on it): " in done.output
    assert done.exit_code == 1


def test_an_answer_that_is_no_agents_is_said_without_a_traceback(capsys):
    """Behind a proxy, say, something else answers there; who watches sees it and waits on."""
    with serving(lambda _: as_json({"status": "success", "data": []})) as port:
        url = f"http://127.0.0.1:{port}"
        done = run("status", "--url", url)
        gate = run("gate", "all", "--url", url)
        watch_status(url, (), pause=lambda _: None, times=1)

    assert (gate.exit_code, f"{url} answered, but not whether a change may pass" in gate.output) == (2, True)
    assert (done.exit_code, done.output.count("\n")) == (1, 1)
    assert f"{url} answered, but not how objectives stand" in done.output
    assert "answered, but not how objectives stand" in " ".join(capsys.readouterr().out.split())

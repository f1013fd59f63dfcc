"""What keeps a long-running agent small: what it does not load, and that the knobs do no harm."""

from __future__ import annotations

import gc
import subprocess
import sys

import pytest

from agent.footprint import building, hand_back, share_one_heap, without


def apart(program: str) -> str:
    """Run a program in an interpreter of its own and return what it printed."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_what_is_kept_out_cannot_be_imported_inside_and_can_be_after():
    with without("this"), pytest.raises(ModuleNotFoundError):
        __import__("this")
    assert "this" not in sys.modules


def test_what_is_loaded_already_stays_loaded():
    with without("json"):
        assert __import__("json") is sys.modules["json"] is not None


def test_the_knobs_of_the_allocator_may_be_turned_at_any_time():
    share_one_heap()
    hand_back()
    assert len(bytearray(10_000_000)) == 10_000_000


def test_what_is_built_is_not_walked_over_while_it_is_and_not_afterwards():
    program = """
import gc
from agent.footprint import building
walks = []
gc.callbacks.append(lambda phase, info: walks.append(phase))
with building():
    built = [[number] for number in range(10_000)]
print(len(walks), gc.isenabled(), any(each is built[0] for each in gc.get_objects()))
"""
    assert apart(program) == "0 True False"


def test_where_building_fails_the_collector_goes_on_and_nothing_is_left_out():
    with pytest.raises(ZeroDivisionError), building():
        assert not gc.isenabled()
        1 / 0  # noqa: B018  # it fails
    assert gc.isenabled()


def test_a_running_agent_loads_nothing_that_only_decorates_or_belongs_to_other_verbs():
    left_out = ["rich", "pygments", "opentelemetry", "grafana_foundation_sdk", "slack_sdk", "aiosmtpd", "markdown_it"]
    program = f"""
import sys
import agent.app
def serve(flags):
    import agent.app.agent
    print([name for name in {left_out!r} if name in sys.modules])
agent.app.serve = serve
from agent.cli.main import burnline
burnline(["run"], standalone_mode=False)
"""
    assert apart(program) == "[]"


def test_logs_of_exceptions_need_no_decoration():
    program = """
from agent.footprint import without
with without("rich"):
    import structlog
from agent.telemetry import configure_logging
for form in ("json", "console"):
    configure_logging("info", form)
    try:
        1 / 0
    except ZeroDivisionError:
        structlog.get_logger().exception("it failed")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr.count("ZeroDivisionError") >= 2

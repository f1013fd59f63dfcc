"""What keeps a long-running agent small: what it does not load, and that the knobs do no harm."""

from __future__ import annotations

import gc
import subprocess
import sys

import pytest
import trustme

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


def test_modules_load_with_the_young_looked_at_and_are_left_out_afterwards():
    program = """
import gc
gc.disable()
from agent.footprint import loading
walks = []
gc.callbacks.append(lambda phase, info: walks.append(info["generation"]))
with loading():
    built = [[number] for number in range(50_000)]
print(set(walks), gc.isenabled(), any(each is built[0] for each in gc.get_objects()))
"""
    assert apart(program) == "{0} False False"


VALUES = """
import dataclasses, sys
from dataclasses import FrozenInstanceError, dataclass, field

@dataclass(frozen=True, slots=True)
class Point:
    x: int
    secret: str = field(default="s", repr=False)
    parts: list = field(default_factory=list, compare=False)

@dataclass(frozen=True, slots=True)
class Line(Point):
    y: float = 1.0
    @dataclass
    class Inner:
        z: int = 0

@dataclass(frozen=True)
class Open:
    x: int

@dataclass(slots=True, order=True)
class Changing:
    x: int

@dataclass(frozen=True, slots=True, repr=False)
class Silent:
    x: int

@dataclass(frozen=True, slots=True)
class Hidden:
    x: int
    def __repr__(self):
        return "hidden"

class Plain(Line):
    pass

def attempt(verb, *arguments):
    try:
        verb(*arguments)
    except (FrozenInstanceError, AttributeError, TypeError) as error:
        return type(error).__name__ + ": " + str(error)
    return "done"

made = [Point(1), Line(1, y=2), Line.Inner(), Open(1), Changing(1), Hidden(1), Plain(3)]
for value in made:
    print(repr(value), value == dataclasses.replace(value), type(value).__dataclass_params__)
    for name in [each.name for each in dataclasses.fields(value)]:
        print(attempt(setattr, value, name, 5), attempt(delattr, value, name))
around = Point(1)
around.parts.append(around)
print(around, Silent.__repr__ is object.__repr__, hash(Point(1)) == hash(Point(1)))
print(Point.__match_args__, Changing(1) < Changing(2))
"""


def test_dataclasses_that_share_methods_show_compare_and_refuse_as_the_librarys_do():
    shared = "from agent.footprint import share_what_dataclasses_repeat\nshare_what_dataclasses_repeat()\n"
    plain = apart(VALUES)
    assert "cannot assign to field 'x'" in plain
    assert "Point(x=1, parts=[...])" in plain
    assert apart(shared + VALUES) == plain


def test_a_shared_refusal_holds_for_every_name_but_those_that_a_plain_subclass_adds():
    """On slotted classes Python 3.11 answers such names with a TypeError about its own `super`."""
    program = """
from agent.footprint import share_what_dataclasses_repeat
share_what_dataclasses_repeat()
from dataclasses import FrozenInstanceError, dataclass
@dataclass(frozen=True, slots=True)
class Point:
    x: int
class Plain(Point):
    pass
for value, name in ((Point(1), "other"), (Plain(1), "x"), (Plain(1), "other")):
    try:
        setattr(value, name, 2)
        print(getattr(value, name))
    except FrozenInstanceError as error:
        print(error)
"""
    assert apart(program).splitlines() == ["cannot assign to field 'other'", "cannot assign to field 'x'", "2"]


def test_values_of_a_running_agent_share_what_refuses_a_change():
    program = """
from agent.footprint import loading
with loading():
    from agent.web import AlertView
    from agent.notify import Route
from agent.model import Matcher
print(AlertView.__setattr__ is Route.__setattr__, AlertView.__repr__ is Route.__repr__)
"""
    assert apart(program) == "True True"


def test_only_contexts_that_verify_hold_the_systems_authorities(tmp_path):
    """A file of the test's own stands for the system's, because a bare container has none."""
    trustme.CA().cert_pem.write_to_path(tmp_path / "authorities.pem")
    program = f"""
import os
os.environ["SSL_CERT_FILE"] = {str(tmp_path / "authorities.pem")!r}
from agent.footprint import loading
with loading():
    import ssl
    verifying = ssl.create_default_context()
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    trusting.set_default_verify_paths()
after = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
after.check_hostname, after.verify_mode = False, ssl.CERT_NONE
after.set_default_verify_paths()
print([len(each.get_ca_certs()) for each in (verifying, trusting, after)])
"""
    assert apart(program) == "[1, 0, 1]"


def test_the_systems_list_of_file_endings_is_not_read():
    program = """
from agent.footprint import loading
with loading():
    import aiohttp.web, mimetypes
print(mimetypes.inited, mimetypes.guess_type("page.html")[0], mimetypes.guess_type("x.chemical-cube.cub")[0])
"""
    assert apart(program) == "True text/html None"


@pytest.mark.parametrize(
    "left_out",
    [
        pytest.param(["rich", "pygments"], id="what decorates logs"),
        pytest.param(
            ["grafana_foundation_sdk", "markdown_it", "opentelemetry"], id="libraries of other verbs and pages"
        ),
        pytest.param(["slack_sdk", "aiosmtplib", "aiosmtpd"], id="libraries of channels that are not configured"),
        pytest.param(["agent.notify.receivers.twilio", "agent.notify.twilio_callbacks"], id="a channel not configured"),
        pytest.param(["agent.app.explanation", "agent.web.explaining.values"], id="explanations before somebody asks"),
        pytest.param(["agent.replay", "agent.app.routes", "agent.query.explain"], id="rehearsals before somebody asks"),
        pytest.param(["agent.rules.lints", "difflib"], id="advice about files"),
        pytest.param(["configparser"], id="files of Amazon's tools"),
        pytest.param(["agent.slo.budget", "agent.slo.compile", "agent.slo.loading"], id="SLOs where there are none"),
        pytest.param(["xml.sax", "zipfile"], id="heavy ways to do little"),
    ],
)
def test_a_running_agent_does_not_load(left_out):
    program = f"""
import sys
import agent.app
def serve(flags):
    import agent.app.agent, agent.app.serving
    print([name for name in {left_out!r} if name in sys.modules])
agent.app.serve = serve
from agent.cli.main import burnline
burnline(["run"], standalone_mode=False)
"""
    assert apart(program) == "[]"


def test_an_agent_with_objectives_of_sloth_loads_no_openslo_no_masked_arrays_and_no_archives():
    """Masked arrays (1.3 MB) come with `numpy.unique` of values alone, archives with `importlib.resources`."""
    program = """
import sys
from agent.slo import Catalog, Setting, compile_slo, load_slos
slos = load_slos(["rules/slos/*.yml"]).slos
setting = Setting(catalog=Catalog(), recordings=False, engine=True)
assert slos and all(compile_slo(each, setting).groups for each in slos)
from agent.slo import RatioTimeslices
from agent.slo.budget import Engine
from tests.slo.budget.service import Service, objective, slo
service = Service(Engine([objective(), objective(slo("slices", budgeting=RatioTimeslices(60_000)))]), requests_total=0)
for errors in (0, 1, 2):
    service.rise("requests_total", 100)
    service.rise("errors_total", errors)
    service.scraped()
service.down()
assert service.read(0).words
print([name for name in ("agent.slo.openslo_file", "agent.slo.converting", "numpy.ma", "zipfile") if name in sys.modules])
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

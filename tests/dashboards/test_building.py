"""What the door gives: the same bytes each time, the committed files, and a word on each file that differs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import agent.dashboards as room
from agent.dashboards.layout import Place, rows
from agent.dashboards.normalise import normalise


def test_the_door_is_these_names():
    assert room.__all__ == ["build", "check", "write"]
    with pytest.raises(AttributeError, match="no attribute 'panels_of_gold'"):
        _ = room.panels_of_gold


def test_the_committed_dashboards_are_what_is_built(root: Path):
    assert room.check(root / "dashboards") == []


def test_another_process_with_another_hash_seed_builds_the_same_bytes():
    script = "import sys; from agent.dashboards import build; sys.stdout.write(build()['rag-overview.json'])"
    command = [sys.executable, "-c", script]
    made = [
        subprocess.run(command, capture_output=True, check=True, env={"PYTHONHASHSEED": seed}).stdout for seed in "12"
    ]
    assert made[0] == made[1] == room.build()["rag-overview.json"].encode()


def test_check_names_a_file_that_is_missing_changed_or_built_by_nothing(tmp_path: Path):
    missing = room.check(tmp_path)
    assert len(missing) == 1
    assert "rag-overview.json is missing" in missing[0]

    (path,) = room.write(tmp_path / "made")
    assert room.check(tmp_path / "made") == []

    path.write_text(path.read_text(encoding="utf-8").replace("Query Rate", "Queries"), encoding="utf-8")
    (tmp_path / "made" / "old.json").write_text("{}", encoding="utf-8")
    changed, stray = room.check(tmp_path / "made")
    assert "rag-overview.json differs" in changed
    assert "old.json is built by nothing" in stray


def test_only_one_module_knows_the_panel_library(root: Path):
    knowing = [path.name for path in (root / "agent").rglob("*.py") if "grafana_foundation_sdk" in path.read_text()]
    assert knowing == ["panels.py"]


def test_opening_the_door_does_not_load_the_panel_library():
    script = "import sys, agent.dashboards; print(any(name.startswith('grafana') for name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_rows_place_panels_from_left_to_right_and_below_one_another():
    assert rows((4, [6, 18]), (8, [24])) == [Place(0, 0, 6, 4), Place(6, 0, 18, 4), Place(0, 4, 24, 8)]


def test_a_row_that_overflows_is_refused():
    with pytest.raises(ValueError, match="the row at 4 is 30 columns wide"):
        rows((4, [24]), (4, [24, 6]))


def test_normalising_takes_out_what_a_store_fills_in_and_numbers_the_panels():
    text = normalise(
        {
            "version": 7,
            "id": 12,
            "panels": [
                {"id": 99, "fieldConfig": {"defaults": {"links": [{"title": "t", "url": "u", "tags": []}]}}},
                {},
            ],
            "templating": {"list": [{"name": "job", "auto": False, "auto_min": "10s"}]},
            "annotations": {"list": [{"name": "a", "placement": "inControlsMenu"}]},
            "links": [],
        }
    )
    assert '"version"' not in text and '"placement"' not in text and "auto" not in text and '"tags"' not in text
    assert text.index('"id": 1') < text.index('"id": 2')
    assert text.endswith("}\n")


def test_thresholds_that_do_not_ascend_are_refused():
    from agent.dashboards.panels import About, Query, single

    about = About("t", "d", "s")
    for steps in (((None, "green"), (5, "red"), (2, "blue")), ((1, "green"), (2, "red"))):
        with pytest.raises(ValueError, match="must start at None and ascend"):
            single(about, Query("up"), steps)

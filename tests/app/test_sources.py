"""Which files a configuration comes from, whether their content changed, and in which folders that would show."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from agent.app.build import build
from agent.app.sources import Contents, Sources, folders_of, sources_of
from agent.config import Flags, load_config


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "configuration"
    (made / "rules").mkdir(parents=True)
    for name, text in {"burnline.yml": "one", "rules/a.yml": "a", "rules/b.yml": "b"}.items():
        (made / name).write_text(text)
    return made


@pytest.fixture
def sources(folder):
    return Sources(frozenset({folder / "burnline.yml"}), frozenset({f"{folder}/rules/*.yml"}))


def replace(path: Path, text: str) -> None:
    """Write as an editor does: beside it, then renamed over it."""
    (path.parent / "new").write_text(text)
    (path.parent / "new").rename(path)


ELSEWHERE = {
    "touched": lambda folder: os.utime(folder / "burnline.yml", (1, 1)),
    "replaced by an equal file": lambda folder: replace(folder / "burnline.yml", "one"),
    "a file that no pattern names": lambda folder: (folder / "rules" / "notes.txt").write_text("x"),
    "written with the same text": lambda folder: (folder / "rules" / "a.yml").write_text("a"),
}
CHANGES = {
    "other content of the same length": lambda folder: (folder / "burnline.yml").write_text("two"),
    "replaced by another file": lambda folder: replace(folder / "rules" / "a.yml", "A"),
    "a new file": lambda folder: (folder / "rules" / "c.yml").write_text("c"),
    "an empty new file": lambda folder: (folder / "rules" / "c.yml").write_text(""),
    "a file less": lambda folder: (folder / "rules" / "a.yml").unlink(),
    "another name": lambda folder: (folder / "rules" / "a.yml").rename(folder / "rules" / "z.yml"),
    "gone": lambda folder: (folder / "burnline.yml").unlink(),
    "two that swapped their contents": lambda folder: (
        (folder / "rules" / "a.yml").write_text("b"),
        (folder / "rules" / "b.yml").write_text("a"),
    ),
    "a folder in its place": lambda folder: (
        (folder / "burnline.yml").unlink(),
        (folder / "burnline.yml").mkdir(),
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_of_content_or_name_changes_the_digest_and_taking_it_back_brings_the_old_one(folder, sources, name):
    contents = Contents()
    before = contents.of(sources)
    saved = folder.with_name("saved")
    shutil.copytree(folder, saved)
    CHANGES[name](folder)
    changed = contents.of(sources)
    assert changed != before
    assert contents.of(sources) == changed
    shutil.rmtree(folder)
    shutil.copytree(saved, folder)
    assert contents.of(sources) == before


@pytest.mark.parametrize("name", ELSEWHERE)
def test_what_changes_no_content_leaves_the_digest(folder, sources, name):
    contents = Contents()
    before = contents.of(sources)
    ELSEWHERE[name](folder)
    assert contents.of(sources) == before


def config_map(folder: Path, version: str, **files: str) -> None:
    """Write a ConfigMap as the kubelet does: a folder of its own, then `..data` renamed to lead there."""
    made = folder / f"..{version}"
    made.mkdir()
    for name, text in files.items():
        (made / f"{name}.yml").write_text(text)
    (folder / "..data_tmp").symlink_to(made.name)
    (folder / "..data_tmp").rename(folder / "..data")
    for name in files:
        link = folder / f"{name}.yml"
        if not link.is_symlink():
            link.symlink_to(f"..data/{name}.yml")


def test_the_swap_of_a_config_map_changes_the_digest_and_shows_in_a_watched_folder(tmp_path):
    config_map(tmp_path, "2026_01", burnline="one", rules="a")
    for sources in (
        Sources(frozenset({tmp_path / "rules.yml"})),
        Sources(patterns=frozenset({f"{tmp_path}/*.yml"})),
    ):
        assert {tmp_path, tmp_path / "..2026_01"} <= folders_of(sources)
    contents, watched = Contents(), Sources(patterns=frozenset({f"{tmp_path}/*.yml"}))
    before = contents.of(watched)
    config_map(tmp_path, "2026_02", burnline="one", rules="b")
    assert contents.of(watched) != before
    assert tmp_path / "..2026_02" in folders_of(watched)
    assert tmp_path / "..2026_01" not in folders_of(watched)


def test_a_link_to_a_folder_elsewhere_is_watched_at_both_ends(tmp_path):
    (tmp_path / "real" / "deep").mkdir(parents=True)
    (tmp_path / "etc").mkdir()
    (tmp_path / "real" / "deep" / "r.yml").write_text("r")
    (tmp_path / "etc" / "link").symlink_to(tmp_path / "real")
    found = folders_of(Sources(frozenset({tmp_path / "etc" / "link" / "deep" / "r.yml"})))
    assert {tmp_path / "etc", tmp_path / "real" / "deep"} <= found


@pytest.mark.parametrize("pattern", ["none/*.yml", "**/*.yml", "r*/*.yml", "nowhere/at/all/*.yml"])
def test_folders_where_a_file_may_appear_are_watched_although_there_is_none_yet(tmp_path, pattern):
    (tmp_path / "none").mkdir()
    found = folders_of(Sources(patterns=frozenset({f"{tmp_path}/{pattern}"})))
    assert found == (
        {tmp_path / "none"} if pattern.startswith("none") else set() if "nowhere" in pattern else {tmp_path}
    )


def test_links_in_a_circle_end(tmp_path):
    (tmp_path / "a.yml").symlink_to("b.yml")
    (tmp_path / "b.yml").symlink_to("a.yml")
    sources = Sources(frozenset({tmp_path / "a.yml"}))
    assert folders_of(sources) == {tmp_path}
    assert Contents().of(sources) == Contents().of(sources)


def test_a_configuration_names_its_own_file_routes_people_templates_rules_and_secrets(tmp_path):
    path = tmp_path / "burnline.yml"
    path.write_text(
        "rule_files: ['rules/*.yml', 'one.yml', '/else/where/*.yml']\n"
        "notify: {config_file: am/routes.yml, escalation_file: am/people.yml}\n"
    )
    found = sources_of(load_config(Flags(config_file=path), {}, tmp_path), {Path("/run/secrets/slack")})
    assert found.files == {
        path,
        tmp_path / "am" / "routes.yml",
        tmp_path / "am" / "people.yml",
        tmp_path / "one.yml",
        Path("/run/secrets/slack"),
    }
    assert found.patterns == {f"{tmp_path}/rules/*.yml", "/else/where/*.yml", f"{tmp_path}/am/templates/*"}


def test_templates_that_alertmanager_yml_names_are_looked_at_too(tmp_path):
    """Also where the glob matches nothing yet."""
    (tmp_path / "burnline.yml").write_text("notify: {config_file: alertmanager.yml}\n")
    (tmp_path / "alertmanager.yml").write_text(
        "templates: ['words/*.tmpl']\nroute: {receiver: a}\nreceivers: [{name: a}]\n"
    )
    config, read = load_config(Flags(config_file=tmp_path / "burnline.yml"), {}, tmp_path), set()
    build(config, {}, read)
    assert str(tmp_path / "words" / "*.tmpl") in sources_of(config, read).patterns

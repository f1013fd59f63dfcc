"""The README's tables and links say what is true."""

from __future__ import annotations

import re

import pytest


def rows(text, heading):
    """Return the cells of the table that begins with `heading`."""
    after = text[text.index(heading) :].splitlines()[2:]
    found = []
    for line in after:
        if not line.startswith("|"):
            break
        found.append([cell.strip() for cell in line.strip("|").split("|")])
    return found


def test_the_table_of_who_gets_told_says_what_the_checked_page_says(root):
    """The page itself is compared with the files and with amtool elsewhere."""
    page = {
        name: rest[:3]
        for name, *rest in rows((root / "docs" / "who-gets-told.md").read_text(), "| alert | severity | told first")
    }
    readme = {
        name: rest
        for names, *rest in rows((root / "README.md").read_text(), "| alert | severity | told first")
        for name in names.split(", ")
    }

    assert readme == page


@pytest.mark.parametrize("name", ["README.md", "docs/architecture.md", "docs/settings.md", "docs/metrics.md"])
def test_every_link_and_picture_leads_to_a_file(root, name):
    text = (root / name).read_text()
    folder = (root / name).parent
    targets = [each for each in re.findall(r"\]\(([^)]+)\)", text) if "://" not in each and not each.startswith("#")]

    assert [each for each in targets if not (folder / each).exists()] == []


def test_every_variable_that_the_readme_names_is_read_by_the_shipped_files(root):
    named = set(re.findall(r"`([A-Z]+_[A-Z_]+)`", (root / "README.md").read_text()))
    read = set(re.findall(r"\$\{([A-Z_]+)", (root / "alertmanager" / "escalation.yml").read_text()))

    assert named - read == set()


def test_every_word_is_defined_by_a_recording_rule(root):
    words = [
        word
        for cell, *_ in rows((root / "README.md").read_text(), "| word | what it is")
        for word in re.findall(r"`(\w+)`", cell)
    ]
    rules = "".join(path.read_text() for path in (root / "rules").glob("*.yml"))

    assert len(words) == 7
    assert [word for word in words if not re.search(rf"- record: {word}$", rules, re.MULTILINE)] == []

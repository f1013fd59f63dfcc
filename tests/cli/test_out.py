"""What a verb writes in place of printing is on the disk to the byte, or it says why not."""

from __future__ import annotations

import pytest

from agent.cli.out import write_out
from agent.errors import InvalidInput


def test_line_ends_and_letters_stay_as_they_are(tmp_path):
    write_out(tmp_path / "report.csv", "name,left\r\nwörter,1\r\n", "the report")
    assert (tmp_path / "report.csv").read_bytes() == "name,left\r\nwörter,1\r\n".encode()


@pytest.mark.parametrize(("place", "why"), [("nowhere/r.md", "No such file or directory"), (".", "Is a directory")])
def test_what_cannot_be_written_is_said_with_the_place_and_the_reason(tmp_path, place, why):
    with pytest.raises(InvalidInput, match=f"cannot write the report to {tmp_path / place}: {why}"):
        write_out(tmp_path / place, "", "the report")

"""When changed files are read: once they rest, not for a touch, and nobody is told of what is broken for a moment only."""

from __future__ import annotations

import asyncio

import pytest

from agent.app.filewatch import DOUBT_MS, LOOK_MS, LOSS_MS, PATIENCE_MS, REST_MS, FileWatch, FolderEvents
from agent.app.sources import Sources, folders_of
from agent.errors import SchemaError

START = 1_700_000_000_000


class Story:
    """A file, an agent that reads it (the text "bad" is refused), and a clock moved by hand."""

    def __init__(self, tmp_path) -> None:
        self.path = tmp_path / "rules.yml"
        self.path.write_text("first")
        self.read: list[str] = []
        self.told: list[str] = []
        self.on = True
        self.while_reading = lambda: None
        self.now_ms = START
        self.sources = Sources(frozenset({self.path}), frozenset({f"{tmp_path}/more/*"}))
        self.watch = FileWatch(
            sources=lambda: self.sources,
            reload=self.reload,
            refused=lambda error: self.told.append(str(error)),
            wanted=lambda: self.on,
        )

    async def reload(self) -> None:
        await self.watch.reading()
        text = self.path.read_text() if self.path.exists() else "gone"
        self.while_reading()
        self.read.append(text)
        if text in ("bad", "gone"):
            raise SchemaError([f"rules.yml:1:1: {text}"])

    def write(self, text: str) -> None:
        self.path.write_text(text)

    async def go(self, ms: int) -> None:
        """Move the clock as `run` does: look, wait as long as that says, look again."""
        end_ms = self.now_ms + ms
        while True:
            wait_ms = await self.watch.look(self.now_ms)
            assert wait_ms > 0
            if self.now_ms + wait_ms > end_ms:
                self.now_ms = end_ms
                await self.watch.look(self.now_ms)
                return
            self.now_ms += wait_ms


@pytest.fixture
async def story(tmp_path):
    made = Story(tmp_path)
    await made.reload()
    made.read.clear()
    return made


async def test_a_changed_file_is_read_once_it_rested(story):
    story.write("second")
    await story.go(REST_MS - 1)
    assert story.read == []
    await story.go(1)
    assert story.read == ["second"]
    await story.go(60_000)
    assert story.read == ["second"]


async def test_a_file_that_is_only_touched_is_not_read(story):
    story.write("first")
    await story.go(60_000)
    assert story.read == []


async def test_writing_in_steps_ends_in_one_reading_and_writing_without_end_is_read_in_between(story):
    for step in range(4):
        story.write(f"step {step}")
        await story.go(REST_MS // 2)
    await story.go(REST_MS)
    assert story.read == ["step 3"]
    for step in range(4, 4 + 2 * PATIENCE_MS // REST_MS):
        story.write(f"step {step}")
        await story.go(REST_MS // 2)
    assert len(story.read) == 2


async def test_what_is_taken_back_before_it_rested_is_not_read(story):
    story.write("second")
    await story.go(REST_MS // 2)
    story.write("first")
    await story.go(60_000)
    assert story.read == []


async def test_a_broken_file_is_read_again_before_anybody_is_told_and_told_once(story):
    story.write("bad")
    await story.go(REST_MS)
    assert (story.read, story.told) == (["bad"], [])
    await story.go(DOUBT_MS)
    assert (story.read, story.told) == (["bad", "bad"], ["rules.yml:1:1: bad"])
    await story.go(600_000)
    assert len(story.read) == 2
    story.write("good")
    await story.go(REST_MS)
    assert (story.read[-1], len(story.told)) == ("good", 1)


async def test_a_half_written_file_that_is_whole_a_second_later_tells_nobody(story):
    story.write("bad")
    await story.go(REST_MS)
    story.write("whole")
    await story.go(60_000)
    assert (story.read, story.told) == (["bad", "whole"], [])


async def test_a_file_that_is_gone_between_two_renames_tells_nobody(story):
    story.path.unlink()
    await story.go(REST_MS + 100)
    story.write("back")
    await story.go(60_000)
    assert (story.read, story.told) == (["gone", "back"], [])


@pytest.mark.parametrize("lost", ["folder", "emptied"])
async def test_files_that_vanish_for_some_seconds_are_no_change_and_for_longer_they_are(story, lost):
    """A folder that is deleted and copied anew, or unmounted: its rules would take their alerts with them."""
    folder = story.path.parent / "more"
    folder.mkdir()
    (folder / "a.yml").write_text("some")
    await story.go(LOOK_MS + REST_MS)
    story.read.clear()
    for seconds, reads in ((8, 0), (60, 1)):
        if lost == "folder":
            folder.rename(folder.with_name("away"))
        else:
            (folder / "a.yml").write_text("")
        await story.go(seconds * 1000)
        assert len(story.read) == reads
        if lost == "folder":
            folder.with_name("away").rename(folder)
        else:
            (folder / "a.yml").write_text("some")
        await story.go(LOSS_MS)
        assert len(story.read) == 2 * reads


async def test_a_file_that_only_got_another_name_is_not_waited_for(story):
    folder = story.path.parent / "more"
    folder.mkdir()
    (folder / "a.yml").write_text("some")
    await story.go(LOOK_MS + REST_MS)
    (folder / "a.yml").rename(folder / "b.yml")
    story.read.clear()
    await story.go(LOOK_MS + REST_MS)
    assert story.read == ["first"]


async def test_while_less_and_less_is_there_it_is_read_in_the_end(story):
    folder = story.path.parent / "more"
    folder.mkdir()
    for number in range(60):
        (folder / f"{number}.yml").write_text(f"some {number}")
    await story.go(LOOK_MS + REST_MS)
    story.read.clear()
    for number in range(60):
        (folder / f"{number}.yml").unlink()
        await story.go(REST_MS - 100)
    assert story.read


async def test_a_broken_file_that_is_saved_again_and_again_is_told_of_all_the_same(story):
    for step in range(8):
        story.write("bad")
        await story.go(REST_MS)
        story.path.unlink()
        await story.go(REST_MS)
        assert step < 4 or story.told
    assert story.told


async def test_a_mended_file_is_read_although_it_is_as_it_was_at_first(story):
    """The agent still runs what it had; but it must say that the fault is over."""
    story.write("bad")
    await story.go(REST_MS + DOUBT_MS)
    story.write("first")
    await story.go(60_000)
    assert story.read == ["bad", "bad", "first"]


async def test_a_file_replaced_while_it_is_read_is_read_again(story):
    def replace() -> None:
        story.while_reading = lambda: None
        story.write("third")

    story.while_reading = replace
    story.write("second")
    await story.go(60_000)
    assert story.read == ["second", "third"]


async def test_what_somebody_asked_to_be_read_is_not_read_again(story):
    story.write("second")
    await story.reload()
    await story.go(60_000)
    assert story.read == ["second"]


async def test_nothing_is_read_where_the_setting_says_so_and_what_changed_is_when_it_allows_it_again(story):
    story.on = False
    story.write("second")
    await story.go(60_000)
    assert story.read == []
    story.on = True
    await story.go(LOOK_MS + REST_MS)
    assert story.read == ["second"]


async def test_a_clock_that_is_set_back_does_not_put_reading_off(story):
    story.write("bad")
    await story.go(REST_MS // 2)
    story.now_ms -= 86_400_000
    await story.go(REST_MS)
    assert story.read == ["bad"]
    story.now_ms -= 86_400_000
    await story.go(DOUBT_MS)
    assert story.told


@pytest.mark.parametrize("when", ["before", "while it was read", "after"])
async def test_files_that_only_the_reading_led_to_are_read_again_where_they_change_later(story, tmp_path, when):
    """A secret that a changed file names, say: naming it is no change of it."""
    secret, late = tmp_path / "secret", tmp_path / "more" / "late.yml"
    late.parent.mkdir()
    secret.write_text("s")

    def lead_there() -> None:
        story.while_reading = lambda: None
        story.sources |= Sources(frozenset({secret}))
        if when == "while it was read":
            late.write_text("appeared where a glob names it")

    story.while_reading = lead_there
    await story.reload()
    await story.watch.was_read()
    if when == "after":
        await story.go(1000)
        secret.write_text("t")
    await story.go(60_000)
    assert len(story.read) == (1 if when == "before" else 2)


@pytest.mark.parametrize("how", ["written", "renamed over", "new beside it", "link swapped"])
async def test_the_system_tells_of_what_happens_in_a_folder(tmp_path, how):
    """Real events of a real file system: the wait ends long before its time."""
    for version in ("v1", "v2"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "rules.yml").write_text(version)
    (tmp_path / "data").symlink_to("v1")
    path = tmp_path / "data" / "rules.yml"
    for number in range(100):
        (tmp_path / f"aside{number}").write_text("aside")
    events = FolderEvents()
    events.watch(folders_of(Sources(frozenset({path}))))

    async def happens() -> None:
        for number in range(100):
            await asyncio.sleep(0.1)  # nothing says when the system watches, so it happens again and again
            match how:
                case "written":
                    path.write_text(f"other {number}")
                case "renamed over":
                    (tmp_path / f"aside{number}").rename(path)
                case "new beside it":
                    path.with_name(f"new{number}.yml").write_text("new")
                case "link swapped":
                    (tmp_path / "next").symlink_to(f"v{2 - number % 2}")
                    (tmp_path / "next").rename(tmp_path / "data")

    happening = asyncio.create_task(happens())
    try:
        began = asyncio.get_running_loop().time()
        await events.wait(60)
        assert asyncio.get_running_loop().time() - began < 30
        assert events.works
    finally:
        happening.cancel()
        await events.stop()


async def test_the_loop_outlives_a_look_that_fails(story):
    """A bug, or a folder that may not be looked into, must not end the looking for good."""

    class Telling:
        works, waited = True, 0

        def watch(self, folders):
            if not self.waited:
                raise PermissionError("may not look")

        async def wait(self, seconds):
            self.waited += 1
            story.now_ms += int(seconds * 1000)
            await asyncio.sleep(0)

    telling = Telling()
    story.write("second")
    loop = asyncio.create_task(story.watch.run(telling, lambda: story.now_ms))
    while "second" not in story.read:
        assert telling.waited < 100
        await asyncio.sleep(0.001)  # the looking is done in threads
    loop.cancel()


async def test_a_folder_that_cannot_be_watched_is_said_and_left_to_looking(tmp_path):
    events = FolderEvents()
    events.watch(frozenset({tmp_path / "gone"}))
    for _ in range(3_000):
        await asyncio.sleep(0.01)  # the refusal comes from a thread
        if not events.works:
            break
    assert not events.works
    await events.stop()

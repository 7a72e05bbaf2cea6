"""Challenge files in the web server's folder: whole, readable, gone afterwards, and never anything else."""

from __future__ import annotations

import os
import stat
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from acme_companion.act.challenges.http01 import responding
from acme_companion.decide.problems import NotYet
from acme_companion.decide.settings import Http01
from tests.act.acme_world import RealClock
from tests.act.store_faults import disk_in_memory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOKEN = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
CONTENT = f"{TOKEN}.9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"


@pytest.fixture(params=[0o000, 0o077], ids=["umask 000", "umask 077"])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def at(folder: Path) -> Http01:
    return Http01(webroot=str(folder))


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


@pytest.mark.usefixtures("umask")
async def test_file_is_there_while_presented(tmp_path: Path) -> None:
    """Readable for a web server of another user, whatever our umask."""
    async with responding(at(tmp_path), RealClock()) as responder:
        responder.present(TOKEN, CONTENT)
        path = tmp_path / TOKEN
        assert path.read_text() == CONTENT
        assert stat.S_IMODE(path.stat().st_mode) == 0o644
        assert names_in(tmp_path) == [TOKEN]

        responder.clean_up(TOKEN)
        assert names_in(tmp_path) == []


async def test_nothing_is_left_at_the_end(tmp_path: Path) -> None:
    """Files that nobody cleaned up go when the block ends; those of others stay."""
    (tmp_path / "robots.txt").write_text("")
    async with responding(at(tmp_path), RealClock()) as responder:
        responder.present(TOKEN, CONTENT)

    assert names_in(tmp_path) == ["robots.txt"]


async def test_clean_up_works_without_a_file(tmp_path: Path) -> None:
    async with responding(at(tmp_path), RealClock()) as responder:
        responder.clean_up(TOKEN)


@pytest.mark.parametrize(
    "token", ["../escape-from-the-folder", "short", "a" * 129, "with/slash/inside/it", ".hidden" * 4]
)
async def test_token_that_is_no_file_name(tmp_path: Path, token: str) -> None:
    """The last line of defence: the folder is never left."""
    async with responding(at(tmp_path), RealClock()) as responder:
        with pytest.raises(ValueError, match="not a challenge token"):
            responder.present(token, "x")

    assert names_in(tmp_path) == []


async def test_link_in_the_place_of_the_file_is_replaced(tmp_path: Path) -> None:
    """A link that somebody planted is replaced and not followed."""
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    folder = tmp_path / "webroot"
    folder.mkdir()
    (folder / TOKEN).symlink_to(victim)
    (folder / f".{TOKEN}.new").symlink_to(victim)
    async with responding(at(folder), RealClock()) as responder:
        responder.present(TOKEN, CONTENT)
        assert (folder / TOKEN).read_text() == CONTENT

    assert victim.read_text() == "untouched"


def old(path: Path, content: str, age: timedelta = timedelta(days=2)) -> None:
    path.write_text(content)
    then = RealClock().now().timestamp() - age.total_seconds()
    os.utime(path, (then, then))


async def test_left_overs_of_a_crash_are_swept(tmp_path: Path) -> None:
    """Only what is old, and ours by its name and by what is in it."""
    kept = {
        "young-key-authorization": lambda path: old(path, f"{path.name}.x", timedelta(hours=1)),
        "somebody-elses-old-file": lambda path: old(path, "something else"),
        "index.html": lambda path: old(path, "index.html."),
        "short": lambda path: old(path, "short."),
        "a-folder-with-a-long-name": lambda path: path.mkdir(),
    }
    for name, make in kept.items():
        make(tmp_path / name)
    old(tmp_path / TOKEN, CONTENT)
    old(tmp_path / f".{TOKEN}.new", "hal")
    old(tmp_path / "acme-companion-9jg46WB3rR", "a probe")

    async with responding(at(tmp_path), RealClock()):
        assert set(names_in(tmp_path)) == set(kept)


async def test_time_that_no_calendar_has() -> None:
    """A file from beyond the year 9999 is not ours to judge, and those beside it are still swept."""
    with disk_in_memory() as folder:
        odd = folder / "a-file-from-the-far-future"
        odd.write_text(f"{odd.name}.x")
        os.utime(odd, (10**12, 10**12))
        if odd.stat().st_mtime < 10**12:
            pytest.skip("this file system knows no such time")
        old(folder / TOKEN, CONTENT)

        async with responding(at(folder), RealClock()):
            assert names_in(folder) == [odd.name]


@pytest.mark.parametrize("kind", ["missing", "a symbolic link", "not a directory"])
async def test_folder_that_cannot_be_used(tmp_path: Path, kind: str) -> None:
    """Said before an order is placed, with the path and what to do."""
    folder = tmp_path / "webroot"
    if kind == "a symbolic link":
        folder.symlink_to(tmp_path)
    elif kind == "not a directory":
        folder.touch()
    with pytest.raises(NotYet, match=f"challenge folder {folder} .*: mount"):
        async with responding(at(folder), RealClock()):
            pass


async def test_folder_that_goes_away(tmp_path: Path) -> None:
    folder = tmp_path / "webroot"
    folder.mkdir()
    async with responding(at(folder), RealClock()) as responder:
        folder.rmdir()
        with pytest.raises(NotYet, match=f"challenge folder {folder} cannot be written .No such file"):
            responder.present(TOKEN, CONTENT)
        responder.clean_up(TOKEN)

"""A power cut, a full disk or a damaged file: the old generation or the new one, never a crash."""

import errno
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.service.store import Disk, Store, state_directory

STATE = Path("/state")
NAME = "timers.json"


class PowerCutError(Exception):
    """The machine is off: nothing catches this."""


class FakeFiles:
    """A disk whose power is cut, or that fails, at a chosen step."""

    def __init__(self) -> None:
        self.files: dict[Path, bytes] = {}
        self.steps = 0
        self.cut_at: int | None = None
        self.written = 0
        """Bytes of a file that are on the disk when the power is cut while it is written."""
        self.error: OSError | None = None

    def _step(self) -> bool:
        self.steps += 1
        if self.error is not None:
            raise self.error
        return self.cut_at is not None and self.steps > self.cut_at

    def read(self, path: Path) -> bytes:
        if path not in self.files:
            raise FileNotFoundError(errno.ENOENT, "no such file", str(path))
        return self.files[path]

    def write(self, path: Path, data: bytes) -> None:
        if self._step():
            self.files[path] = data[: self.written]
            raise PowerCutError
        self.files[path] = data

    def replace(self, source: Path, target: Path) -> None:
        if self._step():
            raise PowerCutError
        if source not in self.files:
            raise FileNotFoundError(errno.ENOENT, "no such file", str(source))
        self.files[target] = self.files.pop(source)

    def sync(self, directory: Path) -> None:
        if self._step():
            raise PowerCutError


def loaded(files, directory: Path = STATE) -> tuple[bytes | None, list[str]]:
    store = Store(directory, NAME, files)
    return store.load(bytes), store.problems


def saved(*documents: bytes) -> FakeFiles:
    files = FakeFiles()
    store = Store(STATE, NAME, files)
    for document in documents:
        assert store.save(document)
    return files


@given(
    st.lists(st.binary(max_size=50), min_size=1, max_size=4),
    st.binary(max_size=50),
    st.integers(0, 3),
    st.integers(0, 200),
)
def test_power_cut_at_any_step_leaves_the_old_or_the_new(before, new, step, written):
    files = saved(*before)
    files.cut_at, files.written = files.steps + step, written
    with pytest.raises(PowerCutError):
        Store(STATE, NAME, files).save(new)
    found, problems = loaded(files)
    assert found in {before[-1], new}
    assert problems == []
    files.cut_at = None
    assert Store(STATE, NAME, files).save(b"next")
    assert loaded(files) == (b"next", [])


@given(st.binary(max_size=50), st.binary(max_size=50), st.data())
def test_a_file_that_was_cut_or_flipped_is_never_believed(old, new, data):
    files = saved(old, new)
    whole = files.files[STATE / NAME]
    if data.draw(st.booleans()):
        damaged = whole[: data.draw(st.integers(0, len(whole) - 1))]
    else:
        at = data.draw(st.integers(0, len(whole) - 1))
        damaged = whole[:at] + bytes([whole[at] ^ data.draw(st.integers(1, 255))]) + whole[at + 1 :]
    files.files[STATE / NAME] = damaged
    found, (problem,) = loaded(files)
    assert found == old
    assert "is damaged" in problem
    assert "the one before it is used" in problem


def test_a_damaged_generation_does_not_replace_the_good_one():
    files = saved(b"old", b"new")
    files.files[STATE / NAME] = b"garbage"
    store = Store(STATE, NAME, files)
    assert store.load(bytes) == b"old"
    files.cut_at = files.steps + 1
    with pytest.raises(PowerCutError):
        store.save(b"newest")
    assert loaded(files)[0] == b"old"


@given(st.binary(max_size=100), st.binary(max_size=100))
def test_two_damaged_generations_are_told_and_not_believed(current, before):
    files = FakeFiles()
    files.files = {STATE / NAME: current, (STATE / NAME).with_suffix(".before"): before}
    found, (problem,) = loaded(files)
    assert found is None
    assert "what was in it is lost" in problem


def test_a_document_that_cannot_be_decoded_counts_as_damaged():
    def decode(document: bytes) -> str:
        if document == b"new":
            raise ValueError("its version is 9, legal: 1")
        return document.decode()

    store = Store(STATE, NAME, saved(b"old", b"new"))
    assert store.load(decode) == "old"
    assert "its version is 9" in store.problems[0]


def test_nothing_kept_yet_is_no_problem():
    assert loaded(FakeFiles()) == (None, [])


def test_a_disk_that_fails_is_told_until_it_works_again():
    files = saved(b"old")
    store = Store(STATE, NAME, files)
    files.error = OSError(errno.ENOSPC, "No space left on device")
    assert not store.save(b"new")
    assert store.problems == [f"{STATE / NAME} cannot be written: No space left on device"]
    assert loaded(files)[0] == b"old"
    files.error = None
    assert store.save(b"new")
    assert store.problems == []


def test_on_a_real_disk(tmp_path):
    directory = tmp_path / "deep" / "state"
    store = Store(directory, NAME, Disk())
    assert store.load(bytes) is None
    for document in (b"one", b"two", b"three"):
        assert store.save(document)
    assert loaded(Disk(), directory) == (b"three", [])
    assert {path.name for path in directory.iterdir()} == {NAME, "timers.before"}
    assert (directory / NAME).stat().st_mode & 0o777 == 0o600


def test_a_directory_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("in the way")
    store = Store(tmp_path / "file", NAME, Disk())
    assert store.load(bytes) is None
    assert not store.save(b"new")
    assert "cannot be written" in store.problems[-1]


def test_without_a_directory_nothing_is_kept():
    store = Store(None, NAME, FakeFiles())
    assert not store.save(b"new")
    assert store.load(bytes) is None
    assert (store.kept, store.problems) == (False, [])


@pytest.mark.parametrize(
    ("configured", "environ", "found"),
    [
        (None, {}, None),
        (None, {"STATE_DIRECTORY": ""}, None),
        (None, {"STATE_DIRECTORY": "/var/lib/edge-agent"}, Path("/var/lib/edge-agent")),
        (None, {"STATE_DIRECTORY": "/var/lib/a:/var/lib/b"}, Path("/var/lib/a")),
        ("/data", {"STATE_DIRECTORY": "/var/lib/edge-agent"}, Path("/data")),
    ],
)
def test_the_configuration_comes_before_the_service_manager(configured, environ, found):
    assert state_directory(configured, environ) == found

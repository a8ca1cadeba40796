"""The service manager's protocol over real sockets, and the watchdog over a fake clock."""

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.service.notify import Notifier, Watchdog


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Manager:
    """The receiving end of systemd's protocol."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self.socket.settimeout(5)

    def received(self) -> list[str]:
        return self.socket.recv(4096).decode().split("\n")


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    path = tmp_path / "notify"
    address = str(path) if request.param == "path" else f"@edge-agent-test-{os.getpid()}"
    manager = Manager(address)
    yield manager
    manager.socket.close()


def test_each_message_arrives_as_systemd_spells_it(manager: Manager) -> None:
    notifier = Notifier(manager.address)
    assert notifier.ready("12 devices")
    assert manager.received() == ["READY=1", "STATUS=12 devices"]
    assert notifier.status("broker lost")
    assert manager.received() == ["STATUS=broker lost"]
    assert notifier.watchdog()
    assert manager.received() == ["WATCHDOG=1"]
    assert notifier.reloading(1_234_567)
    assert manager.received() == ["RELOADING=1", "MONOTONIC_USEC=1234567"]
    assert notifier.stopping()
    assert manager.received() == ["STOPPING=1"]
    assert notifier.extend_timeout(60_000_000)
    assert manager.received() == ["EXTEND_TIMEOUT_USEC=60000000"]


def test_status_text_stays_one_line_and_bounded(manager: Manager) -> None:
    notifier = Notifier(manager.address)
    notifier.status("lamp\nWATCHDOG=1\r\nMAINPID=1")
    assert manager.received() == ["STATUS=lamp WATCHDOG=1 MAINPID=1"]
    notifier.status("x" * 10_000)
    assert len(manager.received()[0]) < 600


def test_no_manager_is_a_quiet_no_op() -> None:
    assert not Notifier().ready("fine")
    assert not Notifier.from_environment({"NOTIFY_SOCKET": ""}, pid=1).watchdog()


def test_unreachable_manager_does_not_raise(tmp_path: Path) -> None:
    assert not Notifier(str(tmp_path / "gone")).watchdog()
    assert not Notifier("x" * 300).watchdog()
    assert not Notifier("a\0b").watchdog()


def test_manager_with_a_full_queue_does_not_block(manager: Manager) -> None:
    notifier = Notifier(manager.address)
    for _ in range(10_000):
        if not notifier.watchdog():
            break
    else:
        pytest.fail("the queue never filled")
    assert manager.received() == ["WATCHDOG=1"]
    assert notifier.watchdog()


@pytest.mark.parametrize(
    ("environ", "interval"),
    [
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7"}, 30.0),
        ({"WATCHDOG_USEC": "500000"}, 0.5),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "8"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "-1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_watchdog_interval_is_for_this_process_only(
    environ: dict[str, str], interval: float | None
) -> None:
    assert Notifier.from_environment(environ, pid=7).watchdog_interval == interval


def test_busy_worker_without_progress_is_stuck_after_the_limit() -> None:
    clock = Clock()
    watchdog = Watchdog(10, clock)
    watchdog.busy("decode")
    clock.now += 10
    assert watchdog.stuck() == ()
    clock.now += 0.1
    assert watchdog.stuck() == ("decode",)


def test_a_beat_gives_a_busy_worker_the_whole_limit_again() -> None:
    clock = Clock()
    watchdog = Watchdog(10, clock)
    watchdog.busy("decode")
    for _ in range(5):
        clock.now += 9
        watchdog.beat("decode")
    assert watchdog.stuck() == ()
    clock.now += 11
    assert watchdog.stuck() == ("decode",)


def test_idle_workers_are_exempt_whatever_they_did_before() -> None:
    clock = Clock()
    watchdog = Watchdog(10, clock)
    watchdog.busy("decode")
    watchdog.idle("decode")
    watchdog.beat("decode")
    watchdog.idle("never seen")
    clock.now += 1_000
    assert watchdog.stuck() == ()


def test_work_may_have_begun_before_it_was_reported() -> None:
    clock = Clock()
    watchdog = Watchdog(10, clock)
    watchdog.busy("decode", since=clock.now - 11)
    watchdog.busy("audio", since=clock.now - 12)
    watchdog.busy("store")
    assert watchdog.stuck() == ("audio", "decode")


def test_workers_report_from_other_threads_while_being_judged() -> None:
    watchdog = Watchdog(3600, Clock())

    def work(number: int) -> None:
        for turn in range(2_000):
            watchdog.busy(f"{number}-{turn}")
            watchdog.beat(f"{number}-{turn}")
            watchdog.idle(f"{number}-{turn}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert watchdog.stuck() == ()
    for thread in threads:
        thread.join()

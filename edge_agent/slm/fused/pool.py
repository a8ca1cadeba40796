"""Threads that lend a hand with a program, and sleep while there is nothing to do.

How they share the work and when they sleep is step.c's; here they begin and end.
"""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

Program: TypeAlias = Callable[[int, int], None]
"""(address of the control block, worker's number) -> when the work is done."""

LEAVE, ABOUT = -1, -2
"""Workers' numbers: the one sends all others away, the other only learns about the processor."""


def run_workers(
    program: Callable[[int, int], None], control: int, threads: int
) -> Callable[[], None]:
    """Starts all workers but the first, who is the caller; returns what ends them.

    A process that was forked has none of them and goes on alone.
    """
    workers = [
        threading.Thread(
            target=program, args=(control, number), name=f"edge-agent-{number}", daemon=True
        )
        for number in range(1, threads)
    ]
    for worker in workers:
        worker.start()
    born = os.getpid()

    def end() -> None:
        if os.getpid() == born:
            program(control, LEAVE)
            for worker in workers:
                worker.join()

    return end


def physical_cores(topology: Path = Path("/sys/devices/system/cpu")) -> int:
    """Cores that this process may use; two threads of one core count once."""
    found = set()
    for cpu in os.sched_getaffinity(0):
        path = topology / f"cpu{cpu}/topology/thread_siblings_list"
        try:
            found.add(path.read_text())
        except OSError:
            found.add(str(cpu))
    return len(found)

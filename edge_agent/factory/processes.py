"""Work spread over processes. It does not know what the work is."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import TypeVar

from edge_agent.errors import FactoryError

_Job = TypeVar("_Job")
_Result = TypeVar("_Result")


def spread(
    work: Callable[[_Job], _Result], jobs: Sequence[_Job], processes: int
) -> Iterator[tuple[_Job, _Result]]:
    """Each job with what came of it, in the order in which they are done.

    Args:
        work: A function of a module; other processes get it, and the jobs, pickled.
        jobs: What it is called with.
        processes: How many at once; 1 works here.

    Raises:
        FactoryError: A process was killed, mostly for want of memory; what is done stays.
    """
    if processes <= 1 or len(jobs) <= 1:
        for job in jobs:
            yield job, work(job)
        return
    # Forked processes would inherit the threads of PyTorch, which do not survive that.
    with ProcessPoolExecutor(min(processes, len(jobs)), get_context("spawn")) as pool:
        running = {pool.submit(work, job): job for job in jobs}
        try:
            for done in as_completed(running):
                yield running[done], done.result()
        except BrokenProcessPool as error:
            raise FactoryError(
                f"one of {processes} processes was killed, perhaps for want of memory; "
                "start again, with fewer --threads, and it goes on"
            ) from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

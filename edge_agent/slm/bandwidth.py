"""How fast this machine reads memory: the bound of decoding, which reads every weight."""

import threading
import time

import numpy as np
from numpy.typing import NDArray

_BYTES = 256 << 20  # more than any cache holds
_TRIES = 3


def read_bandwidth(threads: int) -> float:
    """Bytes a second at which so many threads read memory from end to end; the best of three."""
    memory = np.ones(_BYTES // 8, np.uint64)
    parts = np.array_split(memory, threads)

    def read(part: NDArray[np.uint64]) -> None:
        np.bitwise_or.reduce(part)

    best = 0.0
    for _ in range(_TRIES):
        workers = [threading.Thread(target=read, args=(part,)) for part in parts]
        started = time.perf_counter()
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        best = max(best, _BYTES / (time.perf_counter() - started))
    return best

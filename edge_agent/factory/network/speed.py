"""Settings of the process that make training quick on a processor; none of them changes a result.

It does not know networks.
"""

import ctypes
import sys

import torch

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4  # malloc.h of glibc


def keep_memory() -> bool:
    """Makes malloc keep and reuse large blocks; False where there is no glibc.

    By default each activation of more than 32 MiB is mapped and unmapped again; the page faults
    take longer than the matrix products between them.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    wanted = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, -1), (_TOP_PAD, 1 << 28))
    done = [mallopt(ctypes.c_int(key), ctypes.c_int(value)) for key, value in wanted]
    return all(done)


def number_type(device: torch.device) -> torch.dtype:
    """What matrices are multiplied in: bfloat16 where the hardware has it, else float32."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    # Without these tiles a processor emulates bfloat16, ten times slower than float32.
    return torch.bfloat16 if torch.cpu._is_amx_tile_supported() else torch.float32  # noqa: SLF001


def pick_device(name: str | None) -> torch.device:
    """The device of that name; CUDA where there is one and no name is given."""
    return torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))

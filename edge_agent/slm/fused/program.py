"""step.c, compiled and loaded by tinygrad's own runtime.

The one module that touches tinygrad's interface for programs from source, which is young: tinygrad
is pinned exactly. It does not know what the program computes.
"""

import ctypes
from functools import lru_cache
from pathlib import Path

from tinygrad import Device, UOp
from tinygrad.codegen import to_program
from tinygrad.engine.realize import get_runtime
from tinygrad.renderer import Estimates
from tinygrad.uop.ops import KernelInfo, Ops

from edge_agent.slm.fused.pool import Program
from edge_agent.slm.runtime import tinygrad_session

_SOURCE = Path(__file__).with_name("step.c")
_NAME = "edge_agent_step"


@lru_cache(maxsize=1)
def load_program() -> Program:
    """The compiled step: called with the address of its control block and a worker's number.

    Other threads run while it does.

    Raises:
        ModelError: There is no compiler, and nothing that was compiled before.
    """
    with tinygrad_session():
        sink = UOp.sink(arg=KernelInfo(name=_NAME, estimates=Estimates()))
        source = UOp(Ops.SOURCE, arg=_SOURCE.read_text())
        linear = UOp(Ops.LINEAR, src=(*sink.src, sink))
        program = to_program(UOp(Ops.PROGRAM, src=(sink, linear, source)), Device["CPU"].renderer)
        runtime = get_runtime("CPU", program)

    def call(control: int, worker: int) -> None:
        runtime.fxn(ctypes.c_uint64(control), ctypes.c_uint64(worker))

    return call

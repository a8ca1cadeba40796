import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_agent.errors import ModelError
from edge_agent.slm.runtime import tinygrad_session

SCRIPT = """
import sys
from pathlib import Path
from edge_agent.errors import ModelError
from edge_agent.slm.model import load_model
try:
    print(load_model(Path(sys.argv[1]), n_ctx=64).decoder().generate([1, 40, 5], max_tokens=3))
except ModelError as error:
    print("ModelError", error)
"""


@pytest.fixture
def run(tmp_path: Path, tiny: Callable) -> Callable[..., str]:
    """Runs a few tokens in a process of its own, with its own kernel cache."""
    path = tmp_path / "tiny.gguf"
    path.write_bytes(tiny()[0])

    def start(cache: Path, search: str) -> str:
        return subprocess.run(
            [sys.executable, "-c", SCRIPT, str(path)],
            env={"CACHEDB": str(cache), "PATH": search, "PYTHONPATH": str(Path.cwd())},
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        ).stdout.strip()

    return start


def test_whatever_tinygrad_raises_is_a_model_error() -> None:
    with pytest.raises(ModelError, match="tinygrad failed: ZeroDivisionError"), tinygrad_session():
        _ = 1 / 0


def test_a_warm_cache_needs_no_compiler_and_a_damaged_one_only_costs_time(
    tmp_path: Path, run: Callable[..., str]
) -> None:
    cache = tmp_path / "cache" / "kernels.db"
    empty = tmp_path / "bin"
    empty.mkdir()
    assert "clang is missing" in run(cache, str(empty)).replace("'", "")
    tokens = run(cache, "/usr/bin:/bin")
    assert tokens.startswith("[")
    assert run(cache, str(empty)) == tokens
    cache.write_bytes(b"no database at all" * 100)
    assert run(cache, "/usr/bin:/bin") == tokens


def test_an_unusable_cache_folder_only_costs_time(tmp_path: Path, run: Callable[..., str]) -> None:
    (tmp_path / "file").write_text("in the way")
    assert run(tmp_path / "file" / "kernels.db", "/usr/bin:/bin").startswith("[")

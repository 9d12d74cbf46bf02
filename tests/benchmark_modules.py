"""The modules of ``benchmarks/``, which are scripts beside one another, for tests."""

from __future__ import annotations

import contextlib
import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@contextlib.contextmanager
def benchmark(name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A script of the benchmarks as a module; afterwards it is forgotten, with those that it imported."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    known = set(sys.modules)
    try:
        yield importlib.import_module(name)
    finally:
        for new in set(sys.modules) - known:
            if Path(getattr(sys.modules[new], "__file__", None) or "/").parent == BENCHMARKS:
                del sys.modules[new]

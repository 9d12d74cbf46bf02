"""What a number was measured with."""

from __future__ import annotations

import contextlib
import os
import platform
import sqlite3
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from sb3_hpo import __version__
from sb3_hpo.processes import usable_cores

if TYPE_CHECKING:
    from collections.abc import Iterator

_PACKAGES = ("optuna", "SQLAlchemy", "psycopg", "grpcio", "torch", "stable-baselines3", "rl_zoo3", "numpy")


def machine() -> dict[str, object]:
    """Versions, cores, processor, and what else the machine does now."""
    return {
        "versions": {"sb3-hpo": __version__, "python": platform.python_version(), "sqlite": sqlite3.sqlite_version}
        | dict(_installed()),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processor": _processor(),
        "cores": usable_cores(),
        "measured_on": time.strftime("%Y-%m-%d"),
    }


def _installed() -> Iterator[tuple[str, str]]:
    for package in _PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            yield package, version(package)


def load() -> float:
    """Processes that wanted a core in the last minute, on average."""
    return round(os.getloadavg()[0], 1)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()

"""Hyperparameter tuning for Stable-Baselines3 whose result holds when it is trained again.

Importing this package has no side effect and imports neither torch nor rl_zoo3: the public names below are
loaded when they are first used. Importing :mod:`sb3_hpo.plugin` is what turns the plugin on.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from sb3_hpo._version import __version__

if TYPE_CHECKING:
    from sb3_hpo.algorithms import Algorithm
    from sb3_hpo.callbacks import TrialEvalCallback
    from sb3_hpo.objective import Objective
    from sb3_hpo.parameter import Parameter
    from sb3_hpo.search_space import SearchSpace
    from sb3_hpo.settings import TuningSettings

__all__ = [
    "Algorithm",
    "Objective",
    "Parameter",
    "SearchSpace",
    "TrialEvalCallback",
    "TuningSettings",
    "__version__",
]

_MODULE_OF = {
    "Algorithm": "algorithms",
    "Objective": "objective",
    "Parameter": "parameter",
    "SearchSpace": "search_space",
    "TrialEvalCallback": "callbacks",
    "TuningSettings": "settings",
}


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)

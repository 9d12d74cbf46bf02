"""Attributes of a trial that a person reads, in optuna-dashboard for instance: seeds, steps, seconds, reasons."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import optuna

from sb3_hpo.promotion import CONTINUES
from sb3_hpo.transforms import LINEAR_PREFIX
from sb3_hpo.trial_attributes import (
    ENVIRONMENT_STEPS,
    REASON,
    SEEDS,
    STOPPED_TRAINING,
    TAKEN_OVER_FROM,
    TRAINING_SECONDS,
    UNAFFORDABLE,
    own_timesteps,
)


@contextlib.contextmanager
def summarized(trial: optuna.Trial, runs: Sequence[Mapping[str, Any]]) -> Iterator[None]:
    """Write down what became of a trial when its trainings end, however they do.

    :param runs: its attribute ``runs``, which fills meanwhile
    """
    why_pruned: list[str] = []
    try:
        yield
    except optuna.TrialPruned as pruned:
        why_pruned = [str(pruned)]
        raise
    finally:
        stopped = trial.user_attrs.get(STOPPED_TRAINING)
        for key, value in summary(runs, trial.user_attrs.get(CONTINUES), why_pruned, stopped).items():
            trial.set_user_attr(key, value)


def summary(
    runs: Sequence[Mapping[str, Any]],
    continues: int | None = None,
    why_pruned: Sequence[str] = (),
    stopped: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The attributes, by name.

    :param continues: number of the trial that this one goes on with; None for none
    :param why_pruned: why it was ended; empty for one that was not
    :param stopped: a training on a further seed that was stopped; None for none
    """
    paid = [run for run in (*runs, *([] if stopped is None else [stopped])) if TAKEN_OVER_FROM not in run]
    reasons = [*(_came_from(run, continues) for run in runs if "resumed_at" in run), *why_pruned]
    reasons += [f"seed {run['seed']} stopped early: {run['stopped_early']}" for run in runs if "stopped_early" in run]
    reasons += [f"seed {r['seed']} as trial {r[TAKEN_OVER_FROM]} trained it" for r in runs if TAKEN_OVER_FROM in r]
    reasons += [run[UNAFFORDABLE] for run in runs if UNAFFORDABLE in run]
    if stopped is not None:
        after = f"after {stopped.get('n_timesteps', 0):,} environment steps"
        reasons.append(f"a training on the further seed {stopped['seed']} was stopped {after}, and does not count")
    about = {
        SEEDS: [run["seed"] for run in runs],
        ENVIRONMENT_STEPS: sum(map(own_timesteps, paid)),
        TRAINING_SECONDS: round(sum(run.get("seconds", 0.0) for run in paid), 3),
    }
    return {**about, **({REASON: "; ".join(reasons)} if reasons else {})}


def flat(hyperparams: Mapping[str, Any], prefix: str = "") -> dict[str, bool | int | float | str]:
    """Hyperparameters as single values: nested ones by dotted names, lists and None as text.

    A value that falls to zero during the training, ``lin_0.001`` in the zoo's notation, stays a number, so that it is
    sorted with the others; that it falls is told beside it.
    """
    found: dict[str, bool | int | float | str] = {}
    for key, value in hyperparams.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            found |= flat(value, f"{name}.")
        elif isinstance(value, str) and value.startswith(LINEAR_PREFIX):
            found |= {name: float(value.removeprefix(LINEAR_PREFIX)), f"{name}.schedule": "linear"}
        else:
            found[name] = value if isinstance(value, (bool, int, float, str)) else str(value)
    return found


def in_lines(hyperparams: Mapping[str, Any]) -> str:
    """Hyperparameters as a person reads them, one on each line, numbers with four digits."""
    values = {name: f"{value:.4g}" if isinstance(value, float) else value for name, value in flat(hyperparams).items()}
    return "\n".join(f"{name}: {value}" for name, value in values.items())


def _came_from(run: Mapping[str, Any], continues: int | None) -> str:
    return f"went on with trial {continues} after {run['resumed_at']:,} environment steps"

"""Studies for reports: of any size, with the attributes that sb3-hpo leaves, made without training anything."""

from __future__ import annotations

import dataclasses
import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

from sb3_hpo.commands import Command
from sb3_hpo.promotion import CONTINUES, PAUSED, RUNG
from sb3_hpo.settings import TuningSettings
from sb3_hpo.study import STEP
from sb3_hpo.study_description import DESCRIPTION, VALIDATION_SUFFIX, StudyDescription
from sb3_hpo.trial_attributes import COMMAND, COSTLY, FAILURE, N_TIMESTEPS, RUNS, SECONDS_BY_PART, WORKER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

N_TIMESTEPS_PLANNED = 2_000
EVAL_FREQ = 100
START = datetime.datetime(2026, 1, 1, 12)

DISTRIBUTIONS = {
    "learning_rate": FloatDistribution(1e-5, 1e-1, log=True),
    "batch_size_pow": IntDistribution(4, 9),
    "exploration_fraction": FloatDistribution(0.0, 0.5),
    "train_freq": IntDistribution(1, 256, log=True),
    "net_arch": CategoricalDistribution(["small", "medium", "big"]),
    "lr_schedule": CategoricalDistribution([None, "linear"]),
}

DESCRIBED = StudyDescription(
    algo="dqn",
    env="CartPole-v1",
    configuration={"n_timesteps": N_TIMESTEPS_PLANNED, "policy": "MlpPolicy"},
    seed=3,
    tuning_seeds=[11],
    n_timesteps=N_TIMESTEPS_PLANNED,
    n_evaluations=20,
    n_eval_episodes=5,
    n_eval_envs=5,
    arguments={},
    search_space=None,
    score="mean-last",
    aggregate="iqm",
    stop_at=None,
    stop_after=3,
    no_improvement=None,
    version="0.1.0",
    command="sb3-hpo tune --env CartPole-v1",
    versions={"python": "3.11", "optuna": "5.0.0"},
    environment={},
)


def new_study(
    name: str = "reported", storage: BaseStorage | None = None, settings: Mapping[str, Any] | None = None
) -> optuna.Study:
    """An empty study as ``sb3-hpo tune`` makes it, in memory unless told otherwise."""
    study = optuna.create_study(
        study_name=name, direction="maximize", storage=storage or optuna.storages.InMemoryStorage()
    )
    study.set_user_attr(STEP, "environment steps")
    study.set_user_attr(DESCRIPTION, dataclasses.asdict(DESCRIBED))
    Command.begin(study, TuningSettings(n_trials=30, **(settings or {})))
    return study


def add_trials(study: optuna.Study, outcomes: Sequence[str], seed: int = 0, worker: str = "node") -> None:
    """Trials that came to these ends, one after the other; half of those that paused go on until they are complete.

    :param outcomes: ``complete``, ``paused``, ``went on``, ``pruned``, ``costly``, ``failed``, ``interrupted``,
        ``running``, ``waiting``
    """
    generator = np.random.default_rng(seed)
    command = study.user_attrs["command"]
    trials: list[FrozenTrial] = []
    for outcome in outcomes:
        params = {name: _draw(distribution, generator) for name, distribution in DISTRIBUTIONS.items()}
        trials.append(trial_of(outcome, params, len(trials), command, worker))
        if outcome == "went on":
            number = len(trials) - 1
            trials.append(trial_of("complete", params, len(trials), command, worker, continues=number))
    study.add_trials(trials)


def trial_of(
    outcome: str,
    params: Mapping[str, Any],
    number: int,
    command: str,
    worker: str = "node",
    continues: int | None = None,
) -> FrozenTrial:
    """A trial that came to an end; the learning curve follows from its learning rate."""
    share = {"complete": 1.0, "running": 0.2, "waiting": 0.0}.get(outcome, 0.25)
    steps = list(range(EVAL_FREQ, int(share * N_TIMESTEPS_PLANNED) + 1, EVAL_FREQ))
    level = 200.0 - 40.0 * abs(np.log10(params["learning_rate"]) + 3.0)
    curve = [float(level * step / N_TIMESTEPS_PLANNED) for step in steps]
    state = {"complete": TrialState.COMPLETE, "running": TrialState.RUNNING, "waiting": TrialState.WAITING}.get(
        outcome, TrialState.FAIL if outcome in ("failed", "interrupted") else TrialState.PRUNED
    )
    begun = START + datetime.timedelta(seconds=30 * number)
    resumed = 0 if continues is None else 500
    run = {
        "seed": 11,
        "n_timesteps": steps[-1] if steps else 0,
        "resumed_at": resumed,
        "timesteps": steps,
        "returns": [[value - 1.0, value + 1.0] for value in curve],
        "seconds": 20.0,
        SECONDS_BY_PART: {"environment": 12.0, "gradient steps": 6.0, "evaluation": 1.5, "storage": 0.5},
    }
    if outcome == "costly":
        run[COSTLY] = "99 s until evaluation 3, 9.9 times the median of the others (--max-trial-cost)"
    attributes: dict[str, Any] = {COMMAND: command, WORKER: {"host": worker, "pid": 100 + number % 2}}
    if state.is_finished():
        attributes[RUNS] = [run]
    if outcome in ("failed", "interrupted"):
        attributes[FAILURE] = "OSError: broken" if outcome == "failed" else "TrialInterruptedError: stopped"
    if continues is not None:
        attributes |= {CONTINUES: continues, RUNG: 4}
    trial = create_trial(
        state=state,
        value=curve[-1] if outcome == "complete" else None,
        params={} if outcome == "waiting" else dict(params),
        distributions={} if outcome == "waiting" else DISTRIBUTIONS,
        user_attrs=attributes,
        system_attrs={PAUSED: 2} if outcome in ("paused", "went on") else {},
        intermediate_values=dict(zip(steps, curve, strict=True)),
    )
    trial.datetime_start = None if outcome == "waiting" else begun
    trial.datetime_complete = begun + datetime.timedelta(seconds=25) if state.is_finished() else None
    return trial


def add_validation(storage: BaseStorage, name: str, scores: Sequence[float]) -> optuna.Study:
    """The validation study of a study, with one training for each score."""
    study = optuna.create_study(study_name=name + VALIDATION_SUFFIX, direction="maximize", storage=storage)
    for number, score in enumerate(scores):
        trial = create_trial(
            value=score, user_attrs={N_TIMESTEPS: N_TIMESTEPS_PLANNED, WORKER: {"host": "node", "pid": 100}}
        )
        trial.datetime_start = START + datetime.timedelta(hours=1, seconds=40 * number)
        trial.datetime_complete = trial.datetime_start + datetime.timedelta(seconds=30)
        study.add_trial(trial)
    return study


def _draw(distribution: Any, generator: np.random.Generator) -> Any:
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[int(generator.integers(len(distribution.choices)))]
    low, high = distribution.low, distribution.high
    value = np.exp(generator.uniform(np.log(low), np.log(high))) if distribution.log else generator.uniform(low, high)
    return int(np.clip(round(value), low, high)) if isinstance(distribution, IntDistribution) else float(value)

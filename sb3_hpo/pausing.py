"""Trainings that pause and go on: from one trial to the one that continues it.

A training that goes on begins a new episode, with random numbers of its own that follow from its seed and from where it
paused. So it comes out the same whichever worker goes on with it, and when it is replayed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sb3_hpo.promotion import CONTINUES
from sb3_hpo.seeds import evaluation_seed, resume_seed
from sb3_hpo.trial_attributes import HYPERPARAMS, RUNS, SECONDS_AT

if TYPE_CHECKING:
    from collections.abc import Mapping

    import optuna
    from stable_baselines3.common.base_class import BaseAlgorithm

    from sb3_hpo.checkpoints import Checkpoints
    from sb3_hpo.task import Training


def begin(
    trial: optuna.Trial, training: Training, run: dict[str, Any], checkpoints: Checkpoints | None
) -> BaseAlgorithm:
    """The model that a trial trains: a new one, or that of the trial which it continues.

    :param run: the training, as the trial's attribute ``runs`` has it; where it goes on, what it has learned so far is
        added
    """
    number = trial.user_attrs.get(CONTINUES)
    earlier = None if number is None or checkpoints is None else _run_of(trial.study, number, run["seed"])
    if earlier is None or number is None or checkpoints is None:
        return training.create_model(run["seed"])
    seed = resume_seed(run["seed"], earlier["n_timesteps"])
    about = _about(trial.user_attrs, earlier)
    model = checkpoints.restore(number, training, about, seed)
    if model is None:
        return training.create_model(run["seed"])
    run["eval_env_seed"] = evaluation_seed(seed)
    run["resumed_at"] = model.num_timesteps
    run["timesteps"] = list(earlier["timesteps"])
    run["returns"] = list(earlier["returns"])
    run[SECONDS_AT] = list(earlier.get(SECONDS_AT, []))
    return model


def pause(
    trial: optuna.Trial, training: Training, model: BaseAlgorithm, run: Mapping[str, Any], checkpoints: Checkpoints
) -> None:
    """Keep a training that pauses, and drop what it went on from: nothing goes on from there again."""
    if checkpoints.keep(trial.number, training, model, _about(trial.user_attrs, run)):
        drop_earlier(trial, checkpoints)


def drop_earlier(trial: optuna.Trial, checkpoints: Checkpoints) -> None:
    """Drop what a trial went on from, once nothing goes on from there again."""
    number = trial.user_attrs.get(CONTINUES)
    if number is not None:
        checkpoints.drop(number)


def _run_of(study: optuna.Study, number: int, seed: int) -> dict[str, Any] | None:
    runs = study.get_trials(deepcopy=False)[number].user_attrs.get(RUNS) or [{}]
    return runs[0] if runs[0].get("seed") == seed else None


def _about(attributes: Mapping[str, Any], run: Mapping[str, Any]) -> dict[str, Any]:
    return {HYPERPARAMS: attributes[HYPERPARAMS], "seed": run["seed"], "n_timesteps": run["n_timesteps"]}

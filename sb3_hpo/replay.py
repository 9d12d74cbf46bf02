"""Train a trial again as the search did, and compare every return with what the study has."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, cast

import optuna

from sb3_hpo._version import __version__
from sb3_hpo.errors import UserError
from sb3_hpo.objective import HYPERPARAMS, RUNS, Objective
from sb3_hpo.settings import TuningSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optuna.trial import FrozenTrial

    from sb3_hpo.search_space import SearchSpace
    from sb3_hpo.study import StudyDescription
    from sb3_hpo.task import Task


@dataclasses.dataclass(frozen=True)
class Replay:
    """What came of it.

    :param lines: what to tell
    :param is_same: whether every return that the study has came again, to the last digit; True with another seed
    """

    lines: list[str]
    is_same: bool


def replay_trial(
    task: Task, space: SearchSpace, description: StudyDescription, trial: FrozenTrial, seed: int | None = None
) -> Replay:
    """Train a trial again with the objective of the search, on the seeds of its trainings or on another one.

    A trial that was pruned is trained to its end; what the study has of it is compared.

    :param space: the search space of the study
    :param seed: training seed to take instead, with nothing to compare
    :raises UserError: if the trial has no evaluation to compare with
    """
    recorded: list[Mapping[str, Any]] = [run for run in trial.user_attrs.get(RUNS, []) if run.get("returns")]
    if not recorded and seed is None:
        raise UserError(f"trial {trial.number} has no evaluation to compare with: give --seed to train it all the same")
    seeds = [run["seed"] for run in recorded] if seed is None else [seed]
    again = optuna.trial.FixedTrial(trial.params, number=trial.number)
    score = Objective(task, space, replay_settings(description, len(seeds)), seeds)(cast("optuna.Trial", again))
    runs = again.user_attrs[RUNS]
    if seed is not None:
        return Replay([f"seed {seed}: score {score:.1f}, mean returns {_means(runs[0]['returns'])}"], is_same=True)
    differences = [_first_difference(before, now) for before, now in zip(recorded, runs, strict=True)]
    if again.user_attrs[HYPERPARAMS] != trial.user_attrs[HYPERPARAMS]:
        differences[0] = f"the trial had the hyperparameters {trial.user_attrs[HYPERPARAMS]}, it now has others"
    lines = [_line(run, difference) for run, difference in zip(recorded, differences, strict=True)]
    is_same = not any(differences)
    if not is_same:
        lines.append(_explanation(description))
    return Replay(lines, is_same)


def replay_settings(description: StudyDescription, n_seeds: int) -> TuningSettings:
    """Settings with which an objective trains as the study's did, but prunes nothing."""
    return TuningSettings(
        pruner="none",
        n_seeds=n_seeds,
        n_evaluations=description.n_evaluations,
        n_eval_episodes=description.n_eval_episodes,
        n_eval_envs=description.n_eval_envs,
        score=description.score,
        aggregate=description.aggregate,
        stop_at=description.stop_at,
        stop_after=description.stop_after,
        no_improvement=description.no_improvement,
    )


def _line(run: Mapping[str, Any], difference: str | None) -> str:
    n_returns = sum(map(len, run["returns"]))
    outcome = f"all {n_returns} returns are the same to the last digit" if difference is None else difference
    return f"seed {run['seed']}: {outcome}"


def _explanation(description: StudyDescription) -> str:
    return (
        f"The study was made by sb3-hpo {description.version}, this is {__version__}. Another version of a package, "
        "another kind of processor, or a GPU changes the last digits, which training then amplifies."
    )


def _means(returns: Sequence[Sequence[float]]) -> str:
    return ", ".join(f"{sum(episodes) / len(episodes):.1f}" for episodes in returns)


def _first_difference(recorded: Mapping[str, Any], again: Mapping[str, Any]) -> str | None:
    for step, before, now in zip(recorded["timesteps"], recorded["returns"], again["returns"], strict=False):
        if before != now:
            return f"the evaluation after {step} environment steps had the returns {before}, it now has {now}"
    if len(again["returns"]) < len(recorded["returns"]):
        return f"{len(recorded['returns'])} evaluations became {len(again['returns'])}"
    return None

"""Train a trial again as the search did, and compare every return with what the study has."""

from __future__ import annotations

import dataclasses
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna

from sb3_hpo._version import __version__
from sb3_hpo.checkpoints import Checkpoints
from sb3_hpo.errors import UserError
from sb3_hpo.objective import Objective
from sb3_hpo.promotion import CONTINUES, RUNG, PausingPruner, Rungs
from sb3_hpo.settings import TuningSettings
from sb3_hpo.trial_attributes import FINAL_RETURNS, HYPERPARAMS, RUNS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optuna.trial import FrozenTrial

    from sb3_hpo.search_space import SearchSpace
    from sb3_hpo.study_description import StudyDescription
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
    task: Task,
    space: SearchSpace,
    description: StudyDescription,
    trial: FrozenTrial,
    seed: int | None = None,
    trials: Sequence[FrozenTrial] = (),
) -> Replay:
    """Train a trial again with the objective of the search, on the seeds of its trainings or on another one.

    A trial that was pruned is trained to its end; what the study has of it is compared. One that went on with others
    pauses where those did.

    :param space: the search space of the study
    :param seed: training seed to take instead, with nothing to compare
    :param trials: all trials of the study; needed for one that went on with another
    :raises UserError: if the trial has no evaluation to compare with
    """
    recorded: list[Mapping[str, Any]] = [run for run in trial.user_attrs.get(RUNS, []) if run.get("returns")]
    if not recorded and seed is None:
        raise UserError(f"trial {trial.number} has no evaluation to compare with: give --seed to train it all the same")
    seeds = [run["seed"] for run in recorded] if seed is None else [seed]
    n_judging = max([len(run.get(FINAL_RETURNS, [])) for run in recorded], default=0)
    settings = replay_settings(description, len(seeds), max(1, n_judging))
    chain = [trial] if seed is not None else _chain(trial, trials)
    with tempfile.TemporaryDirectory(prefix="sb3_hpo_") as folder:
        score, attributes = _train_again(
            Objective(task, space, settings, seeds, checkpoints=Checkpoints(Path(folder))), chain
        )
    runs = attributes[RUNS]
    if seed is not None:
        return Replay([f"seed {seed}: score {score:.1f}, mean returns {_means(runs[0]['returns'])}"], is_same=True)
    differences = [_first_difference(before, now) for before, now in zip(recorded, runs, strict=True)]
    if attributes[HYPERPARAMS] != trial.user_attrs[HYPERPARAMS]:
        differences[0] = f"the trial had the hyperparameters {trial.user_attrs[HYPERPARAMS]}, it now has others"
    lines = [_line(run, difference) for run, difference in zip(recorded, differences, strict=True)]
    is_same = not any(differences)
    if not is_same:
        lines.append(_explanation(description))
    return Replay(lines, is_same)


def _chain(trial: FrozenTrial, trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """The trials that a trial went on with, the first one first, and the trial itself."""
    chain = [trial]
    while "resumed_at" in (chain[0].user_attrs.get(RUNS) or [{}])[0]:
        chain.insert(0, trials[chain[0].user_attrs[CONTINUES]])
    return chain


def _train_again(objective: Objective, chain: Sequence[FrozenTrial]) -> tuple[float, dict[str, Any]]:
    """Score and attributes of the last trial of a chain, after the others were trained and paused where they were."""
    steps = [trial.last_step or 0 for trial in chain[:-1]]
    study = optuna.create_study(direction="maximize", pruner=PausingPruner(Rungs((*steps, sys.maxsize))))
    for i, trial in enumerate(chain):
        study.enqueue_trial(trial.params, user_attrs={RUNG: i, **({CONTINUES: i - 1} if i else {})})
        study.optimize(objective, n_trials=1)
    last = study.trials[-1]
    return float(last.value or 0.0), last.user_attrs


def replay_settings(description: StudyDescription, n_seeds: int, n_judging: int) -> TuningSettings:
    """Settings with which an objective trains as the study's did, but prunes nothing.

    :param n_judging: episodes that judge an agent at the end of its training
    """
    return TuningSettings(
        pruner="none",
        max_trial_cost=None,
        n_seeds=n_seeds,
        n_evaluations=description.n_evaluations,
        n_validation_episodes=n_judging,
        n_eval_episodes=description.n_eval_episodes,
        n_eval_envs=description.n_eval_envs,
        score=description.score,
        aggregate=description.aggregate,
        stop_at=description.stop_at,
        stop_after=description.stop_after,
        no_improvement=description.no_improvement,
    )


def _line(run: Mapping[str, Any], difference: str | None) -> str:
    n_returns = sum(map(len, run["returns"])) + len(run.get(FINAL_RETURNS, []))
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
    if FINAL_RETURNS in recorded and recorded[FINAL_RETURNS] != again.get(FINAL_RETURNS):
        before, now = recorded[FINAL_RETURNS], again.get(FINAL_RETURNS)
        return f"the evaluation at the end of the training had the returns {before}, it now has {now}"
    if len(again["returns"]) < len(recorded["returns"]):
        return f"{len(recorded['returns'])} evaluations became {len(again['returns'])}"
    return None

"""The finalists and the default, trained again on seeds that the search never saw.

Each of these trainings is a trial of a study of its own, in the same storage, so that none is done twice.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
from optuna.trial import TrialState
from stable_baselines3.common.vec_env import sync_envs_normalization

from sb3_hpo.callbacks import InterruptionCallback
from sb3_hpo.configuration import from_zoo, merge, to_zoo
from sb3_hpo.evaluation import evaluate_agent
from sb3_hpo.objective import HYPERPARAMS, TrialInterruptedError, close_environments, configuration_of
from sb3_hpo.scores import bootstrap_interval, iqm
from sb3_hpo.seeds import bootstrap_generator, evaluation_seed
from sb3_hpo.study import VALIDATION_SUFFIX
from sb3_hpo.transforms import OutsideSpaceError, Plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from optuna.storages import BaseStorage

    from sb3_hpo.interruption import Deadline, StopSignal
    from sb3_hpo.search_space import SearchSpace
    from sb3_hpo.task import Task

MAX_EVAL_ENVS = 10
"""Environments that the evaluation of a trained agent steps side by side, at most."""

CANDIDATE = "candidate"
"""Trial attribute in a validation study: fingerprint of the configuration trained."""
SEED = "seed"
"""Trial attribute in a validation study: the training seed."""
N_EPISODES = "n_episodes"
"""Trial attribute in a validation study: episodes that judged the trained agent."""
N_TIMESTEPS = "n_timesteps"
"""Trial attribute in a validation study: environment steps trained."""


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A configuration that is a candidate for being the winner.

    :param trial: number of the trial that found it; None for the default where no trial had it
    :param score: the trial's score in the search; None without a trial
    :param configuration: the whole configuration, in the zoo's notation
    :param is_default: whether it is the configuration that was tuned from
    """

    trial: int | None
    score: float | None
    configuration: Mapping[str, Any]
    is_default: bool

    @property
    def name(self) -> str:
        """What it is called in tables."""
        if self.is_default:
            return "default"
        return f"trial {self.trial}"

    @property
    def fingerprint(self) -> str:
        """Names the configuration by its content."""
        text = json.dumps(self.configuration, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclasses.dataclass(frozen=True)
class Validated:
    """A candidate with its scores on the validation seeds.

    :param scores: mean return of the trained agent, one per seed, in the order of the seeds
    :param iqm: interquartile mean of the scores; None without scores
    :param ci95: 95 % bootstrap interval of the interquartile mean; None with fewer than two scores
    """

    candidate: Candidate
    scores: list[float]
    iqm: float | None
    ci95: tuple[float, float] | None


@dataclasses.dataclass(frozen=True)
class Validation:
    """What validation found.

    :param seeds: seeds that every candidate was trained on: those that all of them finished
    :param n_seeds_asked: validation seeds that were asked for
    :param ranking: candidates from the best to the worst; in a tie the default comes first
    """

    seeds: list[int]
    n_seeds_asked: int
    ranking: list[Validated]

    @property
    def winner(self) -> Validated:
        """The best candidate."""
        return self.ranking[0]

    @property
    def default(self) -> Validated:
        """The configuration that was tuned from."""
        return next(validated for validated in self.ranking if validated.candidate.is_default)


def choose_candidates(study: optuna.Study, task: Task, space: SearchSpace, n_finalists: int) -> list[Candidate]:
    """The default and the best complete trials of a study, best first, without those that repeat a configuration."""
    default_params = _default_params(task, space)
    default = Candidate(None, None, to_zoo(task.configuration), is_default=True)
    finalists: dict[str, Candidate] = {}
    trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    for trial in sorted(trials, key=lambda trial: trial.value or 0.0, reverse=True):
        if trial.params == default_params:
            default = dataclasses.replace(default, trial=trial.number, score=trial.value)
        elif len(finalists) < n_finalists:
            candidate = Candidate(trial.number, trial.value, trial.user_attrs[HYPERPARAMS], is_default=False)
            finalists.setdefault(candidate.fingerprint, candidate)
    return [default, *finalists.values()]


def validation_study_name(study_name: str) -> str:
    """Name of the study that holds the validation of a study."""
    return study_name + VALIDATION_SUFFIX


def validate(
    storage: BaseStorage,
    study_name: str,
    task: Task,
    candidates: Sequence[Candidate],
    seeds: Sequence[int],
    n_episodes: int,
    stop: StopSignal,
    deadline: Deadline,
    on_run: Callable[[Candidate, float], None],
) -> Validation:
    """Train every candidate on every seed, seed by seed, until done or until time is over or a signal comes.

    What was trained before, by this command or an earlier one, is not trained again.

    :param seeds: validation seeds
    :param n_episodes: deterministic episodes that judge one trained agent
    :param on_run: called after every training with its candidate and score
    """
    study = optuna.create_study(
        storage=storage,
        study_name=validation_study_name(study_name),
        direction="maximize",
        load_if_exists=True,
        sampler=optuna.samplers.RandomSampler(seed=0),
    )
    known = _known_scores(study, n_episodes)
    for seed in seeds:
        for candidate in candidates:
            if (candidate.fingerprint, seed) in known:
                continue
            score = _run(study, task, candidate, seed, n_episodes, lambda: stop.is_pending or deadline.is_over)
            if score is None:
                return _summarize(candidates, seeds, known)
            known[candidate.fingerprint, seed] = score
            on_run(candidate, score)
    return _summarize(candidates, seeds, known)


def n_timesteps_of_validation(storage: BaseStorage, study_name: str) -> int:
    """Environment steps that the validation of a study trained, over all commands."""
    name = validation_study_name(study_name)
    if name not in optuna.get_all_study_names(storage):
        return 0
    trials = optuna.load_study(storage=storage, study_name=name).get_trials(deepcopy=False)
    return sum(trial.user_attrs.get(N_TIMESTEPS, 0) for trial in trials)


def train_and_evaluate(
    task: Task,
    configuration: Mapping[str, Any],
    seed: int,
    n_episodes: int,
    interrupted: Callable[[], bool] = lambda: False,
) -> tuple[float, int]:
    """Train a configuration with a seed and evaluate the agent that comes out.

    :param configuration: the whole configuration, in the zoo's notation
    :return: mean return of the episodes, and environment steps trained
    :raises TrialInterruptedError: if it was stopped from outside
    """
    training = task.prepare(from_zoo(configuration))
    interruption = InterruptionCallback(interrupted)
    with contextlib.ExitStack() as environments:
        model = training.create_model(seed)
        environments.callback(close_environments, model)
        eval_env = training.create_eval_env(evaluation_seed(seed), min(n_episodes, MAX_EVAL_ENVS))
        environments.callback(eval_env.close)
        training.learn(model, [interruption])
        if interruption.is_interrupted:
            raise TrialInterruptedError("stopped from outside before the training ended")
        if model.get_vec_normalize_env() is not None and model.env is not None:
            sync_envs_normalization(model.env, eval_env)
        returns = evaluate_agent(model, eval_env, n_episodes, deterministic=task.deterministic_eval)
    score = float(np.mean(returns))
    if not math.isfinite(score):
        raise FloatingPointError(f"the trained agent has a mean return of {score}")
    return score, model.num_timesteps


def _run(
    study: optuna.Study,
    task: Task,
    candidate: Candidate,
    seed: int,
    n_episodes: int,
    interrupted: Callable[[], bool],
) -> float | None:
    if interrupted():
        return None
    trial = study.ask()
    trial.set_user_attr(CANDIDATE, candidate.fingerprint)
    trial.set_user_attr(SEED, seed)
    trial.set_user_attr(N_EPISODES, n_episodes)
    trial.set_user_attr(HYPERPARAMS, dict(candidate.configuration))
    try:
        score, n_timesteps = train_and_evaluate(task, candidate.configuration, seed, n_episodes, interrupted)
    except TrialInterruptedError:
        study.tell(trial, state=TrialState.FAIL)
        return None
    except BaseException:
        study.tell(trial, state=TrialState.FAIL)
        raise
    trial.set_user_attr(N_TIMESTEPS, n_timesteps)
    study.tell(trial, score)
    return score


def _known_scores(study: optuna.Study, n_episodes: int) -> dict[tuple[str, int], float]:
    trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return {
        (trial.user_attrs[CANDIDATE], trial.user_attrs[SEED]): float(trial.value or 0.0)
        for trial in trials
        if trial.user_attrs[N_EPISODES] == n_episodes
    }


def _summarize(
    candidates: Sequence[Candidate], seeds: Sequence[int], known: Mapping[tuple[str, int], float]
) -> Validation:
    done = [seed for seed in seeds if all((candidate.fingerprint, seed) in known for candidate in candidates)]
    validated = [
        _with_interval(candidate, [known[candidate.fingerprint, seed] for seed in done]) for candidate in candidates
    ]
    # Stable, and the default is first: in a tie it stays ahead of what would replace it.
    return Validation(seeds=done, n_seeds_asked=len(seeds), ranking=sorted(validated, key=_rank, reverse=True))


def _rank(validated: Validated) -> tuple[float, float]:
    """By validation; where there was none, by the score in the search."""
    if validated.iqm is None:
        score = validated.candidate.score
        return (-math.inf if score is None else score, 0.0)
    return (validated.iqm, float(np.mean(validated.scores)))


def _with_interval(candidate: Candidate, scores: list[float]) -> Validated:
    if not scores:
        return Validated(candidate, [], None, None)
    # One seed says nothing about the spread.
    interval = bootstrap_interval(scores, bootstrap_generator(0)) if len(scores) > 1 else None
    return Validated(candidate, scores, float(iqm(scores)), interval)


def _default_params(task: Task, space: SearchSpace) -> dict[str, Plain] | None:
    """The params with which a trial trains the configuration tuned from; None if none does."""
    try:
        params = space.to_params(task.configuration)
    except OutsideSpaceError:
        return None
    is_trained = configuration_of(task, space, params) == merge(task.configuration, space.to_hyperparams(params))
    return params if is_trained else None

"""The finalists and the default, trained again on seeds that the search never saw.

First the finalists compete on selection seeds; one that is clearly worse stops early. Then the best of them and the
default are trained on validation seeds, which chose nothing: what these say about the two is not bent by the choice.

Each of these trainings is a trial of a study of its own, in the same storage, so that none is done twice, by whichever
command or worker.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import math
import traceback
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
from optuna.trial import TrialState
from stable_baselines3.common.vec_env import sync_envs_normalization

from sb3_hpo.callbacks import InterruptionCallback
from sb3_hpo.comparison import Comparison, Verdict, compare
from sb3_hpo.configuration import from_zoo, merge, to_zoo
from sb3_hpo.elimination import MIN_SEEDS_TO_ELIMINATE, level, survivors
from sb3_hpo.errors import failure_in_one_line
from sb3_hpo.evaluation import evaluate_agent
from sb3_hpo.finalists import choose_finalists
from sb3_hpo.finite import learn_finite
from sb3_hpo.interruption import Deadline
from sb3_hpo.intervals import bootstrap_interval
from sb3_hpo.objective import (
    FAILURE,
    HYPERPARAMS,
    TRACEBACK,
    TrialInterruptedError,
    close_environments,
    configuration_of,
)
from sb3_hpo.scores import iqm
from sb3_hpo.seeds import bootstrap_generator, evaluation_seed
from sb3_hpo.study import VALIDATION_SUFFIX
from sb3_hpo.transforms import OutsideSpaceError, Plain
from sb3_hpo.trust import check_same_modules

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

    from sb3_hpo.interruption import StopSignal
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
    """A candidate with its scores on seeds that the search never saw.

    A score is the mean return of one trained agent; scores are in the order of their seeds.

    :param scores: scores on the validation seeds; empty for a finalist that was not chosen
    :param iqm: interquartile mean of the scores; None without scores
    :param ci95: 95 % bootstrap interval of the interquartile mean; None with fewer than two scores
    :param selection_scores: scores on the first selection seeds, as far as it came; empty for the default
    :param is_eliminated: whether it was stopped for being clearly worse than another finalist
    :param failure: why one of its trainings failed, in one line: it cannot win; None if none did
    """

    candidate: Candidate
    scores: list[float]
    iqm: float | None
    ci95: tuple[float, float] | None
    selection_scores: list[float] = dataclasses.field(default_factory=list)
    is_eliminated: bool = False
    failure: str | None = None


@dataclasses.dataclass(frozen=True)
class Validation:
    """What validation found.

    :param seeds: validation seeds that both the chosen finalist and the default finished
    :param n_seeds_asked: validation seeds that were asked for
    :param ranking: the winner first, then the other one of the pair that was compared, then the finalists that were
        not chosen, from the best to the worst
    :param comparison: the chosen finalist compared with the default; None without a seed that both finished
    :param selection_seeds: seeds that chose among the finalists
    """

    seeds: list[int]
    n_seeds_asked: int
    ranking: list[Validated]
    comparison: Comparison | None = None
    selection_seeds: list[int] = dataclasses.field(default_factory=list)

    @property
    def winner(self) -> Validated:
        """The configuration to train with: the chosen finalist if it is better than the default, else the default.

        Where nothing was validated, the best score of the search; where the default failed, the chosen finalist; and
        where every one failed, the default for want of anything else.
        """
        return self.ranking[0]

    @property
    def default(self) -> Validated:
        """The configuration that was tuned from."""
        return next(validated for validated in self.ranking if validated.candidate.is_default)

    @property
    def finalist(self) -> Validated | None:
        """The finalist that was compared with the default; None where there was no comparison."""
        if self.comparison is None:
            return None
        return next(validated for validated in self.ranking if not validated.candidate.is_default)

    @property
    def verdict(self) -> Verdict | None:
        """How the finalist compares with the default; None where there was no comparison."""
        return None if self.comparison is None else self.comparison.verdict

    @property
    def probability_of_improvement(self) -> float | None:
        """That a training of the finalist scores higher than one of the default; None without a comparison."""
        return None if self.comparison is None else self.comparison.probability_of_improvement


def choose_candidates(study: optuna.Study, task: Task, space: SearchSpace, n_finalists: int) -> list[Candidate]:
    """The default and the finalists of a study, those of the best score first."""
    default_params = _default_params(task, space)
    trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    default = Candidate(None, None, to_zoo(task.configuration), is_default=True)
    of_default = [trial for trial in trials if trial.params == default_params]
    if of_default:
        best = max(of_default, key=lambda trial: trial.value or 0.0)
        default = dataclasses.replace(default, trial=best.number, score=best.value)
    finalists = choose_finalists(trials, space, n_finalists, default_params)
    for trial in finalists:
        check_same_modules(trial.user_attrs[HYPERPARAMS], default.configuration, f"trial {trial.number}")
    return [
        default,
        *(Candidate(trial.number, trial.value, trial.user_attrs[HYPERPARAMS], is_default=False) for trial in finalists),
    ]


def candidates_of(
    task: Task, trials: Sequence[FrozenTrial], configurations: Sequence[Mapping[str, Any]]
) -> list[Candidate]:
    """The default, and some trials as finalists.

    :param configurations: the whole configuration of each trial, in the zoo's notation
    """
    return [
        Candidate(None, None, to_zoo(task.configuration), is_default=True),
        *(
            Candidate(trial.number, trial.value, configuration, is_default=False)
            for trial, configuration in zip(trials, configurations, strict=True)
        ),
    ]


def known_scores(storage: BaseStorage, study_name: str, candidate: Candidate) -> list[float]:
    """All validation scores of a candidate that the storage has, whatever seeds they are from."""
    if validation_study_name(study_name) not in optuna.get_all_study_names(storage):
        return []
    study = _open_study(storage, study_name)
    return [
        float(trial.value or 0.0)
        for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        if trial.user_attrs.get(CANDIDATE) == candidate.fingerprint
    ]


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
    selection_seeds: Sequence[int] = (),
    train: Callable[..., tuple[float, int]] | None = None,
    on_failure: Callable[[Candidate, str], None] = lambda candidate, reason: None,
) -> Validation:
    """Choose the best finalist, and compare it with the default, until done or until time or a signal ends it.

    What was trained before, by this command or another one, is not trained again. What another worker is training is
    left to it as long as there is something else to train.

    A finalist of which a training fails is out, and the next best one takes its place; if the default fails there is
    nothing to compare with, and validation ends. What failed is tried again by the next command.

    :param candidates: the default, and the finalists, the most promising one first
    :param seeds: validation seeds: they judge the chosen finalist and the default
    :param n_episodes: deterministic episodes that judge one trained agent
    :param on_run: called after every training with its candidate and score
    :param selection_seeds: seeds that choose among the finalists; they get the share of the time that is theirs.
        Without them the first finalist is chosen
    :param train: what trains; :func:`train_and_evaluate` unless a benchmark puts a table of scores in its place
    :param on_failure: called after a training that failed with its candidate and the reason
    """

    def interrupted() -> bool:
        return stop.is_pending or deadline.is_over

    study = _open_study(storage, study_name)
    trainings = _Trainings(study, task, n_episodes, interrupted, on_run, train or train_and_evaluate, on_failure)
    finalists = [candidate for candidate in candidates if not candidate.is_default]
    default = next(candidate for candidate in candidates if candidate.is_default)
    selection = _Selection(finalists)
    if seeds and len(finalists) > 1:
        share = _share_of_selection(len(finalists), len(selection_seeds), len(seeds))
        left = deadline.seconds_left
        selection.run(trainings, selection_seeds, Deadline(None if left is None else share * left))
    _judge(trainings, default, selection, seeds)
    return _summarize(trainings, default, selection, seeds)


def _judge(trainings: _Trainings, default: Candidate, selection: _Selection, seeds: Sequence[int]) -> None:
    """Train the best finalist and the default on validation seeds; the next finalist where the best one fails."""
    while True:
        compared = [default, *selection.ranking[:1]]
        trainings.complete([(candidate, seed) for seed in seeds for candidate in compared])
        if trainings.failure(default) is not None or not selection.drop_failed(trainings):
            return


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
    :raises FloatingPointError: if rewards, observations, weights or the returns are NaN or infinite
    """
    training = task.prepare(from_zoo(configuration))
    interruption = InterruptionCallback(interrupted)
    with contextlib.ExitStack() as environments:
        model = training.create_model(seed)
        environments.callback(close_environments, model)
        eval_env = training.create_eval_env(evaluation_seed(seed), min(n_episodes, MAX_EVAL_ENVS))
        environments.callback(eval_env.close)
        learn_finite(training, model, [interruption])
        if interruption.is_interrupted:
            raise TrialInterruptedError("stopped from outside before the training ended")
        if model.get_vec_normalize_env() is not None and model.env is not None:
            sync_envs_normalization(model.env, eval_env)
        returns = evaluate_agent(model, eval_env, n_episodes, deterministic=task.deterministic_eval)
    score = float(np.mean(returns))
    if not math.isfinite(score):
        raise FloatingPointError(f"the trained agent has a mean return of {score}")
    return score, model.num_timesteps


def _open_study(storage: BaseStorage, study_name: str) -> optuna.Study:
    return optuna.create_study(
        storage=storage,
        study_name=validation_study_name(study_name),
        direction="maximize",
        load_if_exists=True,
        sampler=optuna.samplers.RandomSampler(seed=0),
    )


class _Trainings:
    """Trainings of candidates on seeds, each a trial of the validation study.

    :param interrupted: asked at every step whether to give a training up
    """

    def __init__(
        self,
        study: optuna.Study,
        task: Task,
        n_episodes: int,
        interrupted: Callable[[], bool],
        on_run: Callable[[Candidate, float], None],
        train: Callable[..., tuple[float, int]],
        on_failure: Callable[[Candidate, str], None],
    ) -> None:
        self._study = study
        self._train = train
        self._task = task
        self._n_episodes = n_episodes
        self._interrupted = interrupted
        self._on_run = on_run
        self._on_failure = on_failure
        self._failures: dict[str, str] = {}
        self._known = self._read((TrialState.COMPLETE,))

    def complete(self, pairs: Sequence[tuple[Candidate, int]], deadline: Deadline | None = None) -> bool:
        """Train all these candidates with these seeds, in this order; False if it was stopped before the end.

        It stops at the first failure too, with the reason in :meth:`failure`. Those that another worker is training
        come last; they may be done by then, or the worker may be dead.

        :param deadline: no training begins after it
        """
        while pending := self._pending(pairs):
            if deadline is not None and deadline.is_over:
                return False
            candidate, seed = pending[0]
            score = self._run(candidate, seed)
            if score is None:
                return False
            self._known[candidate.fingerprint, seed] = score
            self._on_run(candidate, score)
        return True

    def failure(self, candidate: Candidate) -> str | None:
        """Why a training of a candidate failed; None if none did."""
        return self._failures.get(candidate.fingerprint)

    def scores(self, candidate: Candidate, seeds: Sequence[int]) -> list[float]:
        """The scores of a candidate on these seeds, up to the first one that is missing."""
        scores: list[float] = []
        for seed in seeds:
            if (candidate.fingerprint, seed) not in self._known:
                break
            scores.append(self._known[candidate.fingerprint, seed])
        return scores

    def _pending(self, pairs: Sequence[tuple[Candidate, int]]) -> list[tuple[Candidate, int]]:
        missing = self._missing(pairs)
        if not missing:
            return []
        # Only now, and all of it: other workers add to it.
        self._known |= self._read((TrialState.COMPLETE,))
        claimed = self._read((TrialState.RUNNING,))
        return sorted(self._missing(pairs), key=lambda pair: (pair[0].fingerprint, pair[1]) in claimed)

    def _missing(self, pairs: Sequence[tuple[Candidate, int]]) -> list[tuple[Candidate, int]]:
        return [(candidate, seed) for candidate, seed in pairs if (candidate.fingerprint, seed) not in self._known]

    def _read(self, states: tuple[TrialState, ...]) -> dict[tuple[str, int], float]:
        # A trial that was just asked for has no attributes yet.
        return {
            (trial.user_attrs[CANDIDATE], trial.user_attrs[SEED]): float(trial.value or 0.0)
            for trial in self._study.get_trials(deepcopy=False, states=states)
            if trial.user_attrs.get(N_EPISODES) == self._n_episodes
        }

    def _run(self, candidate: Candidate, seed: int) -> float | None:
        if self._interrupted():
            return None
        study, configuration = self._study, candidate.configuration
        trial = study.ask()
        trial.set_user_attr(CANDIDATE, candidate.fingerprint)
        trial.set_user_attr(SEED, seed)
        trial.set_user_attr(N_EPISODES, self._n_episodes)
        trial.set_user_attr(HYPERPARAMS, dict(configuration))
        try:
            score, n_timesteps = self._train(self._task, configuration, seed, self._n_episodes, self._interrupted)
        except TrialInterruptedError:
            study.tell(trial, state=TrialState.FAIL)
            return None
        except Exception as error:
            self._fail(trial, candidate, f"seed {seed}: {failure_in_one_line(error)}")
            return None
        except BaseException:
            study.tell(trial, state=TrialState.FAIL)
            raise
        trial.set_user_attr(N_TIMESTEPS, n_timesteps)
        study.tell(trial, score)
        return score

    def _fail(self, trial: optuna.Trial, candidate: Candidate, reason: str) -> None:
        trial.set_user_attr(FAILURE, reason)
        trial.set_user_attr(TRACEBACK, traceback.format_exc())
        self._study.tell(trial, state=TrialState.FAIL)
        self._failures[candidate.fingerprint] = reason
        self._on_failure(candidate, reason)


class _Selection:
    """Successive elimination among the finalists."""

    def __init__(self, finalists: Sequence[Candidate]) -> None:
        self.seeds: list[int] = []
        self._running = list(finalists)
        self._eliminated: list[Candidate] = []
        self._failed: list[Candidate] = []

    @property
    def ranking(self) -> list[Candidate]:
        """The finalists that did not fail, from the best to the worst; those that were eliminated early come last."""
        return [*self._running, *self._eliminated]

    @property
    def failed(self) -> list[Candidate]:
        """The finalists of which a training failed."""
        return self._failed

    def drop_failed(self, trainings: _Trainings) -> bool:
        """Take those that failed out of the ranking; False if there are none."""
        failed = [candidate for candidate in self.ranking if trainings.failure(candidate) is not None]
        self._running = [candidate for candidate in self._running if candidate not in failed]
        self._eliminated = [candidate for candidate in self._eliminated if candidate not in failed]
        self._failed += failed
        return bool(failed)

    def is_eliminated(self, candidate: Candidate) -> bool:
        """Whether a finalist was stopped."""
        return candidate in self._eliminated

    def run(self, trainings: _Trainings, seeds: Sequence[int], deadline: Deadline) -> None:
        """Train the finalists seed by seed, fewer of them as it becomes clear which are worse."""
        for n_seeds in range(min(MIN_SEEDS_TO_ELIMINATE, len(seeds)), len(seeds) + 1):
            so_far = seeds[:n_seeds]
            is_complete = trainings.complete([(c, seed) for seed in so_far for c in self._running], deadline)
            while not is_complete and self.drop_failed(trainings):
                is_complete = trainings.complete([(c, seed) for seed in so_far for c in self._running], deadline)
            if not self._running:
                return
            n_done = min(len(trainings.scores(candidate, so_far)) for candidate in self._running)
            self.seeds = list(seeds[:n_done])
            if self.seeds:
                self._rank({c.fingerprint: trainings.scores(c, self.seeds) for c in self._running})
            if not is_complete or len(self._running) == 1:
                return

    def _rank(self, scores: Mapping[str, list[float]]) -> None:
        staying = survivors(scores, bootstrap_generator(0))
        ordered = sorted(self._running, key=lambda c: level(scores[c.fingerprint]), reverse=True)
        self._running = [c for c in ordered if c.fingerprint in staying]
        self._eliminated = [*(c for c in ordered if c.fingerprint not in staying), *self._eliminated]


def _share_of_selection(n_finalists: int, n_selection_seeds: int, n_seeds: int) -> float:
    n_trainings = n_finalists * n_selection_seeds
    return n_trainings / (n_trainings + 2 * n_seeds)


def _summarize(trainings: _Trainings, default: Candidate, selection: _Selection, seeds: Sequence[int]) -> Validation:
    compared = [default, *selection.ranking[:1]]
    n_done = min(len(trainings.scores(candidate, seeds)) for candidate in compared)
    done = list(seeds[:n_done])
    validated = [_with_interval(candidate, trainings.scores(candidate, done)) for candidate in compared]
    validated.extend(Validated(candidate, [], None, None) for candidate in selection.ranking[1:])
    validated.extend(Validated(candidate, [], None, None) for candidate in selection.failed)
    validated = [_with_selection(v, selection, trainings) for v in validated]
    comparison = None
    if trainings.failure(default) is not None:
        # Stable: the chosen finalist comes first, and the default before those that failed as it did.
        validated.sort(key=lambda v: v.failure is not None)
        return Validation(done, len(seeds), validated, None, selection.seeds)
    if len(compared) > 1 and done:
        comparison = compare(validated[1].scores, validated[0].scores, bootstrap_generator(0))
        if comparison.verdict == "better":
            validated[:2] = reversed(validated[:2])
    elif not done:
        # Stable, and the default is first: in a tie it stays ahead of what would replace it.
        validated.sort(key=_rank_without_validation, reverse=True)
    return Validation(done, len(seeds), validated, comparison, selection.seeds)


def _rank_without_validation(validated: Validated) -> tuple[bool, float]:
    score = validated.candidate.score
    return validated.failure is None, -math.inf if score is None else score


def _with_interval(candidate: Candidate, scores: list[float]) -> Validated:
    if not scores:
        return Validated(candidate, [], None, None)
    # One seed says nothing about the spread.
    interval = bootstrap_interval(scores, bootstrap_generator(0)) if len(scores) > 1 else None
    return Validated(candidate, scores, float(iqm(scores)), interval)


def _with_selection(validated: Validated, selection: _Selection, trainings: _Trainings) -> Validated:
    candidate = validated.candidate
    failure = trainings.failure(candidate)
    if candidate.is_default:
        return dataclasses.replace(validated, failure=failure)
    return dataclasses.replace(
        validated,
        failure=failure,
        selection_scores=trainings.scores(candidate, selection.seeds),
        is_eliminated=selection.is_eliminated(candidate),
    )


def _default_params(task: Task, space: SearchSpace) -> dict[str, Plain] | None:
    """The params with which a trial trains the configuration tuned from; None if none does."""
    try:
        params = space.to_params(task.configuration)
    except OutsideSpaceError:
        return None
    is_trained = configuration_of(task, space, params) == merge(task.configuration, space.to_hyperparams(params))
    return params if is_trained else None

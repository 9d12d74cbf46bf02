"""TuningSettings: everything a user can choose about a tuning, checked once, before any training."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from sb3_hpo.clusters.addresses import ClusterAddress
from sb3_hpo.errors import UserError, unknown_name
from sb3_hpo.scores import AGGREGATES, SCORES, check_name

DEFAULT_TIMEOUT_S = 1200.0
"""Seconds after which a tuning without a budget of its own ends: twenty minutes, validation included."""

EXHAUSTIVE_SAMPLERS = ("grid", "brute-force")
"""Samplers that end by themselves, when everything is tried."""

MAX_POINTS = 1_000
"""Largest number of points that these try without another bound, or a yes to it."""

N_FINALISTS = 8
"""Finalists where no number is asked for, and the search is not large."""

N_FINALS = 3
"""Finalists that there are for sure: among fewer there is little to choose."""

THRESHOLD = "threshold"
"""``stop_at``: where the environment's own ``reward_threshold`` is reached."""


@dataclasses.dataclass(frozen=True)
class TuningSettings:
    """What to spend on a tuning and how to spend it.

    Values are checked here and nowhere else.

    :param n_trials: trials that this command adds to the study (complete or pruned), None for no such bound
    :param max_total_trials: trials (complete or pruned) at which the whole study ends, whoever ran them
    :param timeout: wall-clock seconds for search and validation together. With none of ``n_trials``,
        ``max_total_trials`` and ``timeout`` given it is 1200 (:meth:`with_default_budget`)
    :param n_timesteps: environment steps of one training; None takes them from the configuration that is tuned
    :param shorten: whether trainings may have fewer steps than that where ``timeout`` is worth too few of them
        (:mod:`sb3_hpo.training_length`)
    :param n_seeds: tuning seeds that every trial is trained on. One: for the same budget, three seeds for every
        configuration found a worse winner on a table of real learning curves; validation judges the finalists
    :param max_seeds: tuning seeds that a trial is trained on at most, as long as it shares the best score
        (:mod:`sb3_hpo.ties`); no more than ``n_seeds`` for none beyond those
    :param n_evaluations: evaluations during one training, evenly spaced, whatever its length. The zoo does one
        every 100,000 steps, so that below 200,000 its pruner never has anything to act on
    :param n_eval_episodes: episodes of one evaluation (the zoo's ``--eval-episodes``, 5)
    :param n_eval_envs: environments an evaluation steps side by side; None for one per episode, which costs
        a third of the time of one environment for a small network
    :param sampler: name of the Optuna sampler
    :param sampler_kwargs: keyword arguments of the sampler, by Optuna's names
    :param pruner: name of the Optuna pruner
    :param pruner_kwargs: keyword arguments of the pruner, by Optuna's names; steps and resources are environment steps
    :param yes: whether a grid, or every combination of values, is to be tried whatever its size
    :param n_startup_trials: configurations before the sampler starts to learn from them, and trials before a pruner
        that compares with the median does; the zoo's default (rl_zoo3, train.py)
    :param score: what a learning curve is worth: a name of :data:`sb3_hpo.scores.SCORES`
    :param aggregate: what the scores of the tuning seeds are worth together: a name of
        :data:`sb3_hpo.scores.AGGREGATES`
    :param stop_at: mean return at which a training of the search stops: a number, or :data:`THRESHOLD` for the
        ``reward_threshold`` of the environment; None for none. Validation trains the whole length, as the zoo will
    :param stop_after: evaluations in a row that must reach it
    :param no_improvement: evaluations without a new best mean return after which a training of the search stops;
        None to train on
    :param max_trial_cost: multiple of the median time of the others at the same evaluation at which a training of the
        search is stopped; None to let it cost what it does. A difference of less than ten seconds stops nothing. In two
        studies of DQN on CartPole what came to 500 first had cost 3.4 and 5.3 times the median, which is one of
        configurations that mostly learn nothing (``benchmarks/README.md``)
    :param save_models: whether the best model of each finished trial is kept in the study's folder
    :param n_finalists: trials, trained to the end, of which one is chosen to be compared with the default; as many as
        the search has, up to that number, and three at least where it can have them. None for 8, and for more, with
        more selection seeds, where the search is large (:mod:`sb3_hpo.choice_size`)
    :param n_validation_seeds: seeds, never seen by the search, that the best finalist and the default are trained
        on; half as many others choose the best finalist; 0 leaves validation out
    :param n_validation_episodes: deterministic episodes that judge one trained agent
    :param optimization_log_path: folder in which each trial's evaluations and best model are saved, in a folder of
        its own; None to save none
    :param n_jobs: processes that work on the study; None for as many as there are cores that this process may use
    :param cluster: address of a cluster that the workers are submitted to instead, ``dask://host:port`` or
        ``ray://host:port``; ``n_jobs`` is then their number, None for as many as the cluster has room for
    :param max_retries: how often a trial whose worker died is tried again, with the same parameters, before it counts
        as failed
    :param max_consecutive_failures: trials failing in a row after which the study stops with the last error
    :param seed: seed of the sampler and of all tuning and validation seeds
    :param storage: where the study is kept: the URL of a database, of Redis or of a storage proxy, or a ``.log``
        journal file (:func:`sb3_hpo.storage.open_storage`); None for what the environment variable
        ``SB3_HPO_STORAGE`` names, or else an SQLite file under the log folder
    :param study_name: study to create or to go on with; None for a new one
    :param warm_start_from: an earlier study of the same algorithm, in the same storage, whose best configurations are
        among the first trials; None for none
    :param log_folder: folder that results are written under
    :param tensorboard_log: folder of TensorBoard's logs of the search: one run for each trial and seed, in a folder of
        the study's name; None or empty to write none
    :param track: whether each trial of the search becomes a run of Weights & Biases
    :param wandb_project_name: project of these runs
    :param wandb_entity: team that the project belongs to; None for the user's own default
    :param wandb_group: group of these runs; None for the study's name
    :param wandb_tags: tags of these runs
    :param mlflow: whether each trial of the search becomes a run of MLflow
    :param callback: dotted names of Optuna study callbacks, called after each trial of the search
    :param dashboard: whether optuna-dashboard is served on this machine while the command runs
    """

    n_trials: int | None = None
    max_total_trials: int | None = None
    timeout: float | None = None
    n_timesteps: int | None = None
    shorten: bool = False
    n_seeds: int = 1
    max_seeds: int = 3
    n_evaluations: int = 20
    n_eval_episodes: int = 5
    n_eval_envs: int | None = None
    sampler: str = "tpe"
    sampler_kwargs: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    pruner: str = "promote"
    pruner_kwargs: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    yes: bool = False
    n_startup_trials: int = 10
    score: str = "mean-last"
    aggregate: str = "iqm"
    stop_at: float | str | None = None
    stop_after: int = 3
    no_improvement: int | None = None
    max_trial_cost: float | None = 6.0
    save_models: bool = False
    n_finalists: int | None = None
    n_validation_seeds: int = 10
    n_validation_episodes: int = 20
    n_jobs: int | None = None
    cluster: str | None = None
    max_retries: int = 1
    max_consecutive_failures: int = 5
    seed: int = 0
    storage: str | None = None
    study_name: str | None = None
    warm_start_from: str | None = None
    log_folder: str = "logs"
    optimization_log_path: str | None = None
    tensorboard_log: str | None = None
    track: bool = False
    wandb_project_name: str = "sb3"
    wandb_entity: str | None = None
    wandb_group: str | None = None
    wandb_tags: Sequence[str] = ()
    mlflow: bool = False
    callback: Sequence[str] = ()
    dashboard: bool = False

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            _check_type(field.name, value, str(field.type))
            if isinstance(value, list):  # By way of JSON or YAML.
                object.__setattr__(self, field.name, tuple(value))
        for name in _AT_LEAST_ONE:
            _check_minimum(name, getattr(self, name), 1)
        for name in _AT_LEAST_ZERO:
            _check_minimum(name, getattr(self, name), 0)
        if self.timeout is not None and not (math.isfinite(self.timeout) and self.timeout > 0):
            raise UserError(f"timeout is {self.timeout!r}, it must be a number of seconds above 0")
        if self.max_trial_cost is not None and not self.max_trial_cost > 1.0:
            raise UserError(
                f"max_trial_cost is {self.max_trial_cost!r}, it must be a multiple of the median time, above 1; none "
                "to stop nothing"
            )
        _check_stop_at(self.stop_at)
        if self.cluster is not None:
            ClusterAddress.parse(self.cluster)
        check_name("score", self.score, SCORES)
        check_name("aggregate", self.aggregate, AGGREGATES)

    @property
    def fewest_trials(self) -> int | None:
        """Trials that these settings allow; None where only time bounds them."""
        return min([n for n in (self.n_trials, self.max_total_trials) if n is not None], default=None)

    @property
    def n_usual_finalists(self) -> int:
        """Finalists where the search is not large."""
        return N_FINALISTS if self.n_finalists is None else self.n_finalists

    @property
    def n_selection_seeds(self) -> int:
        """Seeds that choose among the finalists: half as many as judge the one chosen, rounded up."""
        return math.ceil(self.n_validation_seeds / 2) if self.n_usual_finalists > 1 else 0

    @property
    def n_selection_trainings(self) -> int:
        """Trainings that choose among the finalists at most: all seeds for as many of them as are finals for sure."""
        return self.n_finals * self.n_selection_seeds

    @property
    def n_finals(self) -> int:
        """Trials that are trained to the end whatever comes of the search, so that there are finalists."""
        return min(N_FINALS, self.n_usual_finalists)

    @property
    def n_validation_trainings(self) -> int:
        """Trainings of a whole validation: those that choose among the finalists and those that judge."""
        return self.n_selection_trainings + 2 * self.n_validation_seeds

    def with_default_budget(self) -> TuningSettings:
        """These settings, bounded in time where nothing bounds them: not even a grid that was agreed to."""
        if (self.n_trials, self.max_total_trials, self.timeout) != (None, None, None):
            return self
        if self.yes and self.sampler in EXHAUSTIVE_SAMPLERS:
            return self
        return dataclasses.replace(self, timeout=DEFAULT_TIMEOUT_S)

    @classmethod
    def from_mappings(cls, *sources: tuple[str, object]) -> TuningSettings:
        """Settings from several sources of options, a later source overriding an earlier one.

        :param sources: pairs of where the options were read (for error messages) and the options by name
        :raises UserError: for an unknown option or a value that is not allowed
        """
        values: dict[str, Any] = {}
        known = {field.name for field in dataclasses.fields(cls)}
        for origin, options in sources:
            if not isinstance(options, Mapping):
                raise UserError(f"{origin} must be a mapping of options to values, not {options!r}")
            for name, value in options.items():
                if name not in known:
                    raise unknown_name(f"option in {origin}", name, known)
                values[name] = value
        return cls(**values)


_AT_LEAST_ONE = (
    "n_trials",
    "max_total_trials",
    "n_timesteps",
    "n_seeds",
    "max_seeds",
    "n_evaluations",
    "n_eval_episodes",
    "n_eval_envs",
    "n_finalists",
    "n_jobs",
    "n_validation_episodes",
    "stop_after",
    "no_improvement",
    "max_consecutive_failures",
)
_AT_LEAST_ZERO = ("n_startup_trials", "n_validation_seeds", "seed", "max_retries")

_ACCEPTED: dict[str, tuple[tuple[type, ...], str]] = {
    "int": ((int,), "a whole number"),
    "float": ((int, float), "a number"),
    "str": ((str,), "text"),
    "bool": ((bool,), "true or false"),
    "Mapping[str, Any]": ((Mapping,), "a mapping of names to values"),
    "Sequence[str]": ((list, tuple), "a list of text"),
}


def _check_type(name: str, value: object, annotation: str) -> None:
    expected = annotation.split(" | ")
    if value is None and "None" in expected:
        return
    accepted = [_ACCEPTED[name] for name in expected if name != "None"]
    types = tuple(one for kinds, _ in accepted for one in kinds)
    kind = " or ".join(words for _, words in accepted)
    if (isinstance(value, bool) and bool not in types) or not isinstance(value, types):
        raise UserError(f"{name} is {value!r}, it must be {kind}")
    if isinstance(value, Mapping) and not all(isinstance(key, str) for key in value):
        raise UserError(f"{name} is {value!r}, its keys must be text")
    if isinstance(value, (list, tuple)) and not all(isinstance(entry, str) for entry in value):
        raise UserError(f"{name} is {value!r}, each of its entries must be text")


def _check_stop_at(value: float | str | None) -> None:
    if value is None or value == THRESHOLD:
        return
    if isinstance(value, str) or not math.isfinite(value):
        raise UserError(f"stop_at is {value!r}, it must be a mean return, or {THRESHOLD!r} for that of the environment")


def _check_minimum(name: str, value: int | None, minimum: int) -> None:
    if value is not None and value < minimum:
        raise UserError(f"{name} is {value}, it must be at least {minimum}")

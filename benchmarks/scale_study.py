"""Studies of any size for the benchmark of scale, and a stand-in for the training."""

from __future__ import annotations

import datetime
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import sqlalchemy
from optuna.distributions import distribution_to_json
from optuna.storages._rdb import models
from optuna.trial import FrozenTrial, TrialState, create_trial
from zoo_default import DQN_ON_CARTPOLE

from sb3_hpo.commands import Command
from sb3_hpo.configuration import to_zoo
from sb3_hpo.features import MLP_POLICY
from sb3_hpo.objective import configuration_of
from sb3_hpo.settings import TuningSettings
from sb3_hpo.spaces.dqn import SPACE as DQN_SPACE
from sb3_hpo.study import open_study
from sb3_hpo.trial_attributes import COMMAND, HYPERPARAMS, RUNS, WORKER
from sb3_hpo.worker_identity import identity

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import optuna

    from sb3_hpo.heartbeats import HeartbeatStorage
    from sb3_hpo.study_description import StudyDescription

SPACE = DQN_SPACE.for_features(frozenset({MLP_POLICY}))
N_TIMESTEPS = 50_000
N_EVALUATIONS = TuningSettings().n_evaluations
N_EPISODES = TuningSettings().n_eval_episodes
STUDY_NAME = "scale"
_CHUNK = 500


@dataclass(frozen=True)
class StandInTask:
    """DQN on CartPole as a study sees it; nothing is trained. Implements the part of a task that studies need."""

    algo: str = "dqn"
    env_id: str = "CartPole-v1"
    deterministic_eval: bool = True
    features: frozenset[str] = frozenset({MLP_POLICY})
    max_episode_steps: int = 500
    arguments: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    # The zoo's configuration of CartPole.
    configuration: Mapping[str, Any] = field(
        default_factory=lambda: {
            "policy": "MlpPolicy",
            "n_timesteps": N_TIMESTEPS,
            **DQN_ON_CARTPOLE,
        }
    )


TASK = StandInTask()


@dataclass
class StandIn:
    """An objective that suggests, reports and records as a real one does, and sleeps where that one trains.

    :param generator: of the learning curves
    :param seconds: between the shortest and the longest sleep of a whole trial
    :param on_report: called with the seconds of each report, the pruner's answer included
    """

    generator: np.random.Generator
    seconds: tuple[float, float] = (0.0, 0.0)
    on_report: Callable[[float], None] = lambda seconds: None

    def __call__(self, trial: optuna.Trial) -> float:
        """Run a trial."""
        configuration = configuration_of(TASK, SPACE, SPACE.suggest(trial))
        trial.set_user_attr(HYPERPARAMS, to_zoo(configuration))
        nap = self.generator.uniform(*self.seconds) / N_EVALUATIONS
        returns = curve(self.generator)
        for index, episodes in enumerate(returns):
            if nap:
                time.sleep(nap)
            start = time.perf_counter()
            trial.report(float(np.mean(episodes)), _step(index))
            # Asked each time, and not heeded: every trial makes the same number of reports.
            trial.should_prune()
            self.on_report(time.perf_counter() - start)
        trial.set_user_attr(RUNS, [_run(returns)])
        return float(np.mean(returns[-1]))


def curve(generator: np.random.Generator) -> list[list[float]]:
    """Returns of every episode of every evaluation, shape ``(n_evaluations, n_episodes)``."""
    progress = 1.0 - np.exp(-np.linspace(0.2, 4.0, N_EVALUATIONS))
    level = generator.uniform(20.0, 500.0)
    noise = generator.normal(0.0, 10.0, (N_EVALUATIONS, N_EPISODES))
    returns: list[list[float]] = np.round(level * progress[:, None] + noise).tolist()
    return returns


def open_scale_study(
    storage: HeartbeatStorage, settings: TuningSettings
) -> tuple[optuna.Study, StudyDescription, Command]:
    """The study of the benchmark, made or gone on with, and a command that has begun on it."""
    study, description = open_study(storage, STUDY_NAME, TASK, SPACE, settings)  # type: ignore[arg-type]
    return study, description, Command.begin(study, settings)


def finished_trials(n: int, seed: int) -> list[FrozenTrial]:
    """Trials as a search leaves them; all complete, so that each holds as much as a trial can."""
    generator = np.random.default_rng([seed, n])
    return [_finished_trial(generator) for _ in range(n)]


def _finished_trial(generator: np.random.Generator) -> FrozenTrial:
    params = {p.name: p.distribution.to_external_repr(_draw(p.distribution, generator)) for p in SPACE}
    returns = curve(generator)
    means = [float(np.mean(episodes)) for episodes in returns]
    return create_trial(
        state=TrialState.COMPLETE,
        value=means[-1],
        params=params,
        distributions={p.name: p.distribution for p in SPACE},
        intermediate_values={_step(index): mean for index, mean in enumerate(means)},
        user_attrs={
            COMMAND: "0123456789ab",
            WORKER: identity(),
            HYPERPARAMS: to_zoo(configuration_of(TASK, SPACE, params)),
            RUNS: [_run(returns)],
        },
        system_attrs={
            "tpe:relative_params:0": json.dumps(params),
            "completed_rung_0": means[2],
            "completed_rung_1": means[8],
        },
    )


def _draw(distribution: Any, generator: np.random.Generator) -> float:
    choices = getattr(distribution, "choices", None)
    if choices is not None:
        return float(generator.integers(len(choices)))
    low, high = float(distribution.low), float(distribution.high)
    value = np.exp(generator.uniform(np.log(low), np.log(high))) if distribution.log else generator.uniform(low, high)
    if distribution.step is not None:
        value = low + round((value - low) / distribution.step) * distribution.step
    return float(value)


def _step(index: int) -> int:
    return (index + 1) * (N_TIMESTEPS // N_EVALUATIONS)


def _run(returns: list[list[float]]) -> dict[str, Any]:
    return {
        "seed": 123456789,
        "eval_env_seed": 987654321,
        "n_timesteps": N_TIMESTEPS,
        "timesteps": [_step(index) for index in range(N_EVALUATIONS)],
        "returns": returns,
        "seconds": 12.345,
        "n_evaluations": N_EVALUATIONS,
    }


def add_quickly(study: optuna.Study, trials: list[FrozenTrial]) -> None:
    """What ``study.add_trials`` does in a database, with few statements: it takes minutes for 10,000 trials."""
    engine: sqlalchemy.Engine = study._storage.engine  # type: ignore[attr-defined]
    number = len(study.get_trials(deepcopy=False))
    with engine.begin() as connection:
        for first in range(0, len(trials), _CHUNK):
            chunk = trials[first : first + _CHUNK]
            ids = _insert_trials(connection, study._study_id, chunk, number + first)
            for model, rows in _rows(chunk, ids).items():
                connection.execute(sqlalchemy.insert(model.__table__), rows)
        if engine.name == "postgresql":
            # As its background worker would, minutes after so many rows have come.
            connection.exec_driver_sql("ANALYZE")


def _insert_trials(
    connection: sqlalchemy.Connection, study_id: int, trials: list[FrozenTrial], first_number: int
) -> list[int]:
    table = models.TrialModel.__table__
    now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
    rows = [
        {"number": first_number + i, "study_id": study_id, "state": trial.state, "datetime_start": now}
        | {"datetime_complete": now}
        for i, trial in enumerate(trials)
    ]
    statement = sqlalchemy.insert(table).returning(table.c.trial_id, sort_by_parameter_order=True)
    return [row[0] for row in connection.execute(statement, rows)]


def _rows(trials: list[FrozenTrial], ids: list[int]) -> dict[Any, list[dict[str, Any]]]:
    finite = models.TrialValueModel.TrialValueType.FINITE
    finite_step = models.TrialIntermediateValueModel.TrialIntermediateValueType.FINITE
    rows: dict[Any, list[dict[str, Any]]] = {}

    def add(model: Any, **row: Any) -> None:
        rows.setdefault(model, []).append(row)

    for trial_id, trial in zip(ids, trials, strict=True):
        for name, value in trial.params.items():
            distribution = trial.distributions[name]
            internal, text = distribution.to_internal_repr(value), distribution_to_json(distribution)
            add(
                models.TrialParamModel,
                trial_id=trial_id,
                param_name=name,
                param_value=internal,
                distribution_json=text,
            )
        for key, value in trial.user_attrs.items():
            add(models.TrialUserAttributeModel, trial_id=trial_id, key=key, value_json=json.dumps(value))
        for key, value in trial.system_attrs.items():
            add(models.TrialSystemAttributeModel, trial_id=trial_id, key=key, value_json=json.dumps(value))
        for step, value in trial.intermediate_values.items():
            add(
                models.TrialIntermediateValueModel,
                trial_id=trial_id,
                step=step,
                intermediate_value=value,
                intermediate_value_type=finite_step,
            )
        add(models.TrialValueModel, trial_id=trial_id, objective=0, value=trial.value, value_type=finite)
    return rows

"""What describes a study: kept in the study itself, and the same for everyone who works on it."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import optuna
from optuna.trial import TrialState

from sb3_hpo._version import __version__
from sb3_hpo.configuration import to_zoo
from sb3_hpo.errors import UserError
from sb3_hpo.seeds import tuning_seeds
from sb3_hpo.space_files import to_content
from sb3_hpo.storage import redacted_command, study_names
from sb3_hpo.versions import installed_versions

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

    from sb3_hpo.search_space import SearchSpace
    from sb3_hpo.settings import TuningSettings
    from sb3_hpo.task import Task

DESCRIPTION = "sb3_hpo"
"""Study attribute that holds a :class:`StudyDescription`."""

DESCRIPTION_TIMEOUT_S = 10.0
"""Seconds that a process waits for the one that made a study to describe it."""

VALIDATION_SUFFIX = "-validation"
"""What the name of the study that holds another study's validation ends with."""


@dataclasses.dataclass(frozen=True)
class StudyDescription:
    """What every trial of a study has in common. Kept in the study; the same for everyone who works on it.

    :param algo: name of the algorithm
    :param env: Gymnasium's id of the environment
    :param configuration: the configuration tuned from, in the zoo's notation
    :param seed: what the tuning and validation seeds are derived from
    :param tuning_seeds: seeds that every trial is trained on, in order
    :param n_timesteps: environment steps of one training
    :param n_evaluations: evaluations during one training
    :param n_eval_episodes: episodes of one evaluation
    :param n_eval_envs: environments that an evaluation steps side by side
    :param arguments: how the task makes its environments, beside the configuration
    :param search_space: what is sampled, as the content of a search-space file; None if it has no notation
    :param score: what the learning curve of a training is worth
    :param aggregate: what the scores of a trial's trainings are worth together
    :param stop_at: mean return at which a training stops early; None for none
    :param stop_after: evaluations in a row that must reach it
    :param no_improvement: evaluations without a new best after which a training stops early; None for none
    :param version: version of sb3-hpo that made the study
    :param command: command that made the study
    :param versions: of Python and the packages that train
    :param environment: what the environment is, in text: spaces, episode length
    """

    algo: str
    env: str
    configuration: dict[str, Any]
    seed: int
    tuning_seeds: list[int]
    n_timesteps: int
    n_evaluations: int
    n_eval_episodes: int
    n_eval_envs: int
    arguments: dict[str, Any]
    search_space: dict[str, Any] | None
    score: str
    aggregate: str
    stop_at: float | None
    stop_after: int
    no_improvement: int | None
    version: str
    command: str
    versions: dict[str, str]
    environment: dict[str, str]

    def must_match(self, other: StudyDescription, study_name: str) -> None:
        """Check that a command that asks for ``other`` can go on with the study this describes.

        :raises UserError: naming the first thing that differs
        """
        for name in (
            "algo",
            "env",
            "n_timesteps",
            "n_evaluations",
            "n_eval_episodes",
            "n_eval_envs",
            "score",
            "aggregate",
            "stop_at",
            "stop_after",
            "no_improvement",
            "arguments",
            "environment",
        ):
            mine, theirs = getattr(self, name), getattr(other, name)
            if _as_stored(mine) != _as_stored(theirs):
                raise _other(study_name, name, mine, theirs)
        if len(self.tuning_seeds) != len(other.tuning_seeds):
            raise UserError(
                f"study {study_name!r} trains each trial on n_seeds {len(self.tuning_seeds)}, this command asks for "
                f"{len(other.tuning_seeds)}: give the same, or another --study-name"
            )
        if self.search_space != other.search_space:
            raise UserError(
                f"study {study_name!r} samples from another search space than this command: leave --search-space out, "
                "or give another --study-name"
            )
        keys = sorted(self.configuration.keys() | other.configuration.keys())
        for key in keys:
            if _as_stored(self.configuration.get(key)) != _as_stored(other.configuration.get(key)):
                raise UserError(
                    f"study {study_name!r} was tuned from {key} = {self.configuration.get(key)!r}, this command from "
                    f"{other.configuration.get(key)!r}: give the same -conf and -params, or another --study-name"
                )


def describe(task: Task, space: SearchSpace, settings: TuningSettings) -> StudyDescription:
    """The description of the study that a command asks for."""
    return StudyDescription(
        algo=task.algo,
        env=task.env_id,
        configuration=to_zoo(task.configuration),
        seed=settings.seed,
        tuning_seeds=tuning_seeds(settings.seed, settings.n_seeds),
        n_timesteps=int(task.configuration["n_timesteps"]),
        n_evaluations=settings.n_evaluations,
        n_eval_episodes=settings.n_eval_episodes,
        n_eval_envs=settings.n_eval_envs or settings.n_eval_episodes,
        arguments=dict(task.arguments),
        search_space=storable(space),
        version=__version__,
        score=settings.score,
        aggregate=settings.aggregate,
        stop_at=None if settings.stop_at is None else float(settings.stop_at),
        stop_after=settings.stop_after,
        no_improvement=settings.no_improvement,
        versions=installed_versions(task.arguments.get("gym_packages", ())),
        environment=dict(task.environment),
        command=redacted_command(sys.orig_argv),
    )


def read_description(study: optuna.Study, study_name: str) -> StudyDescription:
    """The description kept in a study; that of one which another process has made this moment is waited for.

    :raises UserError: if the study was not made by this package
    """
    _wait_for_description(study)
    stored = study.user_attrs.get(DESCRIPTION)
    if not isinstance(stored, Mapping):
        raise UserError(f"study {study_name!r} was not made by sb3-hpo: give another --study-name")
    fields = {field.name for field in dataclasses.fields(StudyDescription)}
    if stored.keys() != fields:
        raise UserError(
            f"study {study_name!r} was made by sb3-hpo {stored.get('version')}, this is {__version__}: "
            "use that version, or give another --study-name"
        )
    return StudyDescription(**stored)


def stored_choices(storage: BaseStorage, study_name: str | None) -> dict[str, Any]:
    """Settings that a study to go on with fixes: what a command need not repeat. Empty for a new study."""
    if study_name is None or study_name not in study_names(storage):
        return {}
    description = read_description(optuna.load_study(study_name=study_name, storage=storage), study_name)
    return {
        "n_timesteps": description.n_timesteps,
        "n_seeds": len(description.tuning_seeds),
        "n_evaluations": description.n_evaluations,
        "n_eval_episodes": description.n_eval_episodes,
        "n_eval_envs": description.n_eval_envs,
        "score": description.score,
        "aggregate": description.aggregate,
        "stop_at": description.stop_at,
        "stop_after": description.stop_after,
        "no_improvement": description.no_improvement,
    }


def stored_space(storage: BaseStorage, study_name: str | None, algo: str) -> dict[str, Any] | None:
    """The search space of a study to go on with, as the content of a search-space file; None for a new study.

    :param algo: the algorithm that is to be tuned
    :raises UserError: if the study tunes another one
    """
    if study_name is None or study_name not in study_names(storage):
        return None
    description = read_description(optuna.load_study(study_name=study_name, storage=storage), study_name)
    if description.algo != algo:
        raise _other(study_name, "algo", description.algo, algo)
    return description.search_space


def storable(space: SearchSpace) -> dict[str, Any] | None:
    """A search space as it is kept in a study; None for one that has no notation."""
    try:
        content: dict[str, Any] = json.loads(json.dumps(to_content(space)))
    except (UserError, TypeError):
        return None
    return content


def _as_stored(value: object) -> object:
    """A value as a study keeps it: a tuple that an option gave is a list there."""
    return json.loads(json.dumps(value))


def _wait_for_description(study: optuna.Study) -> None:
    """Another process may have made the study a moment ago, and be about to describe it."""
    deadline = time.monotonic() + DESCRIPTION_TIMEOUT_S
    while DESCRIPTION not in study.user_attrs and not _has_begun(study):
        if time.monotonic() > deadline:
            return
        time.sleep(DESCRIPTION_TIMEOUT_S / 100)


def _has_begun(study: optuna.Study) -> bool:
    """Whether a trial was run; the one that is enqueued before the study is described was not."""
    return any(trial.state != TrialState.WAITING for trial in study.get_trials(deepcopy=False))


def _other(study_name: str, name: str, has: object, asked: object) -> UserError:
    return UserError(
        f"study {study_name!r} has {name} {has!r}, this command asks for {asked!r}: "
        "give the same, or another --study-name"
    )

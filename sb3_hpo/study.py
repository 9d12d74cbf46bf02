"""Create a study or go on with one. All that describes it is kept in the study itself."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import itertools
import json
import secrets
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import optuna
from optuna.trial import TrialState

from sb3_hpo._version import __version__
from sb3_hpo.configuration import from_zoo, to_zoo
from sb3_hpo.errors import UserError
from sb3_hpo.pruners import PruningScale, compares_seeds, create_pruner
from sb3_hpo.samplers import SamplingContext, create_sampler
from sb3_hpo.seeded_sampler import SeededByTrial
from sb3_hpo.seeds import sampler_seed, tuning_seeds
from sb3_hpo.settings import EXHAUSTIVE_SAMPLERS
from sb3_hpo.space_files import to_content
from sb3_hpo.storage import redacted_command, study_names
from sb3_hpo.transforms import OutsideSpaceError
from sb3_hpo.trial_attributes import DEFAULT_CONFIGURATION, ORIGIN, SB3_DEFAULTS
from sb3_hpo.versions import installed_versions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from optuna.samplers import BaseSampler
    from optuna.storages import BaseStorage

    from sb3_hpo.search_space import SearchSpace
    from sb3_hpo.settings import TuningSettings
    from sb3_hpo.task import Task
    from sb3_hpo.transforms import Plain

DESCRIPTION = "sb3_hpo"
"""Study attribute that holds a :class:`StudyDescription`."""

STEP = "step"
"""Study attribute: what the steps are that its trials report at, :data:`ENVIRONMENT_STEPS` or :data:`SEEDS`."""

ENVIRONMENT_STEPS = "environment steps"
SEEDS = "seeds"

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
            if mine != theirs:
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
            if self.configuration.get(key) != other.configuration.get(key):
                raise UserError(
                    f"study {study_name!r} was tuned from {key} = {self.configuration.get(key)!r}, this command from "
                    f"{other.configuration.get(key)!r}: give the same -conf and -params, or another --study-name"
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


@dataclasses.dataclass(frozen=True)
class FirstTrial:
    """A configuration that is tried before anything is sampled.

    :param origin: where it comes from
    """

    params: Mapping[str, Plain]
    origin: str


def open_study(
    storage: BaseStorage,
    study_name: str,
    task: Task,
    space: SearchSpace,
    settings: TuningSettings,
    first_trials: Sequence[FirstTrial] = (),
    *,
    begins_with_known: bool = True,
) -> tuple[optuna.Study, StudyDescription]:
    """Create a study, or go on with an existing one.

    The first trial of a new one is the task's own configuration, the second one what SB3 does where nothing is
    configured, as far as the budget has trials.

    :param first_trials: what comes next, unless the study has it
    :param begins_with_known: False to leave these first two out
    :raises UserError: if a study of that name exists but is about something else, or if sampler or pruner cannot work
    """
    wanted = describe(task, space, settings)
    set_up(optuna.create_study(), wanted, space, settings)
    try:
        study = optuna.create_study(storage=storage, study_name=study_name, direction="maximize")
    except optuna.exceptions.DuplicatedStudyError:
        study = optuna.load_study(storage=storage, study_name=study_name)
    else:
        study.set_user_attr(STEP, _step(settings))
        if begins_with_known:
            _enqueue(study, itertools.islice(_known_configurations(task, space, settings), settings.fewest_trials))
        study.set_user_attr(DESCRIPTION, dataclasses.asdict(wanted))
    description = read_description(study, study_name)
    description.must_match(wanted, study_name)
    _check_step(study, settings)
    _enqueue(study, first_trials)
    set_up(study, description, space, settings)
    return study, description


def set_up(study: optuna.Study, description: StudyDescription, space: SearchSpace, settings: TuningSettings) -> None:
    """Give a study the sampler and the pruner that settings name.

    :raises UserError: if one of them cannot work
    """
    default = _default_params(space, description)
    make = functools.partial(sampler_from, settings, space, description.seed, default=default)
    make(0)
    study.sampler = SeededByTrial(make)
    study.pruner = create_pruner(
        settings.pruner,
        PruningScale(
            description.n_timesteps,
            len(description.tuning_seeds),
            settings.n_startup_trials,
            description.n_evaluations,
            settings.fewest_trials,
        ),
        settings.pruner_kwargs,
    )


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


def sampler_from(
    settings: TuningSettings,
    space: SearchSpace,
    study_seed: int,
    number: int,
    default: Mapping[str, Plain] | None = None,
) -> BaseSampler:
    """The sampler that settings name, seeded for a trial.

    :param study_seed: the same for everyone who works on the study
    :param number: of the trial that it begins with
    :param default: params of the configuration that is tuned from, where the sampler may begin around it
    """
    context = SamplingContext(
        space,
        seed=sampler_seed(settings.seed, number),
        study_seed=sampler_seed(study_seed, 0),
        n_startup_trials=settings.n_startup_trials,
        default=default,
    )
    return create_sampler(settings.sampler, context, settings.sampler_kwargs)


def _default_params(space: SearchSpace, description: StudyDescription) -> dict[str, Plain] | None:
    """The params of the configuration tuned from; None where the space does not have it."""
    try:
        return space.to_params(from_zoo(description.configuration))
    except OutsideSpaceError:
        return None


def _step(settings: TuningSettings) -> str:
    return SEEDS if compares_seeds(settings.pruner, settings.pruner_kwargs) else ENVIRONMENT_STEPS


def _check_step(study: optuna.Study, settings: TuningSettings) -> None:
    stored = study.user_attrs.get(STEP, ENVIRONMENT_STEPS)
    if stored != _step(settings):
        raise UserError(
            f"study {study.study_name!r} compares trials by {stored}, pruner {settings.pruner!r} by {_step(settings)}: "
            "give another --pruner, or another --study-name"
        )


def new_study_name(task: Task) -> str:
    """A name for a new study: what it tunes, when it began, and an end by which two of one second differ."""
    began = time.strftime("%Y%m%d-%H%M%S")
    return f"{task.algo}_{task.env_id.replace('/', '-')}_{began}-{secrets.token_hex(3)}"


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


def _other(study_name: str, name: str, has: object, asked: object) -> UserError:
    return UserError(
        f"study {study_name!r} has {name} {has!r}, this command asks for {asked!r}: "
        "give the same, or another --study-name"
    )


def storable(space: SearchSpace) -> dict[str, Any] | None:
    """A search space as it is kept in a study; None for one that has no notation."""
    try:
        content: dict[str, Any] = json.loads(json.dumps(to_content(space)))
    except (UserError, TypeError):
        return None
    return content


def _known_configurations(task: Task, space: SearchSpace, settings: TuningSettings) -> Iterator[FirstTrial]:
    with contextlib.suppress(OutsideSpaceError):
        yield FirstTrial(space.to_params(task.configuration), DEFAULT_CONFIGURATION)
    if settings.sampler in EXHAUSTIVE_SAMPLERS:
        return  # They try what they were told to.
    with contextlib.suppress(OutsideSpaceError):
        yield FirstTrial(space.to_params({}), SB3_DEFAULTS)


def _enqueue(study: optuna.Study, first_trials: Iterable[FirstTrial]) -> None:
    for first in first_trials:
        study.enqueue_trial(dict(first.params), user_attrs={ORIGIN: first.origin}, skip_if_exists=True)

"""Create a study or go on with one."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import itertools
import secrets
import time
from typing import TYPE_CHECKING

import optuna

from sb3_hpo.configuration import from_zoo
from sb3_hpo.errors import UserError
from sb3_hpo.falling_rate import with_falling_rate
from sb3_hpo.promotion import FIRST_RUNG, FIRST_RUNG_AFTER_WARM_UP
from sb3_hpo.pruners import PruningScale, compares_seeds, create_pruner
from sb3_hpo.samplers import SamplingContext, create_sampler
from sb3_hpo.seeded_sampler import SeededByTrial
from sb3_hpo.seeds import sampler_seed
from sb3_hpo.settings import EXHAUSTIVE_SAMPLERS
from sb3_hpo.study_description import DESCRIPTION, StudyDescription, describe, read_description
from sb3_hpo.transforms import OutsideSpaceError
from sb3_hpo.trial_attributes import DEFAULT_CONFIGURATION, FALLING_DEFAULT, ORIGIN, SB3_DEFAULTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from optuna.samplers import BaseSampler
    from optuna.storages import BaseStorage

    from sb3_hpo.search_space import SearchSpace
    from sb3_hpo.settings import TuningSettings
    from sb3_hpo.task import Task
    from sb3_hpo.transforms import Plain

STEP = "step"
"""Study attribute: what the steps are that its trials report at, :data:`ENVIRONMENT_STEPS` or :data:`SEEDS`."""

ENVIRONMENT_STEPS = "environment steps"
SEEDS = "seeds"


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
    configured, and the third one the first with a learning rate that falls, as far as the budget has trials.

    :param first_trials: what comes next, unless the study has it
    :param begins_with_known: False to leave these out
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
            FIRST_RUNG_AFTER_WARM_UP if _warms_up(space, description) else FIRST_RUNG,
        ),
        settings.pruner_kwargs,
    )


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


def new_study_name(task: Task) -> str:
    """A name for a new study: what it tunes, when it began, and an end by which two of one second differ."""
    began = time.strftime("%Y%m%d-%H%M%S")
    return f"{task.algo}_{task.env_id.replace('/', '-')}_{began}-{secrets.token_hex(3)}"


def _known_configurations(task: Task, space: SearchSpace, settings: TuningSettings) -> Iterator[FirstTrial]:
    with contextlib.suppress(OutsideSpaceError):
        yield FirstTrial(space.to_params(task.configuration), DEFAULT_CONFIGURATION)
    if settings.sampler in EXHAUSTIVE_SAMPLERS:
        return  # They try what they were told to.
    with contextlib.suppress(OutsideSpaceError):
        yield FirstTrial(space.to_params({}), SB3_DEFAULTS)
    with contextlib.suppress(OutsideSpaceError):
        falling = with_falling_rate(space.to_params(task.configuration), space)
        if falling is not None:
            yield FirstTrial(falling, FALLING_DEFAULT)


def _enqueue(study: optuna.Study, first_trials: Iterable[FirstTrial]) -> None:
    for first in first_trials:
        study.enqueue_trial(dict(first.params), user_attrs={ORIGIN: first.origin}, skip_if_exists=True)


def _default_params(space: SearchSpace, description: StudyDescription) -> dict[str, Plain] | None:
    """The params of the configuration tuned from; None where the space does not have it."""
    try:
        return space.to_params(from_zoo(description.configuration))
    except OutsideSpaceError:
        return None


def _warms_up(space: SearchSpace, description: StudyDescription) -> bool:
    """Whether trainings fill a replay buffer before they learn anything."""
    arguments = {parameter.argument for parameter in space} | description.configuration.keys()
    return "learning_starts" in arguments


def _step(settings: TuningSettings) -> str:
    return SEEDS if compares_seeds(settings.pruner, settings.pruner_kwargs) else ENVIRONMENT_STEPS


def _check_step(study: optuna.Study, settings: TuningSettings) -> None:
    stored = study.user_attrs.get(STEP, ENVIRONMENT_STEPS)
    if stored != _step(settings):
        raise UserError(
            f"study {study.study_name!r} compares trials by {stored}, pruner {settings.pruner!r} by {_step(settings)}: "
            "give another --pruner, or another --study-name"
        )

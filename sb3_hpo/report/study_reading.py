"""A study of a storage as plain values, whoever made it and however far it is."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import optuna
from optuna.study import StudyDirection

from sb3_hpo.errors import UserError
from sb3_hpo.furthest_trials import key_of
from sb3_hpo.promotion import CONTINUES
from sb3_hpo.report.facts import facts_of
from sb3_hpo.report.outcomes import INTERRUPTED, PAUSED, WAITING, WENT_ON
from sb3_hpo.report.plain import listed, mapping, whole
from sb3_hpo.report.study_data import ConfigurationData, StudyData
from sb3_hpo.report.trial_reading import read_trial
from sb3_hpo.report.verdict_reading import read_verdict
from sb3_hpo.result import RESULT
from sb3_hpo.storage import study_names
from sb3_hpo.storages.redaction import without_passwords
from sb3_hpo.study import ENVIRONMENT_STEPS, STEP
from sb3_hpo.study_description import DESCRIPTION, VALIDATION_SUFFIX
from sb3_hpo.trial_attributes import was_interrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

    from sb3_hpo.report.study_data import TrialData

EVALUATIONS = "evaluation"
"""What the stock zoo's learning curves are drawn against."""


def read_study(storage: BaseStorage, study: optuna.Study, location: str) -> StudyData:
    """All that a report shows of a study, as it is now.

    :param location: where it is kept, as ``--storage`` names it: its password is taken out of all text
    :raises UserError: if the study has several objectives
    """
    if len(study.directions) > 1:
        raise UserError(
            f"study {study.study_name!r} has {len(study.directions)} objectives: a report shows studies of one"
        )
    shown = functools.partial(without_passwords, location=location)
    now = datetime.datetime.now()
    attributes = study.user_attrs
    is_ours = isinstance(attributes.get(DESCRIPTION), Mapping)
    description: Mapping[str, Any] = attributes[DESCRIPTION] if is_ours else {}
    trials = study.get_trials(deepcopy=False)
    validation = _validation_of(storage, study.study_name)
    result = {} if validation is None else mapping(validation.user_attrs.get(RESULT))
    named = description if is_ours else result  # The stock zoo's studies say nothing of it; whoever validated one did.
    read = _read_trials(trials, is_ours, now, shown)
    return StudyData(
        name=study.study_name,
        is_ours=is_ours,
        algo=_text(named.get("algo"), shown),
        env=_text(named.get("env"), shown),
        gym_packages=_texts(mapping(description.get("arguments")).get("gym_packages"), shown),
        is_maximized=study.direction == StudyDirection.MAXIMIZE,
        step=_step(attributes, is_ours),
        trials=read,
        configurations=_configurations(read),
        validations=[] if validation is None else _read_validations(validation, now, shown),
        verdict=read_verdict(result, shown) if result else None,
        n_timesteps_planned=_planned(description),
        facts={what: shown(text) for what, text in facts_of(attributes, description, location).items()},
        versions={str(name): str(version) for name, version in mapping(description.get("versions")).items()},
        read_at=now,
    )


def _validation_of(storage: BaseStorage, study_name: str) -> optuna.Study | None:
    name = study_name + VALIDATION_SUFFIX
    return optuna.load_study(study_name=name, storage=storage) if name in study_names(storage) else None


def _read_trials(
    trials: Sequence[FrozenTrial], is_ours: bool, now: datetime.datetime, shown: Callable[[str], str]
) -> list[TrialData]:
    """The trials of one configuration share its number; the stock zoo seeds none, so that there each stands alone."""
    continued = {
        trial.user_attrs[CONTINUES] for trial in trials if CONTINUES in trial.user_attrs and not was_interrupted(trial)
    }
    first: dict[Any, int] = {}
    read = []
    for trial in trials:
        is_shared = is_ours and bool(trial.params)
        configuration = first.setdefault(key_of(trial.params), trial.number) if is_shared else trial.number
        read.append(read_trial(trial, configuration, continued, now, shown))
    return read


def _read_validations(study: optuna.Study, now: datetime.datetime, shown: Callable[[str], str]) -> list[TrialData]:
    """What was withdrawn before anybody began it is left out."""
    trials = study.get_trials(deepcopy=False)
    return [read_trial(t, t.number, (), now, shown) for t in trials if t.datetime_start is not None]


def _configurations(trials: Sequence[TrialData]) -> list[ConfigurationData]:
    groups: dict[int, list[TrialData]] = {}
    for trial in trials:
        groups.setdefault(trial.configuration, []).append(trial)
    return [_as_one(group) for group in groups.values()]


def _as_one(trials: list[TrialData]) -> ConfigurationData:
    # One whose continuation was handed back is where it was before.
    telling = [trial for trial in trials if trial.outcome not in (INTERRUPTED, WAITING)] or trials[-1:]
    furthest = max(trials, key=lambda trial: (trial.value is not None, _n_evaluations(trial), trial.number))
    outcome = telling[-1].outcome
    return ConfigurationData(furthest, PAUSED if outcome == WENT_ON else outcome, trials)


def _n_evaluations(trial: TrialData) -> int:
    return sum(len(curve.returns) for curve in trial.curves)


def _planned(description: Mapping[str, Any]) -> int | None:
    n_timesteps, seeds = whole(description.get("n_timesteps")), description.get("tuning_seeds")
    return n_timesteps * len(seeds) if n_timesteps is not None and isinstance(seeds, list) else None


def _step(attributes: Mapping[str, Any], is_ours: bool) -> str:
    return str(attributes.get(STEP, ENVIRONMENT_STEPS)) if is_ours else EVALUATIONS


def _texts(value: object, shown: Callable[[str], str]) -> list[str]:
    return [shown(entry) for entry in listed(value) if isinstance(entry, str)]


def _text(value: object, shown: Callable[[str], str]) -> str | None:
    return shown(value) if isinstance(value, str) else None

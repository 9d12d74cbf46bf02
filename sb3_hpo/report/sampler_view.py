"""A study as its sampler saw it when it drew a trial, in memory: sampling there changes nothing."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from sb3_hpo.commands import NEWEST
from sb3_hpo.errors import UserError
from sb3_hpo.furthest_trials import FurthestTrials
from sb3_hpo.report.plain import mapping, whole
from sb3_hpo.settings import TuningSettings
from sb3_hpo.trial_attributes import COMMAND
from sb3_hpo.trial_loading import is_ours

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optuna.distributions import BaseDistribution

STOCK_SAMPLER = "tpe"
"""The stock zoo's sampler unless told otherwise; its studies do not say."""


@dataclasses.dataclass(frozen=True)
class SamplerOfStudy:
    """The sampler that a study says it uses.

    :param name: as ``--sampler`` names it
    :param kwargs: its options
    :param n_startup_trials: trials before it learns
    :param is_known: whether the study says so
    """

    name: str
    kwargs: Mapping[str, Any]
    n_startup_trials: int
    is_known: bool


@dataclasses.dataclass(frozen=True)
class SamplerView:
    """What a sampler saw when it drew a trial.

    :param study: the study as the sampler sees it, in memory
    :param trial: the trial that is to be drawn, without params
    :param drawn: the params that were drawn in truth; empty for a trial that is still to come
    :param distributions: all params that were sampled by then
    """

    study: optuna.Study
    trial: FrozenTrial
    drawn: Mapping[str, Any]
    distributions: Mapping[str, BaseDistribution]


def sampler_of(study: optuna.Study, at_trial: int) -> SamplerOfStudy:
    """The sampler of the command that a trial belongs to, or of the newest one."""
    trials = study.get_trials(deepcopy=False)
    attributes = study.user_attrs
    newest = attributes.get(NEWEST)
    command = trials[at_trial].user_attrs.get(COMMAND, newest) if at_trial < len(trials) else newest
    settings = mapping(mapping(attributes.get(f"command:{command}")).get("settings"))
    n_startup_trials = whole(settings.get("n_startup_trials"))
    return SamplerOfStudy(
        name=str(settings.get("sampler", STOCK_SAMPLER)),
        kwargs=mapping(settings.get("sampler_kwargs")),
        n_startup_trials=TuningSettings.n_startup_trials if n_startup_trials is None else n_startup_trials,
        is_known=bool(settings),
    )


def view_at(study: optuna.Study, at_trial: int, sampler_name: str) -> SamplerView:
    """What the sampler saw when it drew a trial.

    TPE of sb3-hpo sees of each configuration the trial that came furthest (:class:`FurthestTrials`).

    :param at_trial: number of the trial; that of the next one shows the study as it is now
    :raises UserError: if the study has no trial of that number, and it is not the next one
    """
    trials = study.get_trials(deepcopy=False)
    if not 0 <= at_trial <= len(trials):
        known = f"give a number from 0 to {len(trials)}, the next one" if trials else "it has none yet"
        raise UserError(f"--at-trial {at_trial}: study {study.study_name!r} has no trial {at_trial}: {known}")
    target = trials[at_trial] if at_trial < len(trials) else None
    copy = optuna.create_study(direction=study.direction)
    copy.add_trials([_as_it_was(trial, target) for trial in trials[:at_trial]])
    number = copy._storage.create_new_trial(copy._study_id)
    seen = FurthestTrials().of(copy) if is_ours(study) and sampler_name == "tpe" else copy
    return SamplerView(
        seen,
        copy._storage.get_trial(number),
        {} if target is None else target.params,
        _distributions(trials[:at_trial]),
    )


def _as_it_was(trial: FrozenTrial, target: FrozenTrial | None) -> FrozenTrial:
    """A trial as it was when another one began: one that ended later was running."""
    began = None if target is None else target.datetime_start
    is_ended = trial.state.is_finished() and (
        began is None or (trial.datetime_complete is not None and trial.datetime_complete <= began)
    )
    if trial.state.is_finished() and not is_ended:
        return optuna.trial.create_trial(
            state=TrialState.RUNNING, params=trial.params, distributions=trial.distributions
        )
    return optuna.trial.create_trial(
        state=trial.state,
        value=trial.value if trial.state == TrialState.COMPLETE else None,
        params=trial.params,
        distributions=trial.distributions,
        intermediate_values=trial.intermediate_values if trial.state.is_finished() else {},
        system_attrs={} if trial.state.is_finished() else dict(trial.system_attrs),
    )


def _distributions(trials: Sequence[FrozenTrial]) -> dict[str, BaseDistribution]:
    return {name: distribution for trial in trials for name, distribution in trial.distributions.items()}

"""Sampler and pruner of a search on a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sb3_hpo.delegating_sampler import DelegatingSampler
from sb3_hpo.new_params import NewParams
from sb3_hpo.pruners import PruningScale, create_pruner
from sb3_hpo.samplers import SamplingContext, create_sampler
from sb3_hpo.tables.new_rows import NewRows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler

    from sb3_hpo.settings import TuningSettings
    from sb3_hpo.tables.curve_table import CurveTable
    from sb3_hpo.transforms import Plain


def table_sampler(
    table: CurveTable,
    settings: TuningSettings,
    draw_seed: Callable[[], int],
    *,
    may_repeat: bool = False,
    default: Mapping[str, Plain] | None = None,
) -> BaseSampler:
    """The sampler that settings name, for the space of a table.

    :param default: params of the configuration that is tuned from; a table has none of its own
    :param draw_seed: gives a new seed each time
    :param may_repeat: whether a sampler is to be Optuna's own, which may propose something twice
    :raises UserError: if the sampler cannot work on this space
    """
    context = SamplingContext(table.space, draw_seed(), draw_seed(), settings.n_startup_trials, default)
    sampler = create_sampler(settings.sampler, context, settings.sampler_kwargs)
    if not isinstance(sampler, NewParams):
        return sampler
    return _optunas_own(sampler) if may_repeat else NewRows(sampler.sampler, table, draw_seed())


def _optunas_own(sampler: BaseSampler) -> BaseSampler:
    while isinstance(sampler, DelegatingSampler):
        sampler = sampler.sampler
    return sampler


def table_pruner(table: CurveTable, settings: TuningSettings) -> BasePruner:
    """The pruner that settings name; its steps are evaluations of the table.

    :raises UserError: if the pruner cannot work
    """
    scale = PruningScale(table.n_evaluations, settings.n_seeds, settings.n_startup_trials, settings.n_evaluations)
    return create_pruner(settings.pruner, scale, settings.pruner_kwargs)

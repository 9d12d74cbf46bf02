"""A sampler that proposes no configuration of a table twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sb3_hpo.new_params import NewParams

if TYPE_CHECKING:
    from collections.abc import Mapping

    import optuna
    from optuna.samplers import BaseSampler

    from sb3_hpo.tables.curve_table import CurveTable


class NewRows(NewParams):
    """Proposes no configuration of the table twice: one that is sampled in a tuning is another one each time.

    :param sampler: what learns
    """

    def __init__(self, sampler: BaseSampler, table: CurveTable, seed: int) -> None:
        super().__init__(sampler, table.space, seed)
        self._table = table

    def key(self, params: Mapping[str, Any]) -> frozenset[tuple[str, Any]]:
        """The configuration that is nearest."""
        return frozenset({("row", self._table.index(params))})

    def is_exhausted(self, study: optuna.Study) -> bool:
        """Whether all configurations of the table were proposed."""
        return len(self.known_params(study)) == len(self._table.curves)

"""What a worker is told when it starts."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from sb3_hpo.settings import TuningSettings

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class WorkerPlan:
    """What a worker is told; it reaches the process by a pipe, so that no list of processes shows it.

    :param storage: where the study is kept, its password included
    :param study_name: the study
    :param command: key of the command to work for
    :param settings: of that command, on this machine
    :param gym_packages: modules that may be imported
    :param n_threads: of torch; None for torch's own choice
    """

    storage: str
    study_name: str
    command: str
    settings: TuningSettings
    gym_packages: tuple[str, ...]
    n_threads: int | None

    def __repr__(self) -> str:
        # Shown in tracebacks and logs: without the password.
        return f"WorkerPlan(study_name={self.study_name!r}, command={self.command!r})"

    def as_mapping(self) -> dict[str, Any]:
        """The plan as plain values, its password included."""
        return dataclasses.asdict(self)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> WorkerPlan:
        """The plan that :meth:`as_mapping` made these values of, by way of JSON or not."""
        settings = TuningSettings.from_mappings(("the plan", values["settings"]))
        return cls(**{**values, "settings": settings, "gym_packages": tuple(values["gym_packages"])})


@dataclasses.dataclass(frozen=True, repr=False)
class StockWorkerPlan(WorkerPlan):
    """What a worker is told that only validates, a study that the stock zoo made: the zoo does not keep what it is of.

    :param algo: the zoo's name of the algorithm
    :param env: identifier of the environment
    :param n_timesteps: environment steps of a training; None for those of the zoo's configuration
    """

    algo: str
    env: str
    n_timesteps: int | None

"""What is compared: which searches, what each of them may spend, and what judges them."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

from sb3_hpo.errors import UserError
from sb3_hpo.pruners import check_pruner
from sb3_hpo.samplers import check_sampler
from sb3_hpo.settings import TuningSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DEFAULT_SAMPLERS = ("grid", "random", "tpe")
DEFAULT_BUDGET = 20
"""Trainings that each search may spend where neither trainings nor time are given."""


@dataclasses.dataclass(frozen=True)
class Search:
    """One of the searches.

    :param sampler: its name
    :param repetition: from 0 on; searches of one repetition have the same seeds
    """

    sampler: str
    repetition: int

    @property
    def name(self) -> str:
        """What it is called in names of studies and in lines of text."""
        return f"{self.sampler}-{self.repetition}"


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is compared. Values are checked here.

    :param samplers: names of the samplers, each once
    :param pruner: what every search gives trainings up with. With ``none`` the samplers alone differ: each trial costs
        one training, and no sampler is judged by how well it gets on with a pruner
    :param budget: trainings that each search may spend, in environment steps; None where ``timeout`` bounds it
    :param timeout: seconds of training that each search may spend; None where ``budget`` bounds it
    :param n_repetitions: searches by each sampler
    :param n_seeds: fresh seeds that judge what was found
    :param seed: what all seeds are derived from
    :param grid_points: values of each numeric parameter that a grid has; None for those of a table that is a grid, and
        else the default of the sampler
    :param n_evaluations: evaluations during one training, evenly spaced
    :param n_eval_episodes: episodes of one of them
    """

    samplers: tuple[str, ...] = DEFAULT_SAMPLERS
    pruner: str = "none"
    budget: int | None = DEFAULT_BUDGET
    timeout: float | None = None
    n_repetitions: int = 5
    n_seeds: int = 5
    seed: int = 0
    grid_points: int | None = None
    n_evaluations: int = TuningSettings.n_evaluations
    n_eval_episodes: int = TuningSettings.n_eval_episodes

    def __post_init__(self) -> None:
        if not self.samplers:
            raise UserError(f"--samplers names no sampler: give some, such as {','.join(DEFAULT_SAMPLERS)}")
        for sampler in self.samplers:
            check_sampler(sampler)
        check_pruner(self.pruner)
        for option, value in (
            ("budget", self.budget),
            ("repetitions", self.n_repetitions),
            ("n-seeds", self.n_seeds),
            ("n-evaluations", self.n_evaluations),
            ("eval-episodes", self.n_eval_episodes),
        ):
            if value is not None and value < 1:
                raise UserError(f"--{option} is {value}, it must be at least 1")
        if self.seed < 0:
            raise UserError(f"--seed is {self.seed}, it must be 0 or more")
        if (self.budget is None) == (self.timeout is None):
            raise UserError("a search is bounded by --budget or by --timeout: give one of the two")
        if self.timeout is not None and not (math.isfinite(self.timeout) and self.timeout > 0):
            raise UserError(f"--timeout is {self.timeout:g}, it must be a number of seconds above 0")

    @property
    def searches(self) -> Iterator[Search]:
        """All searches in the order in which they take their turn: by repetitions, each beginning with another sampler.

        So what else the machine does meanwhile falls upon all samplers alike.
        """
        n = len(self.samplers)
        for repetition in range(self.n_repetitions):
            for i in range(n):
                yield Search(self.samplers[(repetition + i) % n], repetition)

    def settings(self, search: Search, **options: Any) -> TuningSettings:
        """How one search is made: one tuning seed, and nothing that depends on how fast the machine is.

        :param options: other settings
        """
        return TuningSettings(
            **{
                "sampler": search.sampler,
                "sampler_kwargs": self._sampler_kwargs(search.sampler),
                "pruner": self.pruner,
                "n_evaluations": self.n_evaluations,
                "n_eval_episodes": self.n_eval_episodes,
                "yes": True,
                "n_finalists": 1,
                "n_validation_seeds": 0,
                "max_trial_cost": None,
                **options,
            }
        )

    def _sampler_kwargs(self, sampler: str) -> Mapping[str, Any]:
        return {"points": self.grid_points} if sampler == "grid" and self.grid_points is not None else {}

"""How many seeds a validation trains on, so that it ends in the time there is with something to say."""

from __future__ import annotations

import dataclasses

from sb3_hpo.comparison import MIN_SEEDS_FOR_A_VERDICT

N_AHEAD = 2
"""Finalists that get the next seed: the leader and its challenger. As many trainings choose at least: one alone would
say how good the leader is, and compare it with nothing."""

JUDGING_SHARE = 0.7
"""Share of the trainings that compare the chosen finalist with the default where there are too few for all."""
JUDGING_SHARE_IN_A_TIE = 0.5
"""The same where the search has not told the best finalists apart, which leaves it to the selection seeds."""


@dataclasses.dataclass(frozen=True)
class ValidationPlan:
    """What to train.

    :param n_finalists: finalists that compete
    :param n_selection_trainings: trainings that choose among them; 0 to take the first one
    :param n_seeds: seeds that the chosen finalist and the default are compared on
    """

    n_finalists: int
    n_selection_trainings: int
    n_seeds: int

    @property
    def n_trainings(self) -> int:
        """Trainings that it takes, fewer if two finalists keep the lead."""
        return self.n_selection_trainings + (1 + min(1, self.n_finalists)) * self.n_seeds

    def within(self, n_trainings: int, *, in_a_tie: bool = False) -> ValidationPlan:
        """The plan cut down to a number of trainings.

        The comparison with the default comes first, with the seeds that a verdict needs; what is left chooses among
        the finalists. With less than that it is the plan that comes nearest to a verdict.

        :param in_a_tie: whether several finalists had the best score in the search
        """
        if self.n_trainings <= n_trainings or not self.n_finalists:
            return self
        share = JUDGING_SHARE_IN_A_TIE if in_a_tie else JUDGING_SHARE
        n_seeds = min(self.n_seeds, max(MIN_SEEDS_FOR_A_VERDICT, int(share * n_trainings) // 2))
        n_selection_trainings = min(self.n_selection_trainings, n_trainings - 2 * n_seeds)
        if n_selection_trainings < N_AHEAD:
            return ValidationPlan(1, 0, min(self.n_seeds, max(MIN_SEEDS_FOR_A_VERDICT, n_trainings // 2)))
        return ValidationPlan(self.n_finalists, n_selection_trainings, n_seeds)

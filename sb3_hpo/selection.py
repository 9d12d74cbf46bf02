"""Successive elimination among the finalists, on seeds that judge nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sb3_hpo.elimination import MIN_SEEDS_TO_ELIMINATE, level, survivors
from sb3_hpo.scores import mean
from sb3_hpo.seeds import bootstrap_generator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sb3_hpo.candidates import Candidate
    from sb3_hpo.interruption import Deadline
    from sb3_hpo.validation_trainings import Trainings


class Selection:
    """Successive elimination among the finalists."""

    def __init__(self, finalists: Sequence[Candidate]) -> None:
        self.seeds: list[int] = []
        self._running = list(finalists)
        self._eliminated: list[Candidate] = []
        self._failed: list[Candidate] = []

    @property
    def ranking(self) -> list[Candidate]:
        """The finalists that did not fail, from the best to the worst; those that were eliminated early come last."""
        return [*self._running, *self._eliminated]

    @property
    def failed(self) -> list[Candidate]:
        """The finalists of which a training failed."""
        return self._failed

    def drop_failed(self, trainings: Trainings) -> bool:
        """Take those that failed out of the ranking; False if there are none."""
        failed = [candidate for candidate in self.ranking if trainings.failure(candidate) is not None]
        self._running = [candidate for candidate in self._running if candidate not in failed]
        self._eliminated = [candidate for candidate in self._eliminated if candidate not in failed]
        self._failed += failed
        return bool(failed)

    def is_eliminated(self, candidate: Candidate) -> bool:
        """Whether a finalist was stopped."""
        return candidate in self._eliminated

    def run(self, trainings: Trainings, seeds: Sequence[int], deadline: Deadline) -> None:
        """Train the finalists seed by seed, fewer of them as it becomes clear which are worse."""
        for n_seeds in range(min(MIN_SEEDS_TO_ELIMINATE, len(seeds)), len(seeds) + 1):
            so_far = seeds[:n_seeds]
            is_complete = self._train(trainings, so_far, seeds[n_seeds:], deadline)
            while not is_complete and self.drop_failed(trainings):
                is_complete = self._train(trainings, so_far, seeds[n_seeds:], deadline)
            if not self._running:
                return
            n_done = min(len(trainings.scores(candidate, so_far)) for candidate in self._running)
            self.seeds = list(seeds[:n_done])
            if self.seeds:
                self._rank(trainings)
            if not is_complete or len(self._running) == 1:
                return

    def _train(self, trainings: Trainings, seeds: Sequence[int], later: Sequence[int], deadline: Deadline) -> bool:
        pairs, ahead = ([(c, seed) for seed in some for c in self._running] for some in (seeds, later))
        return trainings.complete(pairs, deadline, ahead)

    def _rank(self, trainings: Trainings) -> None:
        scores = {c.fingerprint: trainings.scores(c, self.seeds) for c in self._running}
        late = {c.fingerprint: trainings.late_means(c, self.seeds) for c in self._running}
        # In a tie, as at a ceiling, the one that was there all along the last quarter.
        steadiness = {name: 0.0 if None in late.values() else float(mean(means or [])) for name, means in late.items()}
        staying = survivors(scores, bootstrap_generator(0))
        ordered = sorted(
            self._running, key=lambda c: (*level(scores[c.fingerprint]), steadiness[c.fingerprint]), reverse=True
        )
        self._running = [c for c in ordered if c.fingerprint in staying]
        self._eliminated = [*(c for c in ordered if c.fingerprint not in staying), *self._eliminated]

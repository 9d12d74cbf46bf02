"""The choice among the finalists, on seeds that judge nothing else: each next seed goes to the two that lead.

A seed for each of eight finalists is spent mostly on those that will not be chosen. To train the one that leads until
it falls behind, and the one that comes next, finds out at once who was merely lucky: with many arms, of which several
are good, greedy is hard to beat (Bayati, Hamidi, Johari and Khosravi, "Unreasonable effectiveness of greedy algorithms
in multi-armed bandit with many arms", 2020), and the challenger beside the leader keeps one bad seed from settling it
(Russo, "Simple Bayesian algorithms for best-arm identification", 2020). So who leads has seeds that others have not;
what such a seed adds to all scores is taken off them (:mod:`sb3_hpo.seed_effects`). ``benchmarks/choosing.py``
compares it with others.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sb3_hpo.elimination import is_clearly_worse
from sb3_hpo.scores import mean
from sb3_hpo.seed_effects import less_seed_effects
from sb3_hpo.seeds import bootstrap_generator
from sb3_hpo.shrinkage import mean_beyond_chance, posterior_means
from sb3_hpo.validation_plan import N_AHEAD

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sb3_hpo.candidates import Candidate
    from sb3_hpo.interruption import Deadline
    from sb3_hpo.training_queue import Pair
    from sb3_hpo.validation_trainings import Trainings


class Selection:
    """The finalists, ranked by the seeds that they were trained on so far.

    Which seeds those are depends on the scores alone, not on what happens to have been trained by then: so it comes to
    the same with one worker and with many, and after an interruption.

    :param finalists: the most promising one first
    """

    def __init__(self, finalists: Sequence[Candidate]) -> None:
        self.seeds: list[int] = []
        """The seeds of the finalist that has got most of them."""
        self.ranking = list(finalists)
        """The finalists that did not fail, from the best to the worst."""
        self.failed: list[Candidate] = []
        """The finalists of which a training failed."""
        self._n_seeds = {candidate.fingerprint: 0 for candidate in finalists}
        self._n_known = 0

    def drop_failed(self, trainings: Trainings) -> bool:
        """Take those that failed out of the ranking; False if there are none."""
        failed = [candidate for candidate in self.ranking if trainings.failure(candidate) is not None]
        self.ranking = [candidate for candidate in self.ranking if candidate not in failed]
        self.failed += failed
        return bool(failed)

    def seeds_of(self, candidate: Candidate) -> list[int]:
        """The seeds that a finalist got."""
        return self.seeds[: self._n_seeds.get(candidate.fingerprint, 0)]

    def run(
        self,
        trainings: Trainings,
        known_seeds: Sequence[int],
        selection_seeds: Sequence[int],
        n_trainings: int,
        deadline: Deadline,
    ) -> None:
        """Train finalists, the two that lead again and again, until both of them have all seeds or one is left.

        :param known_seeds: seeds of the search, which count like the others: all have a score on the first one, and
            some on further ones
        :param selection_seeds: in their order; what an earlier command has trained on them is not trained again
        :param n_trainings: trainings that there may be, those included
        """
        seeds = [*known_seeds, *selection_seeds]
        known = {c.fingerprint: _n_known(c, known_seeds) for c in self.ranking}
        self._n_seeds = dict(known)
        self._n_known = min(known.values(), default=0)
        is_complete = True
        while True:
            self.seeds = seeds[: max((self._n_seeds[c.fingerprint] for c in self.ranking), default=0)]
            self._rank(trainings)
            left = n_trainings - sum(self._n_seeds.values()) + sum(known.values())
            wanted = self._wanted(trainings, seeds)[: max(0, left)]
            if not wanted or not is_complete:
                break
            is_complete = trainings.complete(wanted, deadline, self._later(seeds, wanted)[: left - len(wanted)])
            for candidate, seed in wanted:
                self._n_seeds[candidate.fingerprint] += trainings.has(candidate, seed)
            is_complete = self.drop_failed(trainings) or is_complete
        self._rank(trainings, is_last=True)

    def _wanted(self, trainings: Trainings, seeds: Sequence[int]) -> list[Pair]:
        """The next seed of those that have none, or else of the two that lead; nothing where one is left alone."""
        n_done = [self._n_seeds[candidate.fingerprint] for candidate in self.ranking]
        waiting = [(c, seeds[n]) for c, n in zip(self.ranking, n_done, strict=True) if n < len(seeds)]
        new = [pair for pair in waiting if not self._n_seeds[pair[0].fingerprint]]
        ahead = [] if new else self._ahead(trainings)
        return new or [pair for pair in waiting if len(ahead) == N_AHEAD and pair[0] in ahead]

    def _ahead(self, trainings: Trainings) -> list[Candidate]:
        """The leader, and the best of the others that is not clearly worse."""
        scores = self._scores(trainings)
        ahead: list[Candidate] = []
        for candidate in self.ranking:
            leader = scores[self.ranking[0].fingerprint]
            if not is_clearly_worse(scores[candidate.fingerprint], leader, bootstrap_generator(0)):
                ahead.append(candidate)
            if len(ahead) == N_AHEAD:
                break
        return ahead

    def _later(self, seeds: Sequence[int], wanted: Sequence[Pair]) -> list[Pair]:
        """What comes next, from the leader on, for workers that have nothing else to do."""
        pairs = [(c, seed) for c in self.ranking for seed in seeds[self._n_seeds[c.fingerprint] :]]
        return [pair for pair in pairs if pair not in wanted]

    @staticmethod
    def levelled(scores: Mapping[str, Sequence[float]], n_known: int) -> dict[str, list[float]]:
        """The scores, those of the search less what they are too high by on average, as far as that is beyond chance.

        A seed may be easier for all of them, and the highest of many scores are mostly lucky. Who has no other one
        would win by that. While there is something to train, it may: so every finalist gets its turn, and a search that
        looks where it expects too much finds more (``benchmarks/choosing.py``).

        :param scores: finalist -> its scores, those of the search first
        :param n_known: number of scores of the search
        """
        falls = [float(mean(s[:n_known]) - mean(s[n_known:])) for s in scores.values() if 0 < n_known < len(s)]
        fall = mean_beyond_chance(falls)
        return {name: [*(score - fall for score in s[:n_known]), *s[n_known:]] for name, s in scores.items()}

    def _scores(self, trainings: Trainings) -> dict[str, list[float]]:
        """Finalist -> its scores; those on seeds that only some of them have as if these were no easier or harder."""
        scores = {c.fingerprint: trainings.scores(c, self.seeds_of(c)) for c in self.ranking}
        return less_seed_effects(scores, self._n_known)

    def _rank(self, trainings: Trainings, *, is_last: bool = False) -> None:
        """From the best to the worst; the last time what the scores of the search are too high by is taken off."""
        scores = self.levelled(self._scores(trainings), self._n_known if is_last else 0)
        known = {name: values for name, values in scores.items() if values}
        expected = posterior_means(known) if known else {}
        late = {c.fingerprint: trainings.late_means(c, self.seeds_of(c)) for c in self.ranking}
        # In a tie, as at a ceiling, the one that was there all along the last quarter.
        is_known = None not in late.values()
        steadiness = {name: float(mean(means)) if is_known and means else 0.0 for name, means in late.items()}

        def place(candidate: Candidate) -> tuple[float, int, float]:
            name = candidate.fingerprint
            return expected.get(name, -math.inf), len(scores[name]), steadiness[name]

        self.ranking.sort(key=place, reverse=True)


def _n_known(candidate: Candidate, known_seeds: Sequence[int]) -> int:
    """How many of the seeds of the search, from the first one on, a finalist has a score on."""
    missing = (place for place, seed in enumerate(known_seeds) if seed not in candidate.tuning_scores)
    return next(missing, len(known_seeds))

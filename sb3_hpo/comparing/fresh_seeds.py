"""What the searches found, trained on seeds that none of them saw: each configuration once, whoever found it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sb3_hpo.validation_trainings import Trainings, open_validation_study, train_and_evaluate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from optuna.storages import BaseStorage

    from sb3_hpo.candidates import Candidate
    from sb3_hpo.task import Task
    from sb3_hpo.workforce import Workforce


class FreshTrainings:
    """Trainings on fresh seeds, kept as those of a validation are: what was trained before is not trained again.

    :param name: what the name of the study that keeps them begins with
    :param seeds: the fresh seeds
    :param n_episodes: deterministic episodes that judge one trained agent
    :param interrupted: asked at every step whether to give a training up
    :param on_run: called after every training
    :param on_failure: called after a training that failed with its candidate and the reason
    :param workforce: who trains; None for this process
    """

    def __init__(
        self,
        storage: BaseStorage,
        name: str,
        task: Task,
        seeds: Sequence[int],
        n_episodes: int,
        interrupted: Callable[[], bool],
        on_run: Callable[[], None],
        on_failure: Callable[[Candidate, str], None],
        workforce: Workforce | None = None,
    ) -> None:
        self._seeds = list(seeds)
        self._trainings = Trainings(
            open_validation_study(storage, name),
            task,
            n_episodes,
            interrupted,
            lambda candidate, score: on_run(),
            train_and_evaluate,
            on_failure,
            workforce,
        )

    def n_known(self, candidates: Sequence[Candidate]) -> int:
        """Trainings of these that were done before."""
        return sum(len(self._trainings.scores(candidate, self._seeds)) for candidate in candidates)

    def complete(self, candidates: Sequence[Candidate]) -> bool:
        """Train all of them on all seeds; False if it was stopped before the end.

        One of which a training fails is not trained on its other seeds.
        """
        left = list(candidates)
        try:
            while not self._trainings.complete([(candidate, seed) for candidate in left for seed in self._seeds]):
                sound = [candidate for candidate in left if self._trainings.failure(candidate) is None]
                if len(sound) == len(left):
                    return False
                left = sound
            return True
        finally:
            self._trainings.close()

    def scores(self, candidates: Sequence[Candidate]) -> dict[str, list[float]]:
        """Fingerprint -> score on each fresh seed.

        A training that failed is worth the least that any of these trainings was worth, and so are those that it left
        undone.
        """
        known = {c.fingerprint: self._trainings.scores(c, self._seeds) for c in candidates}
        least = min((score for scores in known.values() for score in scores), default=0.0)
        return {key: [*scores, *[least] * (len(self._seeds) - len(scores))] for key, scores in known.items()}

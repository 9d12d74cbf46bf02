"""What the searches found, trained on seeds that none of them saw: each configuration once, whoever found it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sb3_hpo.retries import reap
from sb3_hpo.settings import TuningSettings
from sb3_hpo.validation_trainings import Trainings, open_validation_study, train_and_evaluate
from sb3_hpo.wording import count

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from optuna.storages import BaseStorage

    from sb3_hpo.candidates import Candidate
    from sb3_hpo.display import Display
    from sb3_hpo.task import Task
    from sb3_hpo.workforce import Workforce


class Judging:
    """Trainings on fresh seeds, kept as those of a validation are: what was trained before is not trained again.

    :param name: what the name of the study that keeps them begins with
    :param seeds: the fresh seeds
    :param interrupted: asked at every step whether to give a training up
    """

    def __init__(
        self,
        storage: BaseStorage,
        name: str,
        task: Task,
        seeds: Sequence[int],
        interrupted: Callable[[], bool],
        display: Display,
    ) -> None:
        self._study = open_validation_study(storage, name)
        self._task = task
        self._seeds = list(seeds)
        self._interrupted = interrupted
        self._display = display
        self._n_done = 0
        reap(self._study)

    def n_missing(self, candidates: Sequence[Candidate]) -> int:
        """Trainings of these that are not done yet."""
        trainings = self._trainings(None)
        n_known = sum(len(trainings.scores(candidate, self._seeds)) for candidate in candidates)
        return len(candidates) * len(self._seeds) - n_known

    def scores(
        self, candidates: Sequence[Candidate], workforce: Workforce | None = None
    ) -> dict[str, list[float]] | None:
        """Train candidates on all seeds; None if that was stopped before the end.

        A training that failed is worth the least that any of these trainings was worth, and so are those of the same
        candidate that it left undone.

        :param workforce: who trains; None for this process
        :return: fingerprint -> score on each fresh seed
        """
        n_trainings = len(candidates) * len(self._seeds)
        self._n_done = n_trainings - self.n_missing(candidates)
        self._display.line(
            f"{count(len(candidates), 'configuration')} on {count(len(self._seeds), 'fresh seed')}: "
            f"{count(n_trainings, 'training')}, {self._n_done:,} of them done before"
        )
        trainings = self._trainings(workforce)
        self._display.begin("judge", n_trainings, lambda: None)
        self._show_progress()
        try:
            is_complete = self._complete(trainings, list(candidates))
        finally:
            trainings.close()
            self._display.end()
        if not is_complete:
            self._display.line(f"{self._n_done:,} of {n_trainings:,} trainings are done; the same command goes on")
            return None
        known = {candidate.fingerprint: trainings.scores(candidate, self._seeds) for candidate in candidates}
        least = min((score for scores in known.values() for score in scores), default=0.0)
        return {key: [*scores, *[least] * (len(self._seeds) - len(scores))] for key, scores in known.items()}

    def _complete(self, trainings: Trainings, candidates: list[Candidate]) -> bool:
        """Train all; one of which a training fails is not trained on its other seeds. False if it was stopped."""
        while not trainings.complete([(candidate, seed) for candidate in candidates for seed in self._seeds]):
            sound = [candidate for candidate in candidates if trainings.failure(candidate) is None]
            if len(sound) == len(candidates):
                return False
            candidates = sound
        return True

    def _trainings(self, workforce: Workforce | None) -> Trainings:
        return Trainings(
            self._study,
            self._task,
            TuningSettings.n_validation_episodes,
            self._interrupted,
            self._training_ended,
            train_and_evaluate,
            self._training_failed,
            workforce,
        )

    def _training_ended(self, candidate: Candidate, score: float) -> None:
        self._n_done += 1
        self._show_progress()

    def _training_failed(self, candidate: Candidate, reason: str) -> None:
        self._display.line(f"on fresh seeds {candidate.name} failed: {reason}", "red")

    def _show_progress(self) -> None:
        self._display.progress(self._n_done, "trainings on fresh seeds")

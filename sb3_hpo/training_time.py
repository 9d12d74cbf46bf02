"""Where the time of a training goes: environment, gradient steps, evaluation, storage."""

from __future__ import annotations

import time

from stable_baselines3.common.callbacks import BaseCallback

ENVIRONMENT = "environment"
"""Steps of the training environments, with the choice of the actions."""
GRADIENT_STEPS = "gradient steps"
"""What the model learns from them."""
EVALUATION = "evaluation"
"""Episodes that evaluate it."""
STORAGE = "storage"
"""Reports to the trial, and the pruner's look at the study."""


class TrainingTimer(BaseCallback):
    """Measures where the time of a training goes; SB3 learns between the end of a rollout and the next one.

    Costs half a microsecond a rollout. ARS has no rollouts: what it learns counts as environment.
    """

    def __init__(self) -> None:
        super().__init__()
        self._started = time.monotonic()
        self._rollout_ended: float | None = None
        self._gradient_steps = 0.0
        self._ended: float | None = None

    def _on_training_start(self) -> None:
        self._started = time.monotonic()

    def _on_rollout_start(self) -> None:
        if self._rollout_ended is not None:
            self._gradient_steps += time.monotonic() - self._rollout_ended

    def _on_rollout_end(self) -> None:
        self._rollout_ended = time.monotonic()

    def _on_training_end(self) -> None:
        self._on_rollout_start()
        self._ended = time.monotonic()

    def _on_step(self) -> bool:
        return True

    def seconds(self, evaluation: float, storage: float) -> dict[str, float]:
        """Seconds of the training so far, by what they were spent on.

        :param evaluation: seconds that were spent on evaluations
        :param storage: seconds that were spent on the storage
        """
        ended = time.monotonic() if self._ended is None else self._ended
        environment = max(0.0, ended - self._started - self._gradient_steps - evaluation - storage)
        parts = (environment, self._gradient_steps, evaluation, storage)
        names = (ENVIRONMENT, GRADIENT_STEPS, EVALUATION, STORAGE)
        return {name: round(value, 3) for name, value in zip(names, parts, strict=True)}

"""TensorBoard's log of a search: one run for each trial and training seed, with its hyperparameters.

The curves are those of SB3's own logger. The hyperparameters are written when a training ends, with what became of it,
so that TensorBoard's HParams view compares the trials by their score.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
from typing import TYPE_CHECKING, Any

import optuna
from stable_baselines3.common.logger import HParam, configure

from sb3_hpo.trial_attributes import TrialInterruptedError, TrialPausedError
from sb3_hpo.trial_summary import flat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from stable_baselines3.common.base_class import BaseAlgorithm
    from stable_baselines3.common.logger import Logger

SCORE = "score"
"""Metric of a run that came to its end: what its learning curve is worth."""

MEAN_RETURN = "eval/mean_reward"
"""Metric of every run: mean return of its last evaluation, by the name that SB3 gives it."""

_OUTCOMES: tuple[tuple[type[BaseException], str], ...] = (
    (TrialPausedError, "paused"),
    (optuna.TrialPruned, "pruned"),
    (TrialInterruptedError, "interrupted"),
    (KeyboardInterrupt, "interrupted"),
)


@dataclasses.dataclass(frozen=True)
class Entry:
    """What is written of a training when it ends.

    :param trial: number of its trial
    :param continues: number of the trial that it goes on with; None for a training from the beginning
    :param hyperparams: sampled hyperparameters in SB3's terms
    :param run: the training, as the trial's attribute ``runs`` has it; it fills while the training runs
    :param score: what its learning curve is worth, once it has come to its end
    """

    trial: int
    continues: int | None
    hyperparams: Mapping[str, Any]
    run: Mapping[str, Any]
    score: Callable[[], float | None]

    @property
    def name(self) -> str:
        """Name of the run; one that goes on names the trial that it goes on with."""
        came_from = f"_from_trial_{self.continues}" if "resumed_at" in self.run else ""
        return f"trial_{self.trial}_seed_{self.run['seed']}{came_from}"


class TensorBoardLog:
    """The runs of a study.

    :param folder: folder that they are written in, one folder each
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextlib.contextmanager
    def training(self, entry: Entry) -> Iterator[Callable[[BaseAlgorithm], None]]:
        """Log a training, and what became of it when it ends.

        :return: what a model is given to before it is trained
        """
        begun: list[tuple[BaseAlgorithm, Logger]] = []

        def begin(model: BaseAlgorithm) -> None:
            logger = configure(str(self._new_folder(entry.name)), ["tensorboard"])
            model.set_logger(logger)
            begun.append((model, logger))

        outcome = "failed"
        try:
            yield begin
            outcome = "complete"
        except BaseException as error:
            outcome = next((word for kind, word in _OUTCOMES if isinstance(error, kind)), outcome)
            raise
        finally:
            for model, logger in begun:
                _end(logger, entry, outcome, model.num_timesteps)

    def _new_folder(self, name: str) -> Path:
        """A folder that no run is in: a study that was deleted may have had the same name."""
        names = itertools.chain([name], (f"{name}_{n}" for n in itertools.count(2)))
        return next(folder for folder in map(self._folder.joinpath, names) if not folder.exists())


@contextlib.contextmanager
def no_log() -> Iterator[Callable[[BaseAlgorithm], None]]:
    """Log nothing of a training."""
    yield lambda model: None


def _end(logger: Logger, entry: Entry, outcome: str, n_timesteps: int) -> None:
    score = entry.score() if outcome == "complete" else None
    if score is not None:
        logger.record(SCORE, score)
    about = {"trial": entry.trial, "seed": entry.run["seed"], "outcome": outcome}
    logger.record("hparams", HParam({**flat(entry.hyperparams), **about}, {SCORE: 0.0, MEAN_RETURN: 0.0}))
    logger.dump(n_timesteps)
    logger.close()

"""The best model of each finished trial, and of no other, in a folder."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import optuna
from stable_baselines3.common.callbacks import BaseCallback

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BEST_MODEL = "best_model.zip"
"""What ``EvalCallback`` calls the model with the best mean return."""
VEC_NORMALIZE = "vecnormalize.pkl"
"""What the zoo calls the statistics of ``VecNormalize``."""


class SaveVecNormalizeCallback(BaseCallback):
    """Saves the statistics of ``VecNormalize``, where there is one, beside the best model.

    :param folder: folder that the model is saved in
    """

    def __init__(self, folder: str) -> None:
        super().__init__()
        self._path = Path(folder) / VEC_NORMALIZE

    def _on_step(self) -> bool:
        normalize = self.model.get_vec_normalize_env()
        if normalize is not None:
            normalize.save(str(self._path))
        return True


@contextlib.contextmanager
def trial_models(
    number: int, seeds: Sequence[int], *, kept_in: Path | None, saved_in: Path | None
) -> Iterator[dict[int, str | None]]:
    """For each seed, the folder in which its training saves its best model; None for none.

    When the block ends, or the trial is pruned, the models are kept. Of a trial that ends otherwise nothing is.

    :param number: number of the trial
    :param seeds: seeds that the trial is trained on; with more than one, the seed is part of a model's name
    :param kept_in: folder in which models are kept as ``trial_N.zip``; None to keep none
    :param saved_in: folder of the trial in which its best models are saved, however it ends; None for a temporary one
    """
    with contextlib.ExitStack() as temporary:
        if saved_in is None and kept_in is not None:
            saved_in = Path(temporary.enter_context(tempfile.TemporaryDirectory(prefix="sb3_hpo_")))
        folders = {seed: _folder(saved_in, seed, len(seeds)) for seed in seeds}
        try:
            yield folders
        except optuna.TrialPruned:
            _keep(number, folders, kept_in)
            raise
        _keep(number, folders, kept_in)


def _folder(parent: Path | None, seed: int, n_seeds: int) -> str | None:
    if parent is None:
        return None
    return str(parent if n_seeds == 1 else parent / f"seed_{seed}")


def _keep(number: int, folders: dict[int, str | None], kept_in: Path | None) -> None:
    if kept_in is None:
        return
    kept_in.mkdir(parents=True, exist_ok=True)
    for seed, folder in folders.items():
        name = f"trial_{number}" if len(folders) == 1 else f"trial_{number}_seed_{seed}"
        if folder is not None:
            _copy(Path(folder) / VEC_NORMALIZE, kept_in / f"{name}_{VEC_NORMALIZE}")
            _copy(Path(folder) / BEST_MODEL, kept_in / f"{name}.zip")


def _copy(source: Path, target: Path) -> None:
    """Copy a file, whole or not at all, where there is one."""
    if not source.exists():
        return
    handle, partial = tempfile.mkstemp(prefix=".", dir=target.parent)
    os.close(handle)
    try:
        shutil.copyfile(source, partial)
        Path(partial).chmod(0o644)
        Path(partial).replace(target)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(target)) from error
    finally:
        Path(partial).unlink(missing_ok=True)

"""Checkpoints of paused trainings: what it takes to go on with one instead of training it anew.

They are no part of the study, only time saved: where one is missing (another machine, a full disk, a folder that was
cleaned up) the training is done anew from its seed. They lie in the study's folder, and are trusted as all that SB3
saves there is.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import pickle
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from stable_baselines3.common.buffers import NStepReplayBuffer
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.vec_env import VecNormalize

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stable_baselines3.common.base_class import BaseAlgorithm
    from stable_baselines3.common.buffers import ReplayBuffer
    from stable_baselines3.common.vec_env import VecEnv

    from sb3_hpo.task import Training

MAX_BYTES = 2 * 1024**3
"""Bytes that the checkpoints of a study take at most; beyond, the oldest ones go."""

_MODEL = "model.zip"
_REPLAY_BUFFER = "replay_buffer.pkl.gz"
_NORMALIZE = "vecnormalize.pkl"
_ABOUT = "about.json"


class Checkpoints:
    """The checkpoints of a study, one for each paused trial.

    :param folder: folder that they are kept in; made when the first one is
    :param max_bytes: bytes that they take at most
    """

    def __init__(self, folder: Path, max_bytes: int = MAX_BYTES) -> None:
        self._folder = folder
        self._max_bytes = max_bytes

    def keep(self, number: int, training: Training, model: BaseAlgorithm, about: Mapping[str, Any]) -> bool:
        """Keep a training as it is; False, and nothing kept, where that cannot be done.

        :param number: number of the trial that pauses
        :param about: what the training is, in plain values: it goes on only as the same one
        """
        if _size_of_buffer(model) > self._max_bytes:
            return False
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".", dir=self._folder, ignore_cleanup_errors=True) as partial:
                new = Path(partial) / "new"
                new.mkdir()
                training.save(model, new)
                (new / _ABOUT).write_text(json.dumps(about, sort_keys=True), encoding="utf-8")
                self.drop(number)
                new.rename(self._place(number))
        except (OSError, pickle.PicklingError):
            # A full disk, or something of the user's that cannot be written: the trial is as good without.
            return False
        self._make_room(keep=number)
        return True

    def restore(self, number: int, training: Training, about: Mapping[str, Any], seed: int) -> BaseAlgorithm | None:
        """The model of a paused training with its environments; None where there is none.

        :param seed: what all that is random from now on comes from
        """
        place = self._place(number)
        try:
            is_same = json.loads((place / _ABOUT).read_text(encoding="utf-8")) == json.loads(json.dumps(about))
        except (OSError, ValueError):
            return None
        return training.restore(place, seed) if is_same else None

    def drop(self, number: int) -> None:
        """Remove the checkpoint of a trial, if there is one."""
        shutil.rmtree(self._place(number), ignore_errors=True)

    def _place(self, number: int) -> Path:
        return self._folder / f"trial_{number}"

    def _make_room(self, keep: int) -> None:
        places = sorted(self._folder.glob("trial_*"), key=_modified)
        sizes = {place: _size(place) for place in places}
        total = sum(sizes.values())
        for place in places:
            if total <= self._max_bytes:
                return
            if place != self._place(keep):
                shutil.rmtree(place, ignore_errors=True)
                total -= sizes[place]


def save_model(model: BaseAlgorithm, folder: Path) -> None:
    """Write a model with its replay buffer and the statistics of ``VecNormalize``, where it has them."""
    model.save(folder / _MODEL)
    if isinstance(model, OffPolicyAlgorithm):
        # What is not filled yet takes no room.
        with gzip.open(folder / _REPLAY_BUFFER, "wb", compresslevel=1) as packed, io.BufferedWriter(packed) as file:
            model.save_replay_buffer(file)
    normalize = model.get_vec_normalize_env()
    if normalize is not None:
        normalize.save(str(folder / _NORMALIZE))


def load_model(algorithm: type[BaseAlgorithm], folder: Path, env: VecEnv, seed: int, device: Any) -> BaseAlgorithm:
    """Read what :func:`save_model` wrote.

    :param env: new environments, wrapped as those of the model were
    :param seed: seed of the model's, and the environments', random numbers from now on
    """
    with warnings.catch_warnings():
        # SB3 takes the buffer that it chose for returns of n steps for one of the user's.
        warnings.filterwarnings("ignore", message=r"`n_steps=\d+` is ignored because a custom `replay_buffer_class`")
        model = algorithm.load(folder / _MODEL, env=env, device=device)
    if isinstance(model, OffPolicyAlgorithm):
        with warnings.catch_warnings():
            # Hindsight replay cuts off the episode that a new one follows, as it must.
            warnings.filterwarnings("ignore", message="The last trajectory in the replay buffer will be truncated")
            with gzip.open(folder / _REPLAY_BUFFER, "rb") as packed, io.BufferedReader(packed) as file:
                model.load_replay_buffer(file)
        _cut_off_episodes(model.replay_buffer)
    normalize = model.get_vec_normalize_env()
    if normalize is not None:
        saved = VecNormalize.load(str(folder / _NORMALIZE), normalize.venv)
        normalize.obs_rms, normalize.ret_rms = saved.obs_rms, saved.ret_rms
    model.set_random_seed(seed)
    return model


def _cut_off_episodes(buffer: ReplayBuffer | None) -> None:
    """End the episodes that were under way, as a time limit does: returns of n steps must not run into the next ones.

    Hindsight replay does so itself, and with returns of one step nothing runs anywhere.
    """
    if isinstance(buffer, NStepReplayBuffer) and buffer.size():
        last = buffer.pos - 1
        buffer.timeouts[last] = np.logical_or(buffer.timeouts[last], np.logical_not(buffer.dones[last]))


def _size_of_buffer(model: BaseAlgorithm) -> int:
    buffer = getattr(model, "replay_buffer", None)
    arrays = [] if buffer is None else list(vars(buffer).values())
    arrays += [value for group in arrays if isinstance(group, dict) for value in group.values()]
    return sum(getattr(array, "nbytes", 0) for array in arrays)


def _size(place: Path) -> int:
    with contextlib.suppress(OSError):
        return sum(file.stat().st_size for file in place.iterdir())
    return 0


def _modified(place: Path) -> float:
    with contextlib.suppress(OSError):
        return place.stat().st_mtime
    return 0.0

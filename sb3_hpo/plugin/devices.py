"""Where trainings run: a GPU where it pays, else the processor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from gymnasium import spaces
from stable_baselines3.common.preprocessing import is_image_space
from stable_baselines3.common.utils import get_device

from sb3_hpo.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

AUTO = "auto"
"""The zoo's default of ``--device``: SB3 takes the first GPU, and the processor where there is none."""


def check_device(device: str) -> None:
    """Check that there is a device of that name: a ``cuda`` that is not there is the processor for SB3.

    :raises UserError: if torch does not know it, or cannot use it here
    """
    if device == AUTO:
        return
    try:
        torch.empty(0, device=get_device(device))
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(
            f"device {device!r} cannot be used: {reason}; give --device auto, cpu, cuda, or cuda:1 for the second GPU"
        ) from None


def training_device(device: str, model_kwargs: Mapping[str, object], observation_space: spaces.Space[Any]) -> str:
    """The device to train on: with :data:`AUTO`, networks without images train on the processor.

    They are small, and a search trains many at once. On an H200 with 16 cores, 16 trainings at once of the zoo's MLPs
    for CartPole and Pendulum took 4 to 13 times as many steps in a second on the cores as on the GPU, one alone 0.9 to
    1.5 times as many; 16 of convolutions on images 0.6 times, one 0.2 times (``benchmarks/devices.py``).

    :param device: that was asked for
    :param model_kwargs: of the model, with its policy
    :param observation_space: of its environment
    """
    if device != AUTO or _may_be_large(model_kwargs) or _has_images(observation_space):
        return device
    return "cpu"


def default_threads(device: str) -> int | None:
    """Threads of torch in each process where the user names no number; None to leave that to torch.

    Networks of the sizes that are searched run slower on more threads than one.
    """
    return None if is_on_gpu(device) else 1


def is_on_gpu(device: str) -> bool:
    """Whether a GPU was asked for by name."""
    return device != AUTO and torch.device(device).type != "cpu"


def _may_be_large(model_kwargs: Mapping[str, object]) -> bool:
    """Whether the networks are convolutions, or of the user's own making."""
    policy, policy_kwargs = model_kwargs.get("policy"), model_kwargs.get("policy_kwargs")
    has_own_extractor = isinstance(policy_kwargs, dict) and "features_extractor_class" in policy_kwargs
    return not isinstance(policy, str) or policy.startswith("Cnn") or has_own_extractor


def _has_images(space: spaces.Space[Any]) -> bool:
    if isinstance(space, spaces.Dict):
        return any(_has_images(part) for part in space.values())
    return is_image_space(space)

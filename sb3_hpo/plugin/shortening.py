"""Trainings made shorter where a time limit is worth too few of them: what ``--shorten`` asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from sb3_hpo.errors import UserError, failure_in_one_line
from sb3_hpo.plugin.workforces import n_processes, n_threads
from sb3_hpo.training_length import affordable_length, measured_seconds
from sb3_hpo.verdict_time import ENOUGH
from sb3_hpo.wording import duration

if TYPE_CHECKING:
    from rl_zoo3.exp_manager import ExperimentManager

    from sb3_hpo.display import Display
    from sb3_hpo.plugin.task import ZooTask
    from sb3_hpo.settings import TuningSettings

MEASURING_SHARE = 0.03
"""Largest share of the time limit that is spent on measuring."""


def check_shortening(settings: TuningSettings) -> None:
    """Check that what a training takes can be measured here.

    :raises UserError: if the trainings are a cluster's
    """
    if settings.shorten and settings.cluster is not None:
        raise UserError(
            f"--shorten measures on this machine what a training takes, and cluster {settings.cluster!r} trains on "
            "others: give the environment steps with -n"
        )


def length_for_the_time(
    experiment: ExperimentManager, task: ZooTask, settings: TuningSettings, location: str, display: Display
) -> int:
    """Environment steps of a training, fewer than were asked for where the time limit is worth too few of those.

    What was measured, and what came of it, is told.

    :param location: of the storage
    """
    whole = int(task.configuration["n_timesteps"])
    timeout = settings.with_default_budget().timeout
    if timeout is None:
        display.line("nothing is shortened, as no time limit bounds this tuning")
        return whole
    n_workers = n_processes(settings, location)
    threads = n_threads(experiment, n_workers)
    if threads is not None:
        torch.set_num_threads(threads)
    try:
        seconds = measured_seconds(task.prepare(task.configuration), settings.seed, MEASURING_SHARE * timeout)
    except Exception as error:
        display.line(f"nothing is shortened, as a training of the default failed: {failure_in_one_line(error)}")
        return whole
    if seconds is None:
        display.line("nothing is shortened, as the default learns too late to tell what a training takes")
        return whole
    available = n_workers * timeout
    length = affordable_length(whole, seconds, available)
    n_affordable = int(available / seconds)
    outcome = "enough" if length == whole else f"less than {ENOUGH}: {length:,} environment steps are trained instead"
    display.line(
        f"a training of {whole:,} environment steps takes the default about {duration(seconds)}, and the time is worth "
        f"{n_affordable} of them, {outcome}"
    )
    return length

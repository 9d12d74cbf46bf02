"""What stands at the top of the page: how far the study is, its main numbers, and how to train what it found."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from sb3_hpo.report.outcomes import COMPLETE, CUT_SHORT, FAILED, RUNNING, WENT_ON
from sb3_hpo.result import BEST_FILE, gym_packages_option, zoo_command
from sb3_hpo.wording import count, one_decimal, time_spent

if TYPE_CHECKING:
    from pathlib import Path

    from sb3_hpo.report.study_data import StudyData


def state_of(data: StudyData) -> str:
    """How far the study is, in a sentence."""
    n_running = data.n_of(RUNNING)
    n_validating = sum(trial.outcome == RUNNING for trial in data.validations)
    if n_running:
        return f"It goes on: {count(n_running, 'trial')} running."
    if n_validating:
        return f"Its validation goes on: {count(n_validating, 'training')} running."
    return "Nothing runs." if data.trials else "It has no trial yet."


def numbers_of(data: StudyData) -> dict[str, str]:
    """What -> the number, with its unit."""
    ran = [*data.trials, *data.validations]
    n_timesteps = sum(trial.n_timesteps or 0 for trial in ran)
    times = [(trial.started, trial.ended) for trial in ran if trial.started is not None and trial.ended is not None]
    best = data.best
    return {
        f"complete of {count(len(data.trials), 'trial')}": f"{data.n_of(COMPLETE):,}",
        "paused or stopped early": f"{data.n_of(*CUT_SHORT, WENT_ON):,}",
        "failed": f"{data.n_of(FAILED):,}",
        "different configurations": f"{len({trial.configuration for trial in data.trials}):,}",
        "best score of the search (mean return)" + ("" if best is None else f", trial {best.number}"): (
            "none" if best is None else one_decimal(best.value or 0.0)
        ),
        "environment steps trained": f"{n_timesteps:,}" if n_timesteps else "not recorded",
        "from the first trial to the last": (
            time_spent((max(end for _, end in times) - min(start for start, _ in times)).total_seconds())
            if times
            else "none"
        ),
    }


def training_commands(data: StudyData, best_file: Path | None) -> list[str]:
    """A sentence, and the commands that train the winner; empty where nothing was found yet.

    :param best_file: ``best.yml`` of the study, where it is there
    """
    verdict, best = data.verdict, data.best
    algo, env = data.algo or "ALGO", data.env or "ENV"
    if verdict is not None and best_file is not None:
        return ["Train the winner:", zoo_command(algo, env, best_file, data.gym_packages)]
    number = verdict.winner if verdict is not None else None if best is None else best.number
    if number is None:
        return []
    named = "" if data.is_ours else f" --algo {shlex.quote(algo)} --env {shlex.quote(env)}"
    study = f"--study-name {shlex.quote(data.name)}{_storage(data)}{named}"
    packages = "".join(f" {shlex.quote(word)}" for word in gym_packages_option(data.gym_packages))
    export = f"sb3-hpo export {study}{packages} --trial {number} --output {BEST_FILE}"
    what = "Train the winner" if verdict is not None else "Train the trial with the best score"
    what += ":" if data.algo is not None else ", with the algorithm and the environment of the study in their places:"
    return [what, export, zoo_command(algo, env, BEST_FILE, data.gym_packages)]


def _storage(data: StudyData) -> str:
    return f" --storage {shlex.quote(data.facts['storage'])}"

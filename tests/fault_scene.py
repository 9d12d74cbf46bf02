"""A study to which faults happen: commands that work on it, and what its trials say afterwards."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from sb3_hpo.budget import FINISHED
from sb3_hpo.trial_attributes import HYPERPARAMS, WORKER, was_interrupted
from tests import storages
from tests.forked_commands import forked
from tests.running_commands import wait_until
from tests.session_commands import in_session

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.forked_commands import ForkedCommand
    from tests.running_commands import RunningCommand
    from tests.session_commands import SessionCommand

NAME = "s"

IS_SLOW = bool(os.environ.get("SB3_HPO_TEST_SLOW"))
"""Whether to run what takes minutes as well."""

TINY = ["-n", "100", "--n-evaluations", "2", "--eval-episodes", "1", "--pruner", "none", "--seed", "3"]
VALIDATION = ["--n-finalists", "1", "--n-validation-episodes", "1", "--n-validation-seeds"]


class Scene:
    """Commands on one study, whose trainings take long for as long as they are slowed down.

    :param location: an empty storage
    :param folder: where the commands run
    """

    def __init__(self, location: str, folder: Path) -> None:
        self.location = location
        self.folder = folder
        self._slow = folder / "slow"
        self._deadly = folder / "deaths"
        self.logs = folder / "logs" / "dqn" / NAME

    def slow_down(self) -> None:
        """From now on trainings take half a minute and more."""
        self._slow.touch()

    def speed_up(self) -> None:
        """From now on trainings take no time again."""
        self._slow.unlink(missing_ok=True)

    def tune(
        self,
        *options: str,
        n_jobs: int = 2,
        n_seeds: int = 0,
        n_deaths: int = 0,
        n_spared: int = 0,
        location: str | None = None,
    ) -> AbstractContextManager[ForkedCommand]:
        """``sb3-hpo tune``.

        :param n_seeds: validation seeds
        :param n_deaths: trainings that kill their process
        :param n_spared: trainings before them that do not
        :param location: the storage, where it is called otherwise
        """
        words = [*self._tune(n_jobs, n_seeds, n_deaths, n_spared), *options]
        return forked(words, self.folder, self._environment(location))

    def tune_in_session(self, *options: str) -> AbstractContextManager[SessionCommand]:
        """``sb3-hpo tune`` with two processes, as a terminal runs it: all that it starts is one process group."""
        words = [*self._tune(n_jobs=2, n_seeds=0, n_deaths=0), *options]
        return in_session(words, self.folder, self._environment(None))

    def worker(self, *options: str, location: str | None = None) -> AbstractContextManager[ForkedCommand]:
        """``sb3-hpo worker`` with one process."""
        words = ["worker", "--study-name", NAME, "--n-jobs", "1", "--gym-packages", "tests.environments"]
        return forked([*words, *options], self.folder, self._environment(location))

    def trials(self, name: str = NAME) -> list[FrozenTrial]:
        """All trials of the study, or of another one."""
        with storages.read_with_optuna(self.location) as storage:
            return optuna.load_study(study_name=name, storage=storage).get_trials()

    def running(self, command: RunningCommand, n: int = 1, name: str = NAME) -> list[FrozenTrial]:
        """The running trials of workers, once there are so many."""
        found: list[FrozenTrial] = []

        def are_there() -> bool:
            # Those that are trained: their params are complete.
            running = study.get_trials(states=(TrialState.RUNNING,))
            found[:] = [trial for trial in running if {WORKER, HYPERPARAMS} <= trial.user_attrs.keys()]
            assert command.is_alive, command.output
            return len(found) >= n

        command.wait_for("keeps what it found")
        with storages.read_with_optuna(self.location) as storage:
            wait_until(lambda: name in optuna.get_all_study_names(storage))
            study = optuna.load_study(study_name=name, storage=storage)
            wait_until(are_there, lambda: command.output)
            # Again: Optuna reads the params before the attributes, and a last one may have come in between.
            trials = study.get_trials()
            return [trials[trial.number] for trial in found]

    def check(self, n: int, n_defaults: int | None = 1) -> list[FrozenTrial]:
        """All trials, after making sure that none is lost or twice.

        :param n: how many must be finished
        :param n_defaults: how many of them must be the default
        """
        trials = self.trials()
        check_trials(trials, n, n_defaults)
        return trials

    def _tune(self, n_jobs: int, n_seeds: int, n_deaths: int, n_spared: int = 0) -> list[str]:
        env = ["--env", "Slowed-v0", "--gym-packages", "tests.environments"]
        broken = [f"slow:{str(self._slow)!r}", f"deadly:{str(self._deadly)!r}", f"n_deaths:{n_deaths}"]
        broken += [f"n_spared:{n_spared}"]
        env += ["--env-kwargs", *broken, "--eval-env-kwargs", "slow:None", "deadly:None"]
        return ["tune", *env, *TINY, "--study-name", NAME, "--n-jobs", str(n_jobs), *VALIDATION, str(n_seeds)]

    def _environment(self, location: str | None) -> dict[str, str]:
        return {"SB3_HPO_STORAGE": location or self.location}


def check_trials(trials: list[FrozenTrial], n: int, n_defaults: int | None = 1) -> None:
    """Make sure that so many trials are finished, none is twice, one is the default, and none runs or waits."""
    finished = [trial for trial in trials if trial.state in FINISHED]
    assert len(finished) == n, [(trial.number, trial.state.name) for trial in trials]
    assert not [trial.number for trial in trials if not trial.state.is_finished()]
    assert len({params_of(trial) for trial in finished}) == n
    defaults = sum(trial.user_attrs.get("origin") == "default configuration" for trial in finished)
    assert n_defaults in (None, defaults)


def params_of(trial: FrozenTrial) -> tuple[Any, ...]:
    """The params of a trial, also of one that waits, for comparison."""
    params = trial.params or trial.system_attrs.get("fixed_params", {})
    return tuple(sorted((name, repr(value)) for name, value in params.items()))


def pid_of(trial: FrozenTrial) -> int:
    """The process that runs a trial."""
    return int(trial.user_attrs[WORKER]["pid"])


def unfinished_params(trials: list[FrozenTrial]) -> set[tuple[Any, ...]]:
    """What was interrupted."""
    return {params_of(trial) for trial in trials if was_interrupted(trial) and trial.params}


def is_gone(pid: int) -> bool:
    """Whether a process has ended, waited for by its parent or not."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as status:  # noqa: PTH123
            return status.read().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):  # The latter where it ends between the two.
        return True

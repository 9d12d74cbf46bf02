"""``sb3-hpo worker``: join a study from any machine."""

from __future__ import annotations

import contextlib
import math
import time
from typing import TYPE_CHECKING

import optuna

from sb3_hpo.budget import FINISHED
from sb3_hpo.commands import Command, Phase
from sb3_hpo.crew import ProcessCrew
from sb3_hpo.display import Display
from sb3_hpo.durations import seconds
from sb3_hpo.errors import UserError
from sb3_hpo.heartbeats import GRACE_PERIOD_S
from sb3_hpo.interruption import Deadline, StopSignal
from sb3_hpo.parsers import OneLineParser
from sb3_hpo.plugin.joining import Joining, open_when_there, wait_for_command
from sb3_hpo.processes import usable_cores
from sb3_hpo.retries import RetryDeadTrial, reap
from sb3_hpo.settings import TuningSettings
from sb3_hpo.storage import storage_location
from sb3_hpo.supervision import give_up_at_once
from sb3_hpo.trial_watch import TrialWatch
from sb3_hpo.validation_trainings import is_validating, open_validation_study
from sb3_hpo.wording import count

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from sb3_hpo.worker_plan import WorkerPlan

WORK = "sb3_hpo.plugin.worker_process:work_in_process"

POLL_S = 1.0
"""Seconds between two looks at how far the command is."""

IDLE_S = float(GRACE_PERIOD_S)
"""Seconds without anything to do, after the search, after which a worker leaves: its command may be dead."""


def worker_command(words: Sequence[str]) -> int:
    """Join a study: what is tuned and how comes from the study."""
    args = worker_parser().parse_args(list(words))
    n_jobs = usable_cores() if args.n_jobs is None else args.n_jobs
    if n_jobs < 1:
        raise UserError(f"--n-jobs is {n_jobs}, it must be at least 1")
    for option in ("wait", "timeout"):
        value = getattr(args, option)
        if value is not None and not (math.isfinite(value) and value >= 0):
            raise UserError(f"--{option} is {value}, it must be a number of seconds")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    location = storage_location(args.storage, args.log_folder)
    display = Display()
    wait = Deadline(args.wait)
    storage = open_when_there(location, wait, display.line)
    study = wait_for_command(storage, args.study_name, wait)
    joining = Joining(location, args.gym_packages, args.log_folder, args.num_threads, args.tensorboard_log)
    plan = joining.plan(study, n_jobs, display.line)
    storage.on_stale_trial = RetryDeadTrial(plan.settings.max_retries)
    return _work(study, plan, n_jobs, Deadline(args.timeout), display)


def worker_parser() -> argparse.ArgumentParser:
    """The parser of ``sb3-hpo worker``."""
    parser = OneLineParser(
        prog="sb3-hpo worker",
        description="Join a study that sb3-hpo tune works on, from any machine that reaches its storage. Algorithm, "
        "environment, search space, seeds and budget come from the study.",
    )
    parser.add_argument("--study-name", required=True, help="Study to join")
    parser.add_argument("--storage", help="Where it is kept (default: $SB3_HPO_STORAGE, or that of the log folder)")
    parser.add_argument("--n-jobs", type=int, help="Processes (default: the cores that may be used)")
    parser.add_argument("--wait", type=seconds, default=0.0, help="Time to wait for the study to begin (default: 0)")
    parser.add_argument(
        "--timeout",
        type=seconds,
        help="Time after which this worker leaves: seconds, or 20m, 1h30m (default: no limit)",
    )
    parser.add_argument("--gym-packages", nargs="+", default=[], help="Modules that the study may import here")
    parser.add_argument("--num-threads", type=int, help="Threads of torch for all processes (default: one each)")
    parser.add_argument("-f", "--log-folder", default=TuningSettings.log_folder, help="Folder of saved models")
    parser.add_argument("--tensorboard-log", metavar="DIR", help="Folder of this machine's logs for TensorBoard")
    return parser


def _work(study: optuna.Study, plan: WorkerPlan, n_jobs: int, deadline: Deadline, display: Display) -> int:
    command = Command(plan.command, plan.settings)
    time_of_command = Deadline(command.seconds_left(study.user_attrs))
    if command.phase(study.user_attrs) == Phase.END or time_of_command.is_over:
        display.line(f"study {study.study_name}: its last command has ended, nothing is left to do")
        return 0
    crew = ProcessCrew(plan, n_jobs, WORK, lambda: reap(study), display.line)
    with StopSignal() as stop:
        try:
            display.line(f"study {study.study_name}: {count(n_jobs, 'worker')} joined; Ctrl-C hands back what they run")
            crew.start()
            _tend(study, command, crew, stop, lambda: deadline.is_over or time_of_command.is_over, display)
            crew.end()
        finally:
            with contextlib.suppress(Exception):  # What fails here must not hide why.
                give_up_at_once(study, crew)
    return stop.exit_code


def _tend(
    study: optuna.Study,
    command: Command,
    crew: ProcessCrew,
    stop: StopSignal,
    is_time_over: Callable[[], bool],
    display: Display,
) -> None:
    watch = TrialWatch(study, crew.runs)
    validation = TrialWatch(open_validation_study(study._storage, study.study_name), crew.runs)
    idle_since = time.monotonic()
    while not (stop.is_pending or is_time_over()):
        crew.tend()
        phase = command.phase(study.user_attrs)
        crew.enter(phase)
        ended = watch.news()
        for trial in ended:
            display.trial_finished(trial)
        # Not for those that failed: the trial of a worker that died is one of them.
        if any(trial.state in FINISHED for trial in (*ended, *validation.news())):
            crew.trial_finished()
        if phase == Phase.END or not crew.is_at_work:
            return
        if crew.is_searching or is_validating(study):
            idle_since = time.monotonic()
        if time.monotonic() - idle_since > IDLE_S:
            display.line(f"nothing to do for {IDLE_S:.0f} s: leaving")
            return
        _nap(lambda: stop.is_pending or is_time_over())


def _nap(is_over: Callable[[], bool]) -> None:
    end = time.monotonic() + POLL_S
    while time.monotonic() < end and not is_over():
        time.sleep(0.05)

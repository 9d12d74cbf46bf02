"""``sb3-hpo validate``, ``export`` and ``replay``: what can be done with a study that exists."""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import optuna
import torch

from sb3_hpo.candidates import Candidate, candidates_of, choose_candidates
from sb3_hpo.configuration import to_zoo
from sb3_hpo.display import Display
from sb3_hpo.durations import seconds
from sb3_hpo.errors import UserError
from sb3_hpo.export import trial_yaml
from sb3_hpo.interruption import Deadline, StopSignal
from sb3_hpo.judging import Judging, choice_size_of, publish
from sb3_hpo.parsers import OneLineParser
from sb3_hpo.plugin.rebuild import rebuild_space, rebuild_stock_task, rebuild_task, stock_configuration
from sb3_hpo.plugin.workforces import validation_crew
from sb3_hpo.replay import replay_trial
from sb3_hpo.report.ending import report_result
from sb3_hpo.settings import N_FINALISTS, TuningSettings
from sb3_hpo.storage import open_storage, storage_location
from sb3_hpo.study_description import read_description
from sb3_hpo.supervision import give_up_at_once
from sb3_hpo.trial_loading import BEST, is_ours, load_study, load_trial, trial_configuration
from sb3_hpo.trust import check_modules, check_same_modules
from sb3_hpo.tuning import check_writable
from sb3_hpo.validation_trainings import known_scores, open_validation_study
from sb3_hpo.whole_files import write_whole
from sb3_hpo.workforce import StartedWhenNeeded, Workforce

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

    from sb3_hpo.choice_size import ChoiceSize
    from sb3_hpo.crew import ProcessCrew
    from sb3_hpo.plugin.task import ZooTask


def validate_command(words: Sequence[str]) -> int:
    """Train the finalists and the default of a study on fresh seeds; adds to what was validated before."""
    args = _validate_parser().parse_args(list(words))
    settings = TuningSettings(
        n_finalists=len(args.trials) if args.trials else args.n_finalists,
        n_validation_seeds=args.n_validation_seeds,
        n_validation_episodes=args.n_validation_episodes,
        timeout=args.timeout,
        n_jobs=args.n_jobs,
        log_folder=args.log_folder,
    )
    storage, study = _open(args)
    _one_thread()
    task, candidates, size, seed, tuning_seeds = _candidates(args, storage, study, settings)
    folder = Path(settings.log_folder) / task.algo / study.study_name
    check_writable(folder)
    display = Display()
    crew = _crew(args, study, settings, display)
    with StopSignal() as stop:
        try:
            with _at_work(crew, storage, study) as workforce:
                judging = Judging(task, settings, storage, display, workforce)
                result = judging.judge(study, candidates, size, seed, tuning_seeds, stop, Deadline(settings.timeout))
        finally:
            display.end()
    publish(result, folder, display)
    report_result(result, storage, storage_location(args.storage, args.log_folder), folder, display)
    return stop.exit_code


def _validate_parser() -> argparse.ArgumentParser:
    parser = _parser("validate", "Train the finalists and the default of a study on seeds that the search never saw.")
    of_large = f"(default: {N_FINALISTS}, or more after a large search)"
    parser.add_argument("--n-finalists", type=int, help=f"Best trials that are validated {of_large}")
    for option, text in (
        ("--n-validation-seeds", "Fresh seeds; those of an earlier validation are not trained again"),
        ("--n-validation-episodes", "Deterministic episodes that judge one trained agent"),
    ):
        default = getattr(TuningSettings, option.removeprefix("--").replace("-", "_"))
        parser.add_argument(option, type=int, default=default, help=f"{text} (default: {default})")
    parser.add_argument("--trials", type=int, nargs="+", help="Numbers of the trials to validate, instead of the best")
    parser.add_argument("--n-jobs", type=int, help="Processes that train (default: the cores that may be used)")
    parser.add_argument(
        "--timeout", type=seconds, help="Time that it may take: seconds, or 20m, 1h30m (default: no limit)"
    )
    return parser


def _crew(
    args: argparse.Namespace, study: optuna.Study, settings: TuningSettings, display: Display
) -> ProcessCrew | None:
    """Processes that train a validation; None for this one."""
    location = storage_location(args.storage, args.log_folder)
    stock = None if is_ours(study) else (*_named(args, study), args.n_timesteps)
    return validation_crew(study, location, settings, args.gym_packages, display.line, stock)


@contextlib.contextmanager
def _at_work(crew: ProcessCrew | None, storage: BaseStorage, study: optuna.Study) -> Iterator[Workforce | None]:
    """Have workers, if there are any, train a validation while the context lasts."""
    if crew is None:
        yield None
        return
    try:
        yield StartedWhenNeeded(crew, crew.start)
        crew.end()
    finally:
        with contextlib.suppress(Exception):  # What fails here must not hide why.
            give_up_at_once(open_validation_study(storage, study.study_name), crew)


def export_command(words: Sequence[str]) -> int:
    """Write a trial's configuration as YAML that the stock zoo trains with."""
    parser = _parser("export", "Write a trial's configuration as YAML that the stock zoo trains with.")
    parser.add_argument("--trial", type=_trial, default=BEST, help="Number of the trial, or 'best' (default)")
    parser.add_argument("--output", help="File to write (default: standard output)")
    args = parser.parse_args(list(words))
    storage, study = _open(args)
    trial = load_trial(study, args.trial)
    if is_ours(study):
        description = read_description(study, study.study_name)
        algo, env = description.algo, description.env
        configuration, default = trial_configuration(study, trial, algo), description.configuration
    else:
        algo, env = _named(args, study)
        task = rebuild_stock_task(algo, env, args.gym_packages, args.n_timesteps, args.log_folder)
        configuration, default = stock_configuration(task, trial.params), to_zoo(task.configuration)
    check_modules(configuration, args.gym_packages, f"trial {trial.number} of study {study.study_name!r}")
    scores = known_scores(storage, study.study_name, configuration, default)
    text = trial_yaml(algo, env, study.study_name, trial, configuration, scores)
    if args.output is None:
        sys.stdout.write(text)
    else:
        check_writable(Path(args.output).parent)
        write_whole(Path(args.output), text)
    return 0


def replay_command(words: Sequence[str]) -> int:
    """Train a trial again as the search did, and compare the returns; 1 if they differ."""
    parser = _parser("replay", "Train a trial again as the search did, and compare the returns.")
    parser.add_argument("--trial", type=_trial, default=BEST, help="Number of the trial, or 'best' (default)")
    parser.add_argument("--seed", type=int, help="Another training seed, to see how the trial does with it")
    args = parser.parse_args(list(words))
    _, study = _open(args)
    if not is_ours(study):
        raise UserError(
            f"study {study.study_name!r} was made by the stock zoo, which does not seed its trials: none can be "
            "replayed; sb3-hpo export writes its configurations"
        )
    description = read_description(study, study.study_name)
    trial = load_trial(study, args.trial)
    trial_configuration(study, trial, description.algo)
    _one_thread()
    task = rebuild_task(description, args.gym_packages, args.log_folder)
    trials = study.get_trials(deepcopy=False)
    outcome = replay_trial(task, rebuild_space(description, task), description, trial, args.seed, trials)
    display = Display()
    for line in outcome.lines:
        display.line(line)
    return 0 if outcome.is_same else 1


def location_of(words: Sequence[str]) -> str | None:
    """The storage that words of a command name, or the default one; None where they cannot be read."""
    parser = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    parser.add_argument("--storage")
    parser.add_argument("-f", "--log-folder", default=TuningSettings.log_folder)
    try:
        args, _ = parser.parse_known_args(list(words))
    except argparse.ArgumentError:
        return None
    return storage_location(args.storage, args.log_folder)


def _parser(command: str, description: str) -> argparse.ArgumentParser:
    parser = OneLineParser(prog=f"sb3-hpo {command}", description=description)
    parser.add_argument("--study-name", required=True, help="Study to work on")
    parser.add_argument("--storage", help="Where it is kept (default: $SB3_HPO_STORAGE, or that of the log folder)")
    parser.add_argument("-f", "--log-folder", default=TuningSettings.log_folder, help="Folder of results")
    parser.add_argument("--gym-packages", nargs="+", default=[], help="Modules that may be imported")
    parser.add_argument("--algo", help="Algorithm of a study that the stock zoo made")
    parser.add_argument("--env", help="Environment of a study that the stock zoo made")
    parser.add_argument("-n", "--n-timesteps", type=int, help="Environment steps of a training, for a stock study")
    return parser


def _trial(text: str) -> int | str:
    return text if text == BEST else int(text)


def _open(args: argparse.Namespace) -> tuple[BaseStorage, optuna.Study]:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = open_storage(storage_location(args.storage, args.log_folder), create=False)
    return storage, load_study(storage, args.study_name)


def _one_thread() -> None:
    """As the search does: another number of threads adds in another order, which changes the last digits."""
    torch.set_num_threads(1)


def _candidates(
    args: argparse.Namespace, storage: BaseStorage, study: optuna.Study, settings: TuningSettings
) -> tuple[ZooTask, list[Candidate], ChoiceSize, int, list[int]]:
    """The task of a study, its candidates, what there is to choose by, and the seeds that are taken."""
    chosen = [load_trial(study, number) for number in args.trials or []]
    if not is_ours(study):
        algo, env = _named(args, study)
        task = rebuild_stock_task(algo, env, args.gym_packages, args.n_timesteps, args.log_folder)
        size = choice_size_of(study, task, settings)
        trials = chosen or _best_trials(study, size.n_finalists)
        configurations = [stock_configuration(task, trial.params) for trial in trials]
        return task, candidates_of(task, trials, configurations), size, 0, []
    description = read_description(study, study.study_name)
    task = rebuild_task(description, args.gym_packages, args.log_folder)
    size = choice_size_of(study, task, settings)
    if chosen:
        configurations = [trial_configuration(study, trial, description.algo) for trial in chosen]
        for trial, configuration in zip(chosen, configurations, strict=True):
            check_same_modules(configuration, description.configuration, f"trial {trial.number}")
        candidates = candidates_of(task, chosen, configurations)
    else:
        _best_trials(study, 1)
        candidates = choose_candidates(study, task, rebuild_space(description, task), size.n_finalists)
    return task, candidates, size, description.seed, description.tuning_seeds


def _best_trials(study: optuna.Study, n: int) -> list[FrozenTrial]:
    trials = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
    if not trials:
        raise UserError(f"study {study.study_name!r} has no complete trial: there is nothing to validate yet")
    return sorted(trials, key=lambda trial: trial.value or 0.0, reverse=True)[:n]


def _named(args: argparse.Namespace, study: optuna.Study) -> tuple[str, str]:
    if args.algo is None or args.env is None:
        raise UserError(f"study {study.study_name!r} was made by the stock zoo: give its --algo and --env")
    return args.algo, args.env

"""Each trial of the search as a run of Weights & Biases or of MLflow, by Optuna's own integrations.

They run where a trial has ended, so in every worker. What they cannot log is told once and hinders nothing: the study
has it all. Optuna has them until its version 6; their successors on OptunaHub are code that is loaded from the network
when it runs, which a worker must not do.
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import sys
import unittest.mock
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from sb3_hpo.errors import UserError, failure_in_one_line, one_line
from sb3_hpo.storages.redaction import redacted, redacted_command, without_passwords
from sb3_hpo.trial_attributes import HYPERPARAMS, REASON, RUNS, SEEDS, was_interrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import optuna
    from optuna.trial import FrozenTrial

    from sb3_hpo.settings import TuningSettings
    from sb3_hpo.study_callbacks import StudyCallback

SCORE = "score"
"""Metric of a run: the trial's score."""
MEAN_RETURN = "mean_return"
"""Metric of a run: mean return of each evaluation, its steps being environment steps."""

_NEEDS = {
    "track": ("--track", ("optuna_integration", "wandb"), "wandb"),
    "mlflow": ("--mlflow", ("optuna_integration", "mlflow"), "mlflow"),
    "tensorboard_log": ("--tensorboard-log", ("tensorboard",), "tensorboard"),
    "dashboard": ("--dashboard", ("optuna_dashboard",), "dashboard"),
}
"""By setting: its option, the modules it needs, the extra that installs them."""


def check_installed(settings: TuningSettings) -> None:
    """Check that what the settings log to, or show the study with, is installed.

    :raises UserError: naming the first that is not, and what to install
    """
    for name, (option, modules, extra) in _NEEDS.items():
        missing = [module for module in modules if not _is_installed(module)]
        if getattr(settings, name) and missing:
            raise UserError(f"{option} needs {missing[0]}, which is not installed: pip install 'sb3-hpo[{extra}]'")


def check_tracking(settings: TuningSettings, study_name: str) -> None:
    """Check that runs can be logged, before anything is trained; the experiment of MLflow is made.

    :raises UserError: if nobody is logged in to Weights & Biases, or MLflow's store does not answer
    """
    check_installed(settings)
    if settings.track:
        _check_login()
    if settings.mlflow:
        _make_experiment(study_name)


def trackers(settings: TuningSettings, tell: Callable[[str], None]) -> list[Tracker]:
    """What logs the trials of a search, as its settings say.

    :param tell: called with the first thing that each could not log
    """
    made = []
    if settings.track:
        made.append(Tracker("Weights & Biases", lambda study, trial: _log_to_wandb(settings, study, trial), tell))
    if settings.mlflow:
        made.append(Tracker("MLflow", _log_to_mlflow, tell))
    return made


class Tracker:
    """A study callback that logs every trial which has ended, and tells once where it cannot.

    :param name: what it logs to
    :param log: a study callback
    :param tell: called with what could not be logged the first time
    """

    def __init__(self, name: str, log: StudyCallback, tell: Callable[[str], None]) -> None:
        self.name = name
        self._log = log
        self._tell = tell
        self._has_told = False

    def __call__(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Log a trial; not one that goes back into the queue."""
        if was_interrupted(trial):
            return
        try:
            with _quiet():
                self._log(study, trial)
        except Exception as error:
            if not self._has_told:
                reason = without_passwords(failure_in_one_line(error), os.environ.get("MLFLOW_TRACKING_URI", ""))
                self._tell(
                    f"trial {trial.number} was not logged to {self.name}: {reason}; the search goes on, and further "
                    "ones are not told"
                )
            self._has_told = True


def end_own_run() -> None:
    """End the run of Weights & Biases that the zoo's command has begun: each trial gets one of its own."""
    wandb = sys.modules.get("wandb")
    if wandb is not None and wandb.run is not None:
        wandb.run.finish()


def _is_installed(module: str) -> bool:
    # One that is imported already need not say where it was found.
    return module in sys.modules or importlib.util.find_spec(module) is not None


def _log_to_wandb(settings: TuningSettings, study: optuna.Study, trial: FrozenTrial) -> None:
    import wandb
    from optuna_integration.wandb import WeightsAndBiasesCallback

    kwargs = {
        "name": study.study_name,
        "project": settings.wandb_project_name,
        "entity": settings.wandb_entity,
        "group": settings.wandb_group or study.study_name,
        "tags": list(settings.wandb_tags),
        "config": _about(trial),
        "settings": wandb.Settings(silent=True, console="off"),
    }
    WeightsAndBiasesCallback(SCORE, kwargs, as_multirun=True)(study, trial)


def _log_to_mlflow(study: optuna.Study, trial: FrozenTrial) -> None:
    import mlflow
    from optuna_integration.mlflow import MLflowCallback

    callback = MLflowCallback(
        metric_name=SCORE,
        mlflow_kwargs={"run_name": f"trial {trial.number}", "tags": {key: str(v) for key, v in _about(trial).items()}},
        tag_trial_user_attrs=False,
    )
    callback(study, trial)
    run = mlflow.last_active_run()
    if run is not None:
        _log_curve(run.info.run_id, trial)


def _log_curve(run_id: str, trial: FrozenTrial) -> None:
    """Log the mean return of each evaluation at its environment steps.

    The first tuning seed is that of all trials, and has the same name in each: those that were pruned on it, or share
    the best score, have fewer seeds than others, or more.
    """
    import mlflow
    from mlflow.entities import Metric

    runs = trial.user_attrs.get(RUNS, [])
    metrics = [
        Metric(MEAN_RETURN if run is runs[0] else f"{MEAN_RETURN}_seed_{run['seed']}", float(np.mean(returns)), 0, step)
        for run in runs
        for step, returns in zip(run.get("timesteps", []), run.get("returns", []), strict=True)
    ]
    mlflow.MlflowClient().log_batch(run_id, metrics=metrics)


def _about(trial: FrozenTrial) -> dict[str, Any]:
    """What a run says of its trial beside params and score."""
    known = {key: trial.user_attrs[key] for key in (HYPERPARAMS, SEEDS, REASON) if key in trial.user_attrs}
    return {"state": trial.state.name, **known}


def _check_login() -> None:
    import wandb

    if wandb.setup().settings.mode in ("offline", "disabled", "dryrun"):
        return
    try:
        is_logged_in = wandb.login(prompt=False)
    except wandb.Error as error:
        raise UserError(
            f"--track sends each trial to Weights & Biases, which does not let this machine in: {one_line(error)}; "
            "WANDB_MODE=offline keeps the runs on this machine"
        ) from error
    if not is_logged_in:
        raise UserError(
            "--track sends each trial to Weights & Biases, where nobody is logged in: run wandb login once, or set "
            "WANDB_MODE=offline to keep the runs on this machine"
        )


def _make_experiment(study_name: str) -> None:
    import mlflow

    try:
        with _quiet():
            mlflow.set_experiment(study_name)
    except Exception as error:
        uri = mlflow.get_tracking_uri()
        reason = without_passwords(failure_in_one_line(error), uri)
        raise UserError(
            f"MLflow cannot log to {redacted(uri)!r}: {reason}; name a store that answers by the environment variable "
            "MLFLOW_TRACKING_URI"
        ) from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Leave out the warnings of other packages' code; no password of a command reaches a run's metadata."""
    with warnings.catch_warnings(), unittest.mock.patch.object(sys, "argv", [redacted_command([w]) for w in sys.argv]):
        warnings.simplefilter("ignore")
        logging.getLogger("mlflow").setLevel(logging.ERROR)  # It tells of every experiment and run.
        yield

"""The zoo's ``ExperimentManager`` with its optimisation replaced."""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import unittest.mock
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import torch
import yaml
from rl_zoo3.exp_manager import ExperimentManager
from rl_zoo3.hyperparams_opt import HYPERPARAMS_CONVERTER
from rl_zoo3.utils import ALGOS

from sb3_hpo.algorithms import get_algorithm
from sb3_hpo.bases import base_file, policy_for
from sb3_hpo.configuration import NESTED_ARGUMENTS, from_zoo
from sb3_hpo.consecutive_failures import ConsecutiveFailuresError
from sb3_hpo.crew import WorkersDieError
from sb3_hpo.errors import UserError
from sb3_hpo.export import zoo_yaml
from sb3_hpo.model_kwargs import to_objects
from sb3_hpo.plugin.preparation import HPO_KEY, prepare_tuning
from sb3_hpo.plugin.workforces import n_threads
from sb3_hpo.storage import open_storage, redacted, redacted_command, storage_location
from sb3_hpo.storage_failures import failures_in_one_line
from sb3_hpo.study_callbacks import CallbackFailedError
from sb3_hpo.tracking import end_own_run
from sb3_hpo.trial_loading import is_ours, load_study, load_trial, trial_configuration
from sb3_hpo.trust import check_modules

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stable_baselines3.common.base_class import BaseAlgorithm

    from sb3_hpo.tuning import Tuning

STOCK_CONVERTER = dict(HYPERPARAMS_CONVERTER)
"""The zoo's own maps from a trial's params to keyword arguments, for studies that the stock zoo made."""

_STOCK_HER_PARAMS = ("n_sampled_goal", "goal_selection_strategy")


def stock_hyperparams(algo: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """What the zoo's own map makes of the params of a trial of the stock zoo, and of those that it trips over.

    :raises UserError: if the zoo has no map for the algorithm
    """
    if algo not in STOCK_CONVERTER:
        raise UserError(f"the stock zoo has no search space for {algo!r}, so no trial of it can be read")
    her = {key: params[key] for key in _STOCK_HER_PARAMS if key in params}
    converted: dict[str, Any] = STOCK_CONVERTER[algo]({k: v for k, v in params.items() if k not in her})
    if converted.get("noise_type", "") is None:
        del converted["noise_type"], converted["noise_std"]
    return {**converted, "replay_buffer_kwargs": her} if her else converted


class HpoExperimentManager(ExperimentManager):
    """The zoo's ``ExperimentManager`` with its optimisation replaced by this project's."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._hpo_params: object = {}
        if self.custom_hyperparams is not None:
            self._hpo_params = self.custom_hyperparams.get(HPO_KEY, {})
            self.custom_hyperparams = {k: v for k, v in self.custom_hyperparams.items() if k != HPO_KEY}
        self._tuning: Tuning | None = None
        if self.algo not in ALGOS:
            with _user_errors():
                ALGOS[self.algo] = get_algorithm(self.algo).model_class

    def setup_experiment(self) -> tuple[BaseAlgorithm, dict[str, Any]] | None:
        """Read the configuration and check all that was asked for; the model comes later when optimizing."""
        if not self.optimize_hyperparameters:
            return super().setup_experiment()
        end_own_run()
        with _user_errors():
            self._tuning = prepare_tuning(self, self._hpo_params)
        return None

    def read_hyperparameters(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Read the configuration from its file, or from the trial of a study that ``--trial-id`` names.

        Where the zoo has nothing to start from, and no file was given, it is this project's base.
        """
        if not self.optimize_hyperparameters and self.trial_id is not None and self.study_name is not None:
            with _user_errors():
                return self._read_trial(self.study_name, self.trial_id)
        if self.args.conf_file is None and not self._zoo_has_a_base():
            return self._read_own_base()
        return super().read_hyperparameters()

    def hyperparameters_optimization(self) -> None:
        """Search, validate, and write the result.

        :raises SystemExit: if it was ended by a signal, or because trials failed one after the other
        """
        if self._tuning is None:
            raise RuntimeError("setup_experiment has to come before hyperparameters_optimization")
        threads = n_threads(self, 1)
        if threads is not None:
            torch.set_num_threads(threads)
        tuning = self._tuning
        with _user_errors(tuning.location, f"the same command and --study-name {tuning.study_name}"):
            exit_code = tuning.run()
        if exit_code:
            raise SystemExit(exit_code)

    def _save_config(self, saved_hyperparams: dict[str, Any]) -> None:
        """Save what the model is trained with. The zoo writes its options and its command, passwords included."""
        args = self.args
        shown = None if args.storage is None else redacted(args.storage)
        self.args = argparse.Namespace(**{**vars(args), "storage": shown})
        try:
            with unittest.mock.patch.object(sys, "orig_argv", [redacted_command([word]) for word in sys.orig_argv]):
                super()._save_config(saved_hyperparams)
        finally:
            self.args = args

    def _read_trial(self, study_name: str, number: int | str) -> tuple[dict[str, Any], dict[str, Any]]:
        storage = open_storage(storage_location(self.storage, self.log_folder), create=False)
        study = load_study(storage, study_name)
        trial = load_trial(study, number)
        # The zoo would look for the trial itself, and take trial 0 for none.
        self.trial_id = None
        origin = f"trial {trial.number} of study {study_name!r}"
        if not is_ours(study):
            read = from_zoo(stock_hyperparams(self.algo, trial.params))
            check_modules(read, self.args.gym_packages, origin)
            self.custom_hyperparams = {**to_objects(read), **(self.custom_hyperparams or {})}
            return super().read_hyperparameters()
        configuration = trial_configuration(study, trial, self.algo)
        check_modules(configuration, self.args.gym_packages, origin)
        with tempfile.TemporaryDirectory() as folder:
            self.config = str(Path(folder) / f"trial_{trial.number}.yml")
            Path(self.config).write_text(zoo_yaml(self.env_name.gym_id, configuration, []), encoding="utf-8")
            hyperparams, saved = super().read_hyperparameters()
        # Nothing that comes from a storage is left for the zoo to evaluate.
        text = {key: hyperparams[key] for key in NESTED_ARGUMENTS if isinstance(hyperparams.get(key), str)}
        return {**hyperparams, **to_objects(from_zoo(text))}, saved

    def _zoo_has_a_base(self) -> bool:
        """Whether the zoo has a file for the algorithm and, when optimizing, more in it than a 'default' for all."""
        zoo_file = Path(self.config)
        if not zoo_file.is_file():
            return False
        entries = yaml.safe_load(zoo_file.read_text(encoding="utf-8"))
        has_entry = self.env_name.gym_id in entries or (self._is_atari and "atari" in entries)
        return has_entry or not self.optimize_hyperparameters

    def _read_own_base(self) -> tuple[dict[str, Any], dict[str, Any]]:
        self.config = str(base_file(self.algo))
        hyperparams, saved = super().read_hyperparameters()
        if "policy" not in (self.custom_hyperparams or {}):
            env = gym.make(self.env_name.gym_id, **self.env_kwargs)
            policy = policy_for(hyperparams["policy"], env.observation_space, ALGOS[self.algo])
            env.close()
            if policy != hyperparams["policy"]:
                sys.stdout.write(f"Using {policy}, which fits the observations of {self.env_name.gym_id}\n")
            hyperparams["policy"] = saved["policy"] = policy
        return hyperparams, saved


@contextlib.contextmanager
def _user_errors(location: str | None = None, go_on: str = "the same command") -> Iterator[None]:
    """End the program as a command line should: mistakes in one line with exit code 2, no traceback.

    :param location: the storage that is in use
    :param go_on: what goes on with the study once there is space on a disk that was full
    """
    try:
        with failures_in_one_line(location, go_on):
            yield
    except UserError as error:
        sys.stderr.write(f"sb3-hpo: error: {error}\n")
        raise SystemExit(2) from None
    except (ConsecutiveFailuresError, CallbackFailedError, WorkersDieError) as error:
        sys.stderr.write(f"sb3-hpo: the study was stopped: {error}\n")
        raise SystemExit(1) from None

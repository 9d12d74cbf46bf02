"""The zoo's ``ExperimentManager`` with its optimisation replaced."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
import torch
import yaml
from rl_zoo3.exp_manager import ExperimentManager
from rl_zoo3.hyperparams_opt import HYPERPARAMS_CONVERTER
from rl_zoo3.utils import ALGOS

from sb3_hpo._version import __version__
from sb3_hpo.algorithms import get_algorithm
from sb3_hpo.configuration import NESTED_ARGUMENTS, from_zoo
from sb3_hpo.display import Display
from sb3_hpo.errors import UserError, one_line
from sb3_hpo.export import zoo_yaml
from sb3_hpo.model_kwargs import to_objects
from sb3_hpo.plugin.arguments import GIVEN_OPTIONS, given_options, to_settings, zoo_parser
from sb3_hpo.plugin.task import ZooTask
from sb3_hpo.pruners import check_pruner
from sb3_hpo.samplers import check_sampler
from sb3_hpo.search import ConsecutiveFailuresError
from sb3_hpo.settings import TuningSettings
from sb3_hpo.storage import default_storage, open_storage
from sb3_hpo.study import stored_choices
from sb3_hpo.trial_loading import is_ours, load_study, load_trial, trial_configuration
from sb3_hpo.tuning import Tuning, check_writable

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm

STOCK_CONVERTER = dict(HYPERPARAMS_CONVERTER)
"""The zoo's own maps from a trial's params to keyword arguments, for studies that the stock zoo made."""

HPO_KEY = "hpo"
"""Where this project's options stand in ``-params`` and in a configuration file: ``hpo:dict(n_seeds=3)``."""


class HpoExperimentManager(ExperimentManager):
    """The zoo's ``ExperimentManager`` with its optimisation replaced by this project's."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._hpo_params: object = {}
        if self.custom_hyperparams is not None:
            self._hpo_params = self.custom_hyperparams.get(HPO_KEY, {})
            self.custom_hyperparams = {k: v for k, v in self.custom_hyperparams.items() if k != HPO_KEY}
        self._tuning: Tuning | None = None

    def setup_experiment(self) -> tuple[BaseAlgorithm, dict[str, Any]] | None:
        """Read the configuration and check all that was asked for; the model comes later when optimizing."""
        if not self.optimize_hyperparameters:
            return super().setup_experiment()
        with _user_errors():
            self._tuning = self._prepare_tuning()
        return None

    def read_hyperparameters(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Read the configuration from its file, or from the trial of a study that ``--trial-id`` names."""
        if self.optimize_hyperparameters or self.trial_id is None or self.study_name is None:
            return super().read_hyperparameters()
        with _user_errors():
            return self._read_trial(self.study_name, self.trial_id)

    def hyperparameters_optimization(self) -> None:
        """Search, validate, and write the result.

        :raises SystemExit: if it was ended by a signal, or because trials failed one after the other
        """
        if self._tuning is None:
            raise RuntimeError("setup_experiment has to come before hyperparameters_optimization")
        if self.args.num_threads <= 0 and torch.device(self.device if self.device != "auto" else "cpu").type == "cpu":
            # Networks of this size run slower on more threads than one.
            torch.set_num_threads(1)
        with _user_errors():
            exit_code = self._tuning.run()
        if exit_code:
            raise SystemExit(exit_code)

    def _prepare_tuning(self) -> Tuning:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        if self.continue_training:
            raise UserError(f"--trained-agent {self.trained_agent!r} cannot be tuned: leave it out when optimizing")
        if self.n_jobs != 1:
            raise UserError(
                f"--n-jobs is {self.n_jobs}, it must be 1: for more processes start the same command several times "
                "with the same --storage and --study-name"
            )
        algorithm = get_algorithm(self.algo)
        ALGOS.setdefault(self.algo, algorithm.model_class)
        sources = (
            (f"the hpo block of {self.config}", _hpo_block(self.config)),
            ("the options", {**self._options(), "seed": self.seed}),
            ("-params hpo", self._hpo_params),
        )
        settings = TuningSettings.from_mappings(*sources)
        check_sampler(settings.sampler)
        check_pruner(settings.pruner)
        check_writable(Path(settings.log_folder))
        configuration = self._base_configuration()
        task = ZooTask(self, configuration)
        task.check()
        storage = open_storage(settings.storage or default_storage(settings.log_folder))
        study = (f"study {settings.study_name!r}", stored_choices(storage, settings.study_name))
        settings = TuningSettings.from_mappings(study, *sources)
        configuration["n_timesteps"] = self.n_timesteps = settings.n_timesteps or int(configuration["n_timesteps"])
        search_space = algorithm.search_space.for_features(task.features)
        display = Display()
        display.line(
            f"sb3-hpo {__version__} is active: search space {self.algo} ({len(search_space)} parameters), "
            f"sampler {settings.sampler}, pruner {settings.pruner}",
            "bold",
        )
        return Tuning(task, search_space, settings, storage, display)

    def _read_trial(self, study_name: str, number: int | str) -> tuple[dict[str, Any], dict[str, Any]]:
        study = load_study(open_storage(self.storage or default_storage(self.log_folder), create=False), study_name)
        trial = load_trial(study, number)
        # The zoo would look for the trial itself, and take trial 0 for none.
        self.trial_id = None
        if not is_ours(study):
            self.custom_hyperparams = {**STOCK_CONVERTER[self.algo](trial.params), **(self.custom_hyperparams or {})}
            return super().read_hyperparameters()
        configuration = trial_configuration(study, trial, self.algo)
        with tempfile.TemporaryDirectory() as folder:
            self.config = str(Path(folder) / f"trial_{trial.number}_of_{study_name}.yml")
            Path(self.config).write_text(zoo_yaml(self.env_name.gym_id, configuration, []), encoding="utf-8")
            hyperparams, saved = super().read_hyperparameters()
        # Nothing that comes from a storage is left for the zoo to evaluate.
        text = {key: hyperparams[key] for key in NESTED_ARGUMENTS if isinstance(hyperparams.get(key), str)}
        return {**hyperparams, **to_objects(from_zoo(text))}, saved

    def _options(self) -> dict[str, object]:
        given = getattr(self.args, GIVEN_OPTIONS, None)
        return to_settings(given_options(zoo_parser(), sys.argv[1:]) if given is None else given)

    def _base_configuration(self) -> dict[str, Any]:
        try:
            _, hyperparams = self.read_hyperparameters()
        except ValueError as error:
            raise UserError(f"{error}: add an entry for it, or one named 'default'") from None
        if not isinstance(hyperparams, Mapping):
            raise UserError(f"the entry for {self.env_name.gym_id} in {self.config} is no mapping")
        configuration = from_zoo(hyperparams)
        if "n_timesteps" not in configuration and self.n_timesteps <= 0:
            raise UserError(f"{self.config} names no n_timesteps: give -n STEPS")
        configuration.setdefault("n_timesteps", self.n_timesteps)
        return configuration


def _hpo_block(config: str) -> object:
    if not config.endswith((".yml", ".yaml")):
        return {}
    try:
        content = yaml.safe_load(Path(config).read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"configuration file {config!r} cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"configuration file {config!r} is no valid YAML: {one_line(error)}") from None
    if not isinstance(content, Mapping):
        raise UserError(
            f"configuration file {config!r} holds {content!r}, it must map environment ids to hyperparameters"
        )
    block = content.get(HPO_KEY, {})
    if not isinstance(block, Mapping):
        return block
    # YAML 1.1 takes the word yes for true, as a key too.
    return {"yes" if key is True else key: value for key, value in block.items()}


@contextlib.contextmanager
def _user_errors() -> Iterator[None]:
    """End the program as a command line should: mistakes in one line with exit code 2, no traceback."""
    try:
        yield
    except UserError as error:
        sys.stderr.write(f"sb3-hpo: error: {error}\n")
        raise SystemExit(2) from None
    except ConsecutiveFailuresError as error:
        sys.stderr.write(f"sb3-hpo: the study was stopped: {error}\n")
        raise SystemExit(1) from None

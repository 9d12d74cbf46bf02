"""The options that ``sb3-hpo tune`` has beside those of ``rl_zoo3 train``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

import yaml

from sb3_hpo.durations import seconds
from sb3_hpo.scores import AGGREGATES, SCORES
from sb3_hpo.settings import TuningSettings

if TYPE_CHECKING:
    from collections.abc import Callable


def add_tuning_options(parser: argparse.ArgumentParser) -> None:
    """Add them, in a group of their own, to a parser that has the zoo's."""
    group = parser.add_argument_group("options of sb3-hpo")
    _add_search(group)
    _add_trials(group)
    _add_validation(group)
    _add_surroundings(group)


def _add_search(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--search-space", metavar="FILE", help="YAML file that changes the search space (sb3-hpo spaces)"
    )
    group.add_argument(
        "--timeout",
        type=seconds,
        help="Time for search and validation together: seconds, or 1h30m (default: 20m without another budget)",
    )
    group.add_argument(
        "--shorten",
        action="store_true",
        help="Train for fewer environment steps where the time is worth less than 40 trainings of the default, two "
        "fifths of them at least",
    )
    for what, example in (("sampler", "n_ei_candidates: 48"), ("pruner", "reduction_factor: 4")):
        group.add_argument(
            f"--{what}-kwargs",
            type=_mapping,
            default={},
            metavar="YAML",
            help=f"Options of the {what} by Optuna's names, as YAML: '{example}'",
        )
    group.add_argument(
        "--warm-start-from",
        metavar="STUDY",
        help="Try the best configurations of an earlier study first: of the same algorithm, in the same storage, of "
        "whatever environment or number of steps",
    )
    _add(group, "--max-retries", int, "How often a trial whose worker died is tried again before it counts as failed")
    _add(group, "--max-consecutive-failures", int, "Failed trials in a row after which the study stops")
    group.add_argument("--yes", action="store_true", help="Try a whole grid, whatever its size")


def _add_trials(group: argparse._ArgumentGroup) -> None:
    _add(group, "--n-seeds", int, "Tuning seeds that every trial is trained on")
    _add(group, "--max-seeds", int, "Tuning seeds of a trial that shares the best score, as long as it does")
    _add(group, "--score", str, f"What a learning curve is worth: {', '.join(SCORES)}")
    _add(group, "--aggregate", str, f"What the scores of the tuning seeds are worth together: {', '.join(AGGREGATES)}")
    group.add_argument(
        "--stop-at",
        type=_stop_at,
        metavar="REWARD",
        help="Mean return at which a training of the search stops, or 'threshold' for that of the environment",
    )
    _add(group, "--stop-after", int, "Evaluations in a row that must reach --stop-at")
    _add(group, "--no-improvement", int, "Evaluations without a new best after which a training of the search stops")
    group.add_argument(
        "--max-trial-cost",
        type=_multiple,
        default=TuningSettings.max_trial_cost,
        metavar="MULTIPLE",
        help="Multiple of the median time of the others at the same evaluation at which a training of the search is "
        f"stopped; 'none' to stop nothing (default: {TuningSettings.max_trial_cost:g})",
    )
    group.add_argument(
        "--save-models", action="store_true", help="Keep the best model of each finished trial in the study's folder"
    )


def _add_validation(group: argparse._ArgumentGroup) -> None:
    _add(group, "--n-finalists", int, "Trials, trained to the end, that the winner is chosen among")
    _add(
        group,
        "--n-validation-seeds",
        int,
        "Fresh seeds that the best finalist and the default are trained on, besides half as many that choose it; "
        "0 for no validation",
    )
    _add(group, "--n-validation-episodes", int, "Deterministic episodes that judge one trained agent")


def _add_surroundings(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--cluster",
        metavar="URL",
        help="Submit the workers to a cluster that runs: dask://host:port or ray://host:port. --n-jobs is then their "
        "number (default: what the cluster has room for)",
    )
    group.add_argument(
        "--callback",
        action=_Append,
        metavar="DOTTED.NAME",
        help="Optuna study callback that is called after each trial of the search; may be given several times",
    )
    group.add_argument(
        "--mlflow",
        action="store_true",
        help="Log each trial of the search to MLflow, where $MLFLOW_TRACKING_URI says",
    )
    group.add_argument(
        "--dashboard", action="store_true", help="Serve optuna-dashboard to this machine while the command runs"
    )


def _add(group: argparse._ArgumentGroup, option: str, kind: Callable[[str], Any], text: str) -> None:
    """Add an option that is a setting: its default stands in its help, and there alone."""
    default = getattr(TuningSettings, option.removeprefix("--").replace("-", "_"))
    group.add_argument(option, type=kind, help=text if default is None else f"{text} (default: {default})")


def _mapping(text: str) -> dict[str, Any]:
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no mapping: write 'name: value', or '{{name: value, name: value}}'"
        )
    return value


def _stop_at(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _multiple(text: str) -> float | None:
    try:
        return None if text == "none" else float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number nor 'none'") from None


class _Append(argparse.Action):
    """An option that may be given several times, whatever stands for its not being given."""

    def __call__(self, parser: object, namespace: argparse.Namespace, values: object, option: object = None) -> None:
        earlier = getattr(namespace, self.dest, None)
        setattr(namespace, self.dest, [*(earlier if isinstance(earlier, list) else []), values])

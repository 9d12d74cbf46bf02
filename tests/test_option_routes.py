"""Options reach the settings by the command line, by ``-params`` and by a configuration file alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sb3_hpo.plugin.arguments import given_options, to_settings, zoo_parser
from sb3_hpo.plugin.preparation import HPO_KEY, _hpo_block
from sb3_hpo.settings import TuningSettings
from sb3_hpo.training_parsers import tune_parser

if TYPE_CHECKING:
    from pathlib import Path

WANTED = TuningSettings(
    sampler="grid",
    sampler_kwargs={"points": {"learning_rate": [0.001, 0.01], "one_minus_gamma": 4}},
    pruner="patient",
    pruner_kwargs={"wrapped_pruner": "median", "patience": 3},
    yes=True,
    callback=["mine.first", "mine.second"],
    tensorboard_log="tb",
    track=True,
    wandb_tags=["a", "b"],
    mlflow=True,
    dashboard=True,
    shorten=True,
)


def by_command_line(folder: Path) -> object:
    words = [
        "--sampler",
        "grid",
        "--sampler-kwargs",
        "points: {learning_rate: [0.001, 0.01], one_minus_gamma: 4}",
        "--pruner",
        "patient",
        "--pruner-kwargs",
        "{wrapped_pruner: median, patience: 3}",
        "--yes",
        "--callback",
        "mine.first",
        "--callback",
        "mine.second",
        "--tensorboard-log",
        "tb",
        "--track",
        "-tags",
        "a",
        "b",
        "--mlflow",
        "--dashboard",
        "--shorten",
    ]
    return to_settings(given_options(tune_parser(), words))


def by_params(folder: Path) -> object:
    text = (
        "hpo:dict(sampler='grid', sampler_kwargs=dict(points=dict(learning_rate=[0.001, 0.01], one_minus_gamma=4)), "
        "pruner='patient', pruner_kwargs=dict(wrapped_pruner='median', patience=3), yes=True, "
        "callback=['mine.first', 'mine.second'], tensorboard_log='tb', track=True, wandb_tags=['a', 'b'], mlflow=True, "
        "dashboard=True, shorten=True)"
    )
    return zoo_parser().parse_args(["-params", text]).hyperparams[HPO_KEY]


def by_configuration_file(folder: Path) -> object:
    file = folder / "mine.yml"
    file.write_text(
        "hpo:\n  sampler: grid\n  sampler_kwargs:\n    points:\n      learning_rate: [0.001, 0.01]\n"
        "      one_minus_gamma: 4\n  pruner: patient\n  pruner_kwargs: {wrapped_pruner: median, patience: 3}\n"
        "  yes: true\n  callback: [mine.first, mine.second]\n  tensorboard_log: tb\n  track: true\n"
        "  wandb_tags: [a, b]\n  mlflow: true\n  dashboard: true\n  shorten: true\nCartPole-v1:\n  policy: MlpPolicy\n"
    )
    return _hpo_block(str(file))


@pytest.mark.parametrize("route", [by_command_line, by_params, by_configuration_file])
def test_every_route_gives_the_same_settings(route, tmp_path: Path) -> None:
    assert TuningSettings.from_mappings(("a route", route(tmp_path))) == WANTED


def test_options_that_are_not_given_are_not_set() -> None:
    assert to_settings(given_options(tune_parser(), [])) == {}


@pytest.mark.parametrize("option", ["--sampler-kwargs", "--pruner-kwargs"])
@pytest.mark.parametrize(("text", "message"), [("points", "no mapping"), ("[1]", "no mapping"), ("{a: [", "no valid")])
def test_text_that_is_no_mapping_is_refused_in_one_line(option, text, message, capsys) -> None:
    with pytest.raises(SystemExit) as stop:
        tune_parser().parse_args([option, text])
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith(f"sb3-hpo: error: argument {option}: {text!r} is {message}")
    assert error.count("\n") == 1

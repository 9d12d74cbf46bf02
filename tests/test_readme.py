"""The README: its Python runs, its commands are ones that the parsers take."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml

from sb3_hpo.algorithms import get_algorithm
from sb3_hpo.settings import TuningSettings
from sb3_hpo.space_files import edited_space
from sb3_hpo.space_table import markdown_table

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def commands(program: str) -> list[str]:
    lines = "\n".join(blocks("bash")).splitlines()
    return [line.split("#")[0].strip() for line in lines if line.startswith(program)]


def test_the_hand_written_objective_runs(capsys):
    example = next(block for block in blocks("python") if "TrialEvalCallback" in block)
    exec(compile(example, "README.md", "exec"), {"__name__": "readme"})
    assert "learning_rate" in capsys.readouterr().out


def test_the_example_of_an_algorithm_is_one():
    example = next(block for block in blocks("python") if "ALGORITHM = " in block)
    namespace: dict[str, object] = {}
    exec(compile(example, "README.md", "exec"), namespace)
    hyperparams = namespace["ALGORITHM"].search_space.to_hyperparams({"learning_rate": 1e-3, "batch_size_pow": 5})
    assert hyperparams == {"learning_rate": 1e-3, "batch_size": 32}


@pytest.mark.parametrize("command", commands("sb3-hpo tune"))
def test_commands_of_sb3_hpo_are_accepted(command):
    from sb3_hpo.cli import tune_parser
    from sb3_hpo.plugin.arguments import given_options, to_settings

    TuningSettings.from_mappings(("README", to_settings(given_options(tune_parser(), shlex.split(command)[2:]))))


STUDY_COMMANDS = [line for name in ("validate", "export", "replay") for line in commands(f"sb3-hpo {name}")]


@pytest.mark.parametrize("command", STUDY_COMMANDS)
def test_commands_on_a_study_get_as_far_as_the_missing_storage(command, tmp_path, monkeypatch, capsys):
    from sb3_hpo.cli import main

    monkeypatch.chdir(tmp_path)
    assert main(shlex.split(command)[1:]) == 2
    assert "'logs/sb3_hpo.db' does not exist" in capsys.readouterr().err


@pytest.mark.parametrize("command", commands("sb3-hpo train"))
def test_training_commands_are_accepted(command):
    from sb3_hpo.cli import train_parser

    assert train_parser().parse_args(shlex.split(command)[2:]).trial_id in (0, "best")


@pytest.mark.parametrize("command", commands("sb3-hpo worker"))
def test_worker_commands_are_accepted(command):
    from sb3_hpo.worker_command import worker_parser

    assert worker_parser().parse_args(shlex.split(command)[2:]).study_name == "my-study"


@pytest.mark.parametrize("command", commands("sb3-hpo storage-proxy"))
def test_proxy_commands_are_accepted(command):
    from sb3_hpo.storage_proxy import proxy_parser

    assert proxy_parser().parse_args(shlex.split(command)[2:]).port == 13000


def storages_in_the_table():
    return re.findall(r"^\| (`[^|]*://[^|]*|[^|]*\.log`) \|([^|]*)\|", README, flags=re.MULTILINE)


@pytest.mark.parametrize(("locations", "install"), storages_in_the_table())
def test_storages_in_the_table_are_ones(locations, install):
    from sb3_hpo.storages.urls import is_journal_file, parse

    assert len(storages_in_the_table()) == 6
    for location in re.findall(r"`([^`]*)`", locations):
        assert is_journal_file(location) or parse(location).drivername
    extra = re.search(r"sb3-hpo\[(\w+)\]", install)
    assert (extra is None) == locations.startswith(("`sqlite", "`study.log"))


@pytest.mark.parametrize("command", commands("sb3-hpo spaces"))
def test_space_commands_run(command, capsys):
    from sb3_hpo.cli import main

    assert main(shlex.split(command.partition(">")[0])[1:]) == 0
    printed = capsys.readouterr().out
    assert ("learning_rate" if "dqn" in command else "ppo_mask") in printed


@pytest.mark.parametrize("command", commands("rl_zoo3 train") + commands("python -m rl_zoo3.train"))
def test_commands_of_the_zoo_are_accepted(command):
    from sb3_hpo.plugin.arguments import given_options, zoo_parser

    words = shlex.split(command)
    options = given_options(zoo_parser(), words[words.index("--algo") :])
    assert options["gym_packages"] == ["sb3_hpo.plugin"]


def test_every_option_in_the_table_has_the_default_that_it_says():
    defaults = TuningSettings()
    rows = re.findall(r"^\| `--([a-z-]+)` \|.*\| ([^|]+) \|$", README, flags=re.MULTILINE)
    assert len(rows) >= 10
    for option, default in rows:
        name = {"eval-episodes": "n_eval_episodes"}.get(option, option.replace("-", "_"))
        value = getattr(defaults, name)
        if value not in (None, ()):
            assert default.strip("` ") == str(value), option


def test_the_yaml_blocks_are_accepted():
    options, space = blocks("yaml")
    assert TuningSettings.from_mappings(("README", yaml.safe_load(options)["hpo"])).n_seeds == 3
    edited = edited_space("dqn", get_algorithm("dqn"), yaml.safe_load(space), "README")
    names = [parameter.name for parameter in edited]
    assert "buffer_size" not in names
    assert "max_grad_norm" in names


def test_the_table_of_algorithms_is_that_of_the_declarations():
    """To renew it: python -c "from sb3_hpo.space_table import markdown_table; print(markdown_table())"."""
    in_readme = README.partition("<!-- spaces -->\n")[2].partition("<!-- /spaces -->")[0]
    assert in_readme == markdown_table()

"""The README and the pages of docs/: their Python runs, their commands are ones that the parsers take.

The commands are run in tests/integration/test_docs_commands.py.
"""

from __future__ import annotations

import re
import shlex

import pytest
import yaml

from sb3_hpo.algorithms import get_algorithm
from sb3_hpo.settings import TuningSettings
from sb3_hpo.space_files import edited_space
from sb3_hpo.space_table import markdown_table
from tests.pages import DOCS, README, block_titled, blocks_of, commands

BUDGET = (DOCS / "budget_and_seeds.md").read_text(encoding="utf-8")
SPACES = (DOCS / "search_space.md").read_text(encoding="utf-8")
STUDIES = (DOCS / "studies.md").read_text(encoding="utf-8")


def test_the_hand_written_objective_runs(capsys):
    example = next(block for block in blocks_of("python") if "TrialEvalCallback" in block)
    exec(compile(example, "api.md", "exec"), {"__name__": "api"})
    assert "learning_rate" in capsys.readouterr().out


def test_the_example_of_an_algorithm_is_one():
    example = next(block for block in blocks_of("python") if "ALGORITHM = " in block)
    namespace: dict[str, object] = {}
    exec(compile(example, "algorithm.md", "exec"), namespace)
    hyperparams = namespace["ALGORITHM"].search_space.to_hyperparams({"learning_rate": 1e-3, "batch_size_pow": 5})
    assert hyperparams == {"learning_rate": 1e-3, "batch_size": 32}


@pytest.mark.parametrize("command", commands("sb3-hpo tune"))
def test_commands_of_sb3_hpo_are_accepted(command):
    from sb3_hpo.plugin.arguments import given_options, to_settings
    from sb3_hpo.training_parsers import tune_parser

    TuningSettings.from_mappings(
        ("the documentation", to_settings(given_options(tune_parser(), shlex.split(command)[2:])))
    )


STUDY_COMMANDS = [line for name in ("validate", "export", "replay", "report") for line in commands(f"sb3-hpo {name}")]


@pytest.mark.parametrize("command", STUDY_COMMANDS)
def test_commands_on_a_study_get_as_far_as_the_missing_storage(command, tmp_path, monkeypatch, capsys):
    from sb3_hpo.cli import main

    monkeypatch.chdir(tmp_path)
    words = shlex.split(command)[1:]
    storage = words[words.index("--storage") + 1] if "--storage" in words else "sqlite:///logs/sb3_hpo.db"
    assert main(words) == 2
    assert f"'{storage.removeprefix('sqlite:///')}' does not exist" in capsys.readouterr().err


@pytest.mark.parametrize("command", commands("sb3-hpo train"))
def test_training_commands_are_accepted(command):
    from sb3_hpo.training_parsers import train_parser

    assert train_parser().parse_args(shlex.split(command)[2:]).trial_id in (0, "best")


@pytest.mark.parametrize("command", commands("sb3-hpo worker"))
def test_worker_commands_are_accepted(command):
    from sb3_hpo.worker_command import worker_parser

    assert worker_parser().parse_args(shlex.split(command)[2:]).study_name == "my-study"


@pytest.mark.parametrize("command", commands("sb3-hpo compare"))
def test_comparing_commands_are_accepted(command):
    from sb3_hpo.compare_options import compare_parser

    args = compare_parser().parse_args(shlex.split(command)[2:])
    assert args.budget in (5, 20)


@pytest.mark.parametrize("command", commands("sb3-hpo storage-proxy"))
def test_proxy_commands_are_accepted(command):
    from sb3_hpo.storage_proxy import proxy_parser

    assert proxy_parser().parse_args(shlex.split(command)[2:]).port == 13000


def storages_in_the_table():
    return re.findall(r"^\| (`[^|]*://[^|]*|[^|]*\.log`) \|([^|]*)\|", STUDIES, flags=re.MULTILINE)


@pytest.mark.parametrize(("locations", "install"), storages_in_the_table())
def test_storages_in_the_table_are_ones(locations, install):
    from sb3_hpo.storages.urls import is_journal_file, parse

    assert len(storages_in_the_table()) == 6
    for location in re.findall(r"`([^`]*)`", locations):
        assert is_journal_file(location) or parse(location).drivername
    extra = re.search(r"sb3-hpo\[(\w+)\]", install)
    assert (extra is None) == locations.startswith(("`sqlite", "`study.log"))


@pytest.mark.parametrize("command", [line for line in commands("sb3-hpo spaces") if "clipped_dqn" not in line])
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
    assert options["algo"] in ("dqn", "ppo")
    if "sb3_hpo.plugin" in command:
        assert options["gym_packages"] == ["sb3_hpo.plugin"]
    else:
        # What the stock zoo does, by itself: it trains what came out, and is where others come from.
        assert "conf_file" in options or options["study_name"] == "stock"


def test_the_plugin_is_loaded_by_the_zoo_in_some_commands():
    assert sum("sb3_hpo.plugin" in command for command in [*commands("rl_zoo3 train"), *commands("python -m")]) >= 4


def test_every_option_in_the_table_has_the_default_that_it_says():
    defaults = TuningSettings()
    rows = re.findall(r"^\| `--([a-z-]+)` \|.*\| ([^|]+) \|$", BUDGET, flags=re.MULTILINE)
    assert len(rows) >= 24
    for option, default in rows:
        name = {"eval-episodes": "n_eval_episodes"}.get(option, option.replace("-", "_"))
        value = getattr(defaults, name)
        if value not in (None, ()):
            assert default.strip("` ") == str(value), option


def test_the_yaml_blocks_are_accepted():
    options, space = block_titled("my.yml"), block_titled("changed.yml")
    assert TuningSettings.from_mappings(("my.yml", yaml.safe_load(options)["hpo"])).n_seeds == 3
    edited = edited_space("dqn", get_algorithm("dqn"), yaml.safe_load(space), "changed.yml")
    names = [parameter.name for parameter in edited]
    assert "buffer_size" not in names
    assert "max_grad_norm" in names


def test_the_table_of_algorithms_is_that_of_the_declarations():
    """To renew it: python -c "from sb3_hpo.space_table import markdown_table; print(markdown_table())"."""
    in_docs = SPACES.partition("<!-- spaces -->\n")[2].partition("<!-- /spaces -->")[0]
    assert in_docs == markdown_table()


def test_the_readme_is_short_and_its_links_lead_somewhere():
    text = README.read_text(encoding="utf-8")
    assert len(text.splitlines()) < 150
    links = [link for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text) if not link.startswith("http")]
    assert len(links) >= 15
    for link in links:
        assert (README.parent / link).exists(), link

"""Who may import whom: read from the source, and looked up in a fresh interpreter."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import sb3_hpo

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(sb3_hpo.__file__).parent

LAYERS = [
    "_version",
    "errors",
    "wording",
    "console",
    "entry_points",
    "whole_files",
    "study_folder",
    "damage",
    "sqlite_rows",
    "sqlite_trials",
    "sqlite_damage",
    "journal_backend",
    "journal_lines",
    "journal_trials",
    "journal_damage",
    "scores",
    "two_samples",
    "intervals",
    "comparison",
    "elimination",
    "shrinkage",
    "seed_effects",
    "gaussian_process",
    "clusters",
    "clusters.addresses",
    "settings",
    "seeds",
    "interruption",
    "export",
    "features",
    "task",
    "finite",
    "training_time",
    "early_stopping",
    "saved_models",
    "callbacks",
    "evaluation",
    "late_returns",
    "checkpoints",
    "bases",
    "zoo_text",
    "yaml_numbers",
    "configuration",
    "trust",
    "model_kwargs",
    "transforms",
    "parameter",
    "search_space",
    "zoo_arguments",
    "testing",
    "spaces",
    "algorithms",
    "builtin_algorithms",
    "registered",
    "factories",
    "range_notation",
    "transform_notation",
    "parameter_notation",
    "space_files",
    "space_table",
    "trial_attributes",
    "ties",
    "trial_cost",
    "training_seconds",
    "affordable",
    "promotion",
    "pruners",
    "versions",
    "processes",
    "forking_process",
    "ended_trials",
    "furthest_trials",
    "garbage",
    "worker_identity",
    "reconnecting",
    "heartbeats",
    "retries",
    "sqlite_locking",
    "storages",
    "storages.opening",
    "storages.redaction",
    "parsers",
    "durations",
    "storages.urls",
    "storages.files",
    "storages.databases",
    "storages.journals",
    "storages.proxies",
    "storage",
    "storage_proxy",
    "storage_failures",
    "study_callbacks",
    "tracking",
    "dashboard_process",
    "dashboard",
    "pausing",
    "trial_summary",
    "tensorboard_log",
    "training_watch",
    "finished_trainings",
    "objective",
    "grid",
    "grid_sampler",
    "delegating_sampler",
    "near_default",
    "falling_rate",
    "exploring",
    "new_params",
    "samplers",
    "seeded_sampler",
    "study_description",
    "study",
    "commands",
    "phase_flag",
    "trial_loading",
    "budget",
    "promoting",
    "trial_counts",
    "consecutive_failures",
    "signed_trials",
    "search",
    "ceiling",
    "validation_plan",
    "choice_size",
    "time_to_choose",
    "search_clock",
    "verdict_time",
    "training_length",
    "finalists",
    "candidates",
    "workforce",
    "training_queue",
    "tables",
    "tables.curve_table",
    "tables.purse",
    "tables.purse_clock",
    "tables.new_rows",
    "tables.table_study",
    "tables.table_task",
    "validation_trainings",
    "warm_start",
    "selection",
    "validation_summary",
    "validation",
    "result",
    "display",
    "judging",
    "trial_watch",
    "serving",
    "report",
    "report.plain",
    "report.outcomes",
    "report.study_data",
    "report.facts",
    "report.trial_reading",
    "report.verdict_reading",
    "report.study_reading",
    "report.charts",
    "report.pictures",
    "report.telling",
    "report.comparison",
    "report.curves",
    "report.optuna_plots",
    "report.param_axis",
    "report.densities",
    "report.gaussian_view",
    "report.sampler_view",
    "report.surrogate",
    "report.costs",
    "report.workers",
    "report.plotly_drawing",
    "report.matplotlib_drawing",
    "report.trial_table",
    "report.summary",
    "report.page",
    "report.making",
    "report.ending",
    "report.command",
    "worker_plan",
    "crew",
    "clusters.jobs",
    "clusters.task",
    "clusters.dask_cluster",
    "clusters.ray_cluster",
    "clusters.opening",
    "cluster_crew",
    "supervision",
    "tuning",
    "replay",
    "comparing",
    "comparing.plan",
    "comparing.traces",
    "comparing.spending",
    "comparing.task_search",
    "comparing.fresh_seeds",
    "comparing.curves",
    "comparing.result",
    "comparing.words",
    "comparing.picture",
    "comparing.table_searches",
    "comparing.crew",
    "comparing.task_comparison",
    "__init__",
    "plugin.arguments",
    "plugin.ars",
    "plugin.conf_files",
    "plugin.devices",
    "plugin.task",
    "plugin.workforces",
    "plugin.shortening",
    "plugin.preparation",
    "plugin.experiment",
    "plugin.rebuild",
    "plugin.worker_process",
    "plugin.comparing_process",
    "plugin.joining",
    "plugin.cluster_process",
    "plugin.registration",
    "plugin",
    "study_commands",
    "worker_command",
    "task_comparison",
    "compare_options",
    "compare_command",
    "tuning_options",
    "training_parsers",
    "cli",
]
"""From the lowest to the highest: a module imports only those before it. ``spaces`` stands for all of them."""

HEAVY = ("torch", "stable_baselines3", "rl_zoo3", "optuna")


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


MODULES = {module_name(path): path for path in PACKAGE.rglob("*.py")}


def imports(path: Path) -> Iterator[str]:
    """Full names of what a module imports, in functions and for type checking too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def packages(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imports(path)}


def own_imports(path: Path) -> set[str]:
    """Modules of this package that a module imports."""
    found = set()
    for name in imports(path):
        words = name.split(".")[1:] if name.startswith("sb3_hpo") else []
        while words and ".".join(words) not in MODULES:
            words.pop()
        if name.startswith("sb3_hpo"):
            found.add(".".join(words) or "__init__")
    return found


def layer(module: str) -> int:
    return LAYERS.index("spaces" if module.startswith("spaces.") else module)


def test_source_is_found() -> None:
    """Without it all the tests below would pass on nothing."""
    assert {"__init__", "cli", "plugin", "plugin.task", "spaces.dqn"} <= MODULES.keys()
    assert "rl_zoo3" in packages(MODULES["plugin.task"])
    assert "search_space" in own_imports(MODULES["spaces.dqn"])
    assert "zoo_text" in own_imports(MODULES["configuration"])


@pytest.mark.parametrize("module", MODULES)
def test_only_the_plugin_and_the_command_import_the_zoo(module: str) -> None:
    if module != "cli" and module.partition(".")[0] != "plugin":
        assert "rl_zoo3" not in packages(MODULES[module])


@pytest.mark.parametrize("module", ["settings", "scores", "two_samples", "intervals", "comparison", "gaussian_process"])
def test_settings_and_scores_know_neither_optuna_nor_sb3(module: str) -> None:
    assert not packages(MODULES[module]) & set(HEAVY)


@pytest.mark.parametrize("module", [name for name in MODULES if name.partition(".")[0] == "spaces"])
def test_spaces_know_neither_torch_nor_sb3(module: str) -> None:
    assert not packages(MODULES[module]) & {"torch", "stable_baselines3", "sb3_contrib", "gymnasium"}


@pytest.mark.parametrize("module", MODULES)
def test_nothing_imports_upward(module: str) -> None:
    upward = {name for name in own_imports(MODULES[module]) if layer(name) > layer(module)}
    if not module.startswith("spaces."):
        upward |= own_imports(MODULES[module]) & {module}
    assert not upward


def test_layers_name_every_module_once() -> None:
    named = {"spaces" if module.startswith("spaces.") else module for module in MODULES}
    assert sorted(LAYERS) == sorted(named)


def loaded_after(code: str) -> set[str]:
    """Top-level modules loaded after some code ran in a fresh interpreter."""
    program = f"import sys\n{code}\nprint('LOADED', *sorted(m for m in sys.modules if '.' not in m))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    ("code", "not_loaded"),
    [
        ("import sb3_hpo; sb3_hpo.__version__; dir(sb3_hpo)", HEAVY),
        ("import sb3_hpo.settings, sb3_hpo.scores", HEAVY),
        ("from sb3_hpo import TuningSettings", HEAVY),
        ("import sb3_hpo.clusters.task", (*HEAVY, "numpy", "yaml")),
        (
            "from sb3_hpo.algorithms import get_algorithm; get_algorithm('dqn').search_space",
            ("torch", "stable_baselines3", "rl_zoo3"),
        ),
    ],
)
def test_import_loads_no_more_than_it_needs(code: str, not_loaded: tuple[str, ...]) -> None:
    loaded = loaded_after(code)
    assert "sb3_hpo" in loaded
    assert not loaded & set(not_loaded)


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_loads_no_torch(option: str) -> None:
    code = f"""
from sb3_hpo.cli import main
try:
    main(['{option}'])
except SystemExit as end:
    assert end.code == 0, end.code
else:
    raise AssertionError('no exit')
"""
    assert not loaded_after(code) & set(HEAVY)


@pytest.mark.parametrize("name", [name for name in sb3_hpo.__all__ if name != "__version__"])
def test_public_name_is_loaded_when_it_is_used(name: str) -> None:
    assert getattr(sb3_hpo, name).__name__ == name


def test_unknown_public_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Nope'"):
        _ = sb3_hpo.Nope
    assert dir(sb3_hpo) == sorted(sb3_hpo.__all__)

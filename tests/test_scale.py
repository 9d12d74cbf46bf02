"""The benchmark of scale, with few trials: what it makes is what Optuna makes, and its sections hold all seconds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import optuna
import pytest

from sb3_hpo.settings import TuningSettings
from sb3_hpo.storage import open_storage
from tests.storages import closed_afterwards

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture
def location(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    with closed_afterwards(monkeypatch):
        yield f"sqlite:///{tmp_path / 'scale.db'}"
    for name in [name for name in sys.modules if name.startswith("scale_")]:
        del sys.modules[name]


def test_trials_are_as_if_optuna_had_added_them(location: str) -> None:
    import scale_study

    storage = open_storage(location)
    study, _, _ = scale_study.open_scale_study(storage, TuningSettings(n_trials=1))
    trials = scale_study.finished_trials(3, seed=0)
    study.add_trials(trials)
    scale_study.add_quickly(study, trials)
    found = optuna.load_study(study_name=scale_study.STUDY_NAME, storage=open_storage(location)).get_trials()
    assert [trial.number for trial in found] == list(range(7))
    for slowly, quickly in zip(found[1:4], found[4:], strict=True):
        for what in ("state", "values", "params", "distributions", "user_attrs", "system_attrs", "intermediate_values"):
            assert getattr(slowly, what) == getattr(quickly, what)
    assert len(found[1].params) == 13
    assert len(found[1].intermediate_values) == 20


def test_sections_hold_all_seconds_of_a_trial_and_leave_no_trace(location: str) -> None:
    import gc

    import scale_overhead

    collect = gc.collect
    result = scale_overhead.measure(location, 12, 2, seed=0)
    assert sum(result["sections"].values()) == pytest.approx(result["seconds_per_trial"], rel=0.1)
    assert result["calls"]["set_trial_intermediate_value"] == 20
    # Twice for the budget; the pruner at both of its rungs.
    assert result["reads_of_all_trials"]["budget"] == 1
    assert result["reads_of_all_trials"]["pruner"] == 2
    # TPE, and whether the study has what it proposes: three.
    assert result["reads_of_all_trials"]["sampler"] == 3
    assert sum(result["reads_of_all_trials"].values()) < 10
    assert gc.collect is collect


ORPHAN = """
import os, sys, time
if os.fork() == 0:
    time.sleep(0.2)
    while time.process_time() < 0.5:
        pass
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the cores are those of /proc/stat")
def test_what_a_command_leaves_running_is_not_taken_for_the_work_of_others() -> None:
    program = (
        "import subprocess, sys; from scale_cores import Cores, _own; cores, own = Cores(), _own(); "
        "subprocess.run([sys.executable, '-c', sys.argv[1]], check=True); cores.of_others(); print(_own() - own)"
    )
    words = [sys.executable, "-c", program, ORPHAN]
    done = subprocess.run(words, cwd=BENCHMARKS, capture_output=True, text=True, check=True, timeout=60)
    assert float(done.stdout) > 0.4


@pytest.mark.skipif(sys.platform != "linux", reason="the cores are those of /proc/stat")
def test_a_helper_that_lives_as_long_as_the_benchmark_is_not_waited_for() -> None:
    program = (
        "import subprocess, sys; from scale_cores import Cores; "
        "helper = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); "
        "cores = Cores(); print(cores.of_others()); helper.kill(); helper.wait()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=BENCHMARKS, capture_output=True, text=True, check=True, timeout=60
    )
    assert "cores_of_others" in done.stdout

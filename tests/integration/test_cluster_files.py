"""The files for Slurm and Kubernetes: their commands, run here."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import optuna
import pytest
import yaml
from sqlalchemy.engine import make_url

from sb3_hpo.training_parsers import tune_parser
from sb3_hpo.worker_command import worker_parser
from tests import storages
from tests.integration.commands import BIN, TIMEOUT_S

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "clusters"
SBATCH = PAGES / "slurm" / "tune.sbatch"
TINY = ["--algo", "dqn", "--n-timesteps", "400", "--max-total-trials", "3", "--n-validation-seeds", "0"]
OBJECTS = {
    (document["kind"], document["metadata"]["name"]): document
    for file in (PAGES / "kubernetes").glob("*.yaml")
    for document in yaml.safe_load_all(file.read_text(encoding="utf-8"))
}
PASSWORD = "a1b2c3d4e5f6"


def pod(kind: str, name: str) -> dict[str, Any]:
    return OBJECTS[kind, name]["spec"]["template"]["spec"]


def container(name: str) -> dict[str, Any]:
    return pod("Job", name)["containers"][0]


def start(command: list[str], folder: Path, environment: dict[str, str]) -> subprocess.Popen[str]:
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    return subprocess.Popen(
        command,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PATH": path, "OMP_NUM_THREADS": "1", **environment},
    )


def outputs(*processes: subprocess.Popen[str]) -> list[str]:
    """What processes printed, once all of them have succeeded."""
    try:
        printed = [process.communicate(timeout=TIMEOUT_S)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0] * len(processes), "\n".join(printed)
    return printed


def n_finished(storage: optuna.storages.BaseStorage, study_name: str) -> int:
    states = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
    return len(optuna.load_study(study_name=study_name, storage=storage).get_trials(states=states))


def slurm(task: int) -> dict[str, str]:
    return {"SLURM_ARRAY_JOB_ID": "71", "SLURM_ARRAY_TASK_ID": str(task), "SLURM_CPUS_PER_TASK": "1"}


def test_tasks_of_the_array_share_one_study(tmp_path):
    options = " ".join([*TINY, "--env", "CartPole-v1"])
    environment = {"TUNE_OPTIONS": options, "LOG_FOLDER": str(tmp_path / "shared"), "WAIT": "60"}
    tasks = [start(["bash", str(SBATCH)], tmp_path, {**environment, **slurm(task)}) for task in (1, 0)]
    worker, tune = outputs(*tasks)
    assert "1 worker joined" in worker or "nothing is left to do" in worker
    assert "results:" in tune
    result = json.loads((tmp_path / "shared" / "dqn" / "slurm-71" / "result.json").read_text())
    with storages.read_with_optuna(str(tmp_path / "shared" / "slurm-71.log")) as storage:
        assert n_finished(storage, "slurm-71") == 3
    assert result["n_trials"]["complete"] + result["n_trials"]["pruned"] == 3


def test_the_script_hands_on_what_its_variables_say(tmp_path):
    shown = tmp_path / "sb3-hpo"
    shown.write_text('#!/usr/bin/env bash\nprintf "%s\\n" "$SB3_HPO_STORAGE" "$@"\n')
    shown.chmod(0o755)
    (tmp_path / "activate").write_text(f'export PATH="{tmp_path}:$PATH" SB3_HPO_STORAGE=redis://host\n')
    environment = {"GYM_PACKAGES": "one two", "STUDY_NAME": "mine", "ACTIVATE": str(tmp_path / "activate")}
    for task, command in ((0, tune_parser()), (2, worker_parser())):
        (output,) = outputs(start(["bash", str(SBATCH)], tmp_path, {**slurm(task), **environment}))
        words = output.splitlines()
        assert words[:2] == ["redis://host", "tune" if task == 0 else "worker"]
        args = command.parse_args(words[2:])
        assert (args.gym_packages, args.study_name, args.n_jobs) == (["one", "two"], "mine", 1)
        assert args.log_folder == str(tmp_path / "logs")


def test_the_script_says_how_it_is_run(tmp_path):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SLURM")}
    done = subprocess.run(["bash", str(SBATCH)], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert "submit this file with sbatch" in done.stderr
    checker = shutil.which("shellcheck")
    for check in [["bash", "-n"], *([[checker]] if checker else [])]:
        subprocess.run([*check, str(SBATCH)], check=True)


def test_the_script_asks_slurm_for_what_its_page_says():
    script = SBATCH.read_text(encoding="utf-8")
    directives = dict(re.findall(r"^#SBATCH --([a-z-]+)=?(.*)$", script, flags=re.MULTILINE))
    assert directives["array"] == "0-3"
    assert directives["signal"] == "B:TERM@300"
    assert "requeue" in directives
    page = (PAGES / "slurm.md").read_text(encoding="utf-8")
    assert "300 seconds ahead" in page
    for variable in re.findall(r"^\| `([A-Z0-9_]+)` \|", page, flags=re.MULTILINE):
        assert f"${{{variable}:-" in script, variable


def test_the_workers_are_an_indexed_job():
    job = OBJECTS["Job", "sb3-hpo-workers"]["spec"]
    assert job["completionMode"] == "Indexed"
    assert job["completions"] == job["parallelism"] == 4
    for name in ("sb3-hpo-workers", "sb3-hpo-tune"):
        spec = pod("Job", name)
        assert spec["restartPolicy"] == "Never"
        assert spec["terminationGracePeriodSeconds"] >= 60
        assert container(name)["resources"]["limits"].keys() == {"cpu", "memory"}
    assert container("sb3-hpo-tune")["image"] == container("sb3-hpo-workers")["image"]


def test_the_jobs_work_on_one_study_in_the_database_of_the_third_file():
    tune, worker = container("sb3-hpo-tune"), container("sb3-hpo-workers")
    assert tune["command"] == ["sb3-hpo", "tune"]
    assert worker["command"] == ["sb3-hpo", "worker"]
    study_name = tune_parser().parse_args(tune["args"]).study_name
    assert worker_parser().parse_args(worker["args"]).study_name == study_name
    assert tune["env"] == worker["env"]
    database = pod("StatefulSet", "sb3-hpo-postgresql")["containers"][0]
    given = {entry["name"]: entry for entry in database["env"]}
    assert given["POSTGRES_PASSWORD"] == tune["env"][0]
    url = make_url(location_of(tune))
    service = OBJECTS["Service", "sb3-hpo-postgresql"]
    assert (url.host, url.port) == (service["metadata"]["name"], service["spec"]["ports"][0]["port"])
    assert (url.username, url.database) == (given["POSTGRES_USER"]["value"], given["POSTGRES_DB"]["value"])
    assert url.password == PASSWORD
    labels = OBJECTS["StatefulSet", "sb3-hpo-postgresql"]["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"] == labels


def test_every_volume_that_is_mounted_is_there():
    spec = pod("Job", "sb3-hpo-tune")
    assert [mount["name"] for mount in container("sb3-hpo-tune")["volumeMounts"]] == [spec["volumes"][0]["name"]]
    claim = spec["volumes"][0]["persistentVolumeClaim"]["claimName"]
    assert ("PersistentVolumeClaim", claim) in OBJECTS
    assert container("sb3-hpo-tune")["volumeMounts"][0]["mountPath"] == "/results"


def test_the_command_lines_of_the_containers_work(postgresql_location, tmp_path):
    location = make_url(location_of(container("sb3-hpo-tune")))
    real = make_url(postgresql_location)
    location = location.set(host=real.host, port=real.port, username=real.username, database=real.database)
    environment = {"SB3_HPO_STORAGE": storages.rendered(location)}
    log_folder = ["--log-folder", str(tmp_path / "results"), "--n-jobs", "1"]
    commands = [
        [*container("sb3-hpo-workers")["command"], *container("sb3-hpo-workers")["args"], *log_folder],
        [*container("sb3-hpo-tune")["command"], *container("sb3-hpo-tune")["args"], *TINY, *log_folder],
    ]
    commands = [[str(BIN / command[0]), *command[1:]] for command in commands]
    worker, tune = outputs(*(start(command, tmp_path, environment) for command in commands))
    assert "1 worker joined" in worker or "nothing is left to do" in worker
    assert PASSWORD not in worker + tune
    assert (tmp_path / "results" / "dqn" / "kubernetes" / "result.json").exists()
    with storages.read_with_optuna(postgresql_location) as storage:
        assert n_finished(storage, "kubernetes") == 3


def test_the_image_is_built_of_files_that_are_here():
    text = (PAGES / "kubernetes" / "Dockerfile").read_text(encoding="utf-8")
    for line in re.findall(r"^COPY (.*)$", text, flags=re.MULTILINE):
        for name in line.split()[:-1]:
            assert (ROOT / name).exists(), name
    assert container("sb3-hpo-tune")["image"] in text


def location_of(container: dict[str, Any]) -> str:
    """The storage of a container, as Kubernetes puts it together."""
    values = {"POSTGRES_PASSWORD": PASSWORD}
    template = next(entry["value"] for entry in container["env"] if entry["name"] == "SB3_HPO_STORAGE")
    return re.sub(r"\$\((\w+)\)", lambda match: values[match[1]], template)


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda page: page.name)
def test_links_of_the_pages_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / link).exists(), link

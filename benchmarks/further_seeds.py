"""Does the reported interval hold? Train a validated configuration on seeds that nobody saw, and compare.

``python benchmarks/further_seeds.py --storage URL --study-name NAME --result FOLDER/result.json --n-seeds 20`` trains
the finalist of a validated study, and the default, on further seeds, one after the other, and prints their scores,
mean and interquartile mean beside the interval that ``sb3-hpo tune`` or ``sb3-hpo validate`` reported.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sb3_hpo.plugin.rebuild import rebuild_task
from sb3_hpo.scores import iqm
from sb3_hpo.seeds import selection_seeds, validation_seeds
from sb3_hpo.storage import open_storage
from sb3_hpo.study_description import read_description
from sb3_hpo.trial_loading import load_study, load_trial, trial_configuration
from sb3_hpo.validation_trainings import train_and_evaluate

N_EPISODES = 20


def further_seeds(seed: int, taken: list[int], n_seeds: int) -> list[int]:
    """Seeds that follow those of the validation, and are none of the seeds that the study used."""
    chosen = selection_seeds(seed, len(taken), never=taken)
    return validation_seeds(seed, n_seeds, never=[*taken, *chosen])


def compare(name: str, reported: dict[str, Any], scores: list[float]) -> dict[str, Any]:
    """What was reported beside what further seeds give."""
    low, high = reported["ci95"]
    mean, middle = float(np.mean(scores)), float(iqm(scores))
    print(f"{name}: reported IQM {reported['iqm']:.1f}, 95 % interval {low:.1f} to {high:.1f}")
    print(f"  {len(scores)} further seeds: mean {mean:.1f}, IQM {middle:.1f}: {[round(score, 1) for score in scores]}")
    print(f"  the interval contains the mean: {low <= mean <= high}, the IQM: {low <= middle <= high}")
    return {"name": name, "reported": reported, "scores": scores, "mean": mean, "iqm": middle}


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--storage", required=True)
    parser.add_argument("--study-name", required=True)
    parser.add_argument("--result", required=True, help="result.json of the study")
    parser.add_argument("--n-seeds", type=int, default=20)
    parser.add_argument("--json", help="file to write the numbers to")
    args = parser.parse_args()
    torch.set_num_threads(1)
    result = json.loads(Path(args.result).read_text(encoding="utf-8"))
    study = load_study(open_storage(args.storage, create=False), args.study_name)
    description = read_description(study, args.study_name)
    task = rebuild_task(description, [], "logs")
    seeds = further_seeds(description.seed, [*description.tuning_seeds, *result["validation"]["seeds"]], args.n_seeds)
    finalist = next(entry for entry in result["validation"]["finalists"] if entry["iqm"] is not None)
    trial = load_trial(study, finalist["trial"])
    compared = {
        f"trial {trial.number}": (finalist, trial_configuration(study, trial, description.algo)),
        "default": (result["validation"]["default"], description.configuration),
    }
    numbers = []
    for name, (reported, configuration) in compared.items():
        scores = [train_and_evaluate(task, configuration, seed, N_EPISODES)[0] for seed in seeds]
        numbers.append(compare(name, reported, scores))
    if args.json:
        Path(args.json).write_text(json.dumps(numbers, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

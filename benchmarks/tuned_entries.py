"""Take the results of finished tunings over into ``hyperparams/``, each with its evidence in comments.

``python benchmarks/tuned_entries.py logs/dqn/cartpole logs/ppo/acrobot`` reads ``best.yml`` in the folder of each
study, and puts its entry, with its comments, into ``hyperparams/<algo>.yml``, in the place of an older one for the same
environment. Where the verdict is not "better" that is the configuration that was tuned from: then it is what was found.
"""

from __future__ import annotations

import argparse
import json
import re
import textwrap
from pathlib import Path

import yaml

from sb3_hpo.result import BEST_FILE, RESULT_FILE
from sb3_hpo.storage import open_storage, storage_location
from sb3_hpo.study_description import read_description
from sb3_hpo.trial_loading import load_study
from sb3_hpo.whole_files import write_whole

HYPERPARAMS = Path(__file__).parent.parent / "hyperparams"
_BETWEEN = "\n\n"
_LINE = 117


def with_entry(text: str, block: str) -> str:
    """A file of entries, each a block of comments and YAML between blank lines, with one put in or replaced."""
    blocks = [old for old in text.strip().split(_BETWEEN) if _name(old) != _name(block)]
    return _BETWEEN.join([*blocks, block.strip()]) + "\n"


def block_of(best: str, command: str, file: str) -> str:
    """The entry of a ``best.yml`` with its evidence.

    :param best: content of the file
    :param command: the command that tuned
    :param file: the file that the entry is for, from the root of the project
    """
    comments = [line.removeprefix("#").strip() for line in best.splitlines() if line.startswith("#")]
    entry = [line for line in best.splitlines() if not line.startswith("#")]
    *evidence, train = comments
    lines = [*evidence, f"Found by: {command}", f"{train.partition(' -conf ')[0]} -conf {file}"]
    return "\n".join([*(f"# {part}" for line in lines for part in textwrap.wrap(line, _LINE)), *entry])


def _name(block: str) -> str:
    return str(next(iter(yaml.safe_load(block))))


def _command_of(folder: Path, study_name: str) -> str:
    storage = open_storage(storage_location(None, str(folder.parent.parent)), create=False)
    command = read_description(load_study(storage, study_name), study_name).command
    # Without places on the machine of whoever tuned.
    return re.sub(r" (-f|--log-folder)[ =]\S+", "", re.sub(r"^.*? tune(?= )", "sb3-hpo tune", command))


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER", help="of a study: LOG_FOLDER/ALGO/STUDY")
    for folder in parser.parse_args().folders:
        result = json.loads((folder / RESULT_FILE).read_text(encoding="utf-8"))
        file = HYPERPARAMS / f"{result['algo']}.yml"
        best = (folder / BEST_FILE).read_text(encoding="utf-8")
        command = _command_of(folder, result["study_name"])
        block = block_of(best, command, f"{HYPERPARAMS.name}/{file.name}")
        write_whole(file, with_entry(file.read_text(encoding="utf-8"), block))
        print(f"{result['env']} in {file}: {result['verdict']['text']}")


if __name__ == "__main__":
    main()

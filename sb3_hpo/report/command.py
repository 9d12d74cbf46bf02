"""``sb3-hpo report``: the report of any study, finished, running or empty."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import optuna

from sb3_hpo.errors import UserError
from sb3_hpo.parsers import OneLineParser
from sb3_hpo.report.making import REPORT_FILE, make_report
from sb3_hpo.report.plain import mapping
from sb3_hpo.settings import TuningSettings
from sb3_hpo.storage import open_storage, storage_location
from sb3_hpo.study_description import DESCRIPTION
from sb3_hpo.study_folder import study_folder
from sb3_hpo.trial_loading import load_study
from sb3_hpo.wording import count

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

STOCK_FOLDER = "stock"
"""In the place of the algorithm's, in the log folder, for a study that does not say what it tunes."""


_FOLDER = re.compile(r"\w[\w.-]*")


def report_command(words: Sequence[str]) -> int:
    """Write the report of a study.

    :raises UserError: if there is no such study or trial, or the file cannot be written
    """
    args = report_parser().parse_args(list(words))
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    location = storage_location(args.storage, args.log_folder)
    storage = open_storage(location, create=False)
    study = load_study(storage, args.study_name)
    folder = _folder(args, study)
    path = Path(args.output) if args.output else folder / REPORT_FILE
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        files = make_report(storage, study, location, path, folder, args.at_trial, is_png=args.png)
    except OSError as error:
        raise UserError(
            f"{str(error.filename or path)!r} cannot be written: {error.strerror}; name another file with --output"
        ) from None
    pictures = f", and {count(len(files) - 1, 'picture')} beside it" if args.png else ""
    sys.stdout.write(f"report: {path}{pictures}\n")
    return 0


def report_parser() -> argparse.ArgumentParser:
    """The parser of ``sb3-hpo report``."""
    parser = OneLineParser(
        prog="sb3-hpo report",
        description="Write the report of a study, finished or running, as one HTML file that needs no network.",
    )
    parser.add_argument("--study-name", required=True, help="Study to report on")
    parser.add_argument("--storage", help="Where it is kept (default: $SB3_HPO_STORAGE, or that of the log folder)")
    parser.add_argument("-f", "--log-folder", default=TuningSettings.log_folder, help="Folder of results")
    parser.add_argument(
        "--output", metavar="FILE", help=f"File to write (default: {REPORT_FILE} in the study's folder)"
    )
    parser.add_argument("--png", action="store_true", help="Write each picture as PNG beside the file, too")
    parser.add_argument(
        "--at-trial",
        type=int,
        metavar="N",
        help="Show what the sampler knew before trial N (default: what it knows now)",
    )
    return parser


def _folder(args: argparse.Namespace, study: optuna.Study) -> Path:
    """The study's folder. What a storage says names one folder in that of the results, and none elsewhere."""
    algo = str(mapping(study.user_attrs.get(DESCRIPTION)).get("algo", ""))
    return study_folder(args.log_folder, algo if _FOLDER.fullmatch(algo) else STOCK_FOLDER, study.study_name)

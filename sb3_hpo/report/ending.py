"""The report with which a command ends: whatever goes wrong with it, the result is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import optuna

from sb3_hpo.errors import failure_in_one_line
from sb3_hpo.report.making import REPORT_FILE, make_report
from sb3_hpo.result import RESULT
from sb3_hpo.storages.redaction import without_passwords
from sb3_hpo.validation_trainings import open_validation_study

if TYPE_CHECKING:
    from pathlib import Path

    from optuna.storages import BaseStorage

    from sb3_hpo.display import Display
    from sb3_hpo.result import TuningResult


def report_result(result: TuningResult, storage: BaseStorage, location: str, folder: Path, display: Display) -> None:
    """Keep a result in its study, and write the report into its folder; tell in one line if that fails.

    :param location: where the study is kept, as ``--storage`` names it
    :param folder: the study's folder, where the result has been written
    """
    path = folder / REPORT_FILE
    try:
        open_validation_study(storage, result.study_name).set_user_attr(RESULT, result.as_json())
        study = optuna.load_study(study_name=result.study_name, storage=storage)
        make_report(storage, study, location, path, folder)
    except Exception as error:
        reason = without_passwords(failure_in_one_line(error), location)
        display.line(
            f"the report could not be made ({reason}); the result is kept, and sb3-hpo report --study-name "
            f"{result.study_name} makes it later",
            "red",
        )
    else:
        display.line(f"report: {path}")

"""The report of a study, from its storage to the files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sb3_hpo.report.comparison import comparison_section
from sb3_hpo.report.costs import costs_section
from sb3_hpo.report.curves import curves_section
from sb3_hpo.report.matplotlib_drawing import write_png
from sb3_hpo.report.optuna_plots import Plots
from sb3_hpo.report.page import page_of
from sb3_hpo.report.study_reading import read_study
from sb3_hpo.report.surrogate import surrogate_section
from sb3_hpo.report.workers import workers_section
from sb3_hpo.result import BEST_FILE
from sb3_hpo.whole_files import write_whole

if TYPE_CHECKING:
    from pathlib import Path

    import optuna
    from optuna.storages import BaseStorage

    from sb3_hpo.report.pictures import Section
    from sb3_hpo.report.study_data import StudyData

REPORT_FILE = "report.html"


def make_report(
    storage: BaseStorage,
    study: optuna.Study,
    location: str,
    path: Path,
    folder: Path,
    at_trial: int | None = None,
    *,
    is_png: bool = False,
) -> list[Path]:
    """Write the report of a study, finished or not, of ours or of the stock zoo.

    :param location: where the study is kept, as ``--storage`` names it
    :param path: the file to write
    :param folder: folder of the study, which may hold ``best.yml``
    :param at_trial: trial before which the sampler's model is shown; None for the next one
    :param is_png: whether each picture is written beside it as PNG, too
    :return: the files that were written
    :raises UserError: if the study has several objectives, or no such trial
    :raises OSError: if a file cannot be written
    """
    data = read_study(storage, study, location)
    sections = sections_of(data, study, at_trial)
    best_file = folder / BEST_FILE
    write_whole(path, page_of(data, sections, best_file if best_file.is_file() else None))
    return [path, *(_write_pngs(sections, path) if is_png else [])]


def sections_of(data: StudyData, study: optuna.Study, at_trial: int | None) -> list[Section]:
    """All parts of the page that have pictures, in their order."""
    history, *others = Plots(study).sections()
    return [
        comparison_section(data),
        curves_section(data),
        history,
        *others,
        surrogate_section(study, at_trial),
        costs_section(data),
        workers_section(data),
    ]


def _write_pngs(sections: list[Section], path: Path) -> list[Path]:
    written = []
    for picture in (picture for section in sections for picture in section.pictures):
        if picture.content is not None:
            file = path.with_name(f"{path.stem}_{picture.key}.png")
            write_png(picture, file)
            written.append(file)
    return written

"""The page: one HTML file that needs no network, and in which nothing of a study is read as HTML or script."""

from __future__ import annotations

import json
from html import escape
from importlib import resources
from typing import TYPE_CHECKING

from sb3_hpo._version import __version__
from sb3_hpo.report.plotly_drawing import figure_json, safe_in_script
from sb3_hpo.report.summary import numbers_of, state_of, training_commands
from sb3_hpo.report.trial_table import table_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sb3_hpo.report.pictures import Picture, Section
    from sb3_hpo.report.study_data import StudyData

WIDE = ("parallel",)
"""Sections whose picture keeps a readable width and scrolls inside its box."""

_TABLE = (
    "A row is a trial of Optuna: a training, or the part of one between two pauses; trials of one configuration share "
    "its number. A click on a heading sorts by it, another one the other way round."
)

_NO_NETWORK = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"


def page_of(data: StudyData, sections: Sequence[Section], best_file: Path | None) -> str:
    """The whole file.

    :param sections: those with pictures, in their order
    :param best_file: ``best.yml`` of the study, where it is there
    """
    from plotly.offline import get_plotlyjs

    title = escape(f"Study {data.name}")
    body = "\n".join(
        [
            _header(data, sections, best_file),
            *(_section(section) for section in sections),
            _trials(data),
            _facts(data),
        ]
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_NO_NETWORK}">
<title>{title}</title>
<style>
{_file("page.css")}</style>
<script>{get_plotlyjs()}</script>
</head>
<body>
<main>
{body}
</main>
<script>
{_file("page.js")}</script>
</body>
</html>
"""


def _header(data: StudyData, sections: Sequence[Section], best_file: Path | None) -> str:
    about = [] if data.algo is None else [f"{data.algo} on {data.env}"]
    about += [] if data.is_ours else ["made by the stock zoo or another program"]
    numbers = "".join(
        f"<div><b>{escape(number)}</b> <span>{escape(what)}</span></div>" for what, number in numbers_of(data).items()
    )
    commands = training_commands(data, best_file)
    train = f"<p>{escape(commands[0])}</p><pre>{escape(chr(10).join(commands[1:]))}</pre>" if len(commands) > 1 else ""
    links = [(section.key, section.title) for section in sections]
    links += [("trials", "Trials"), ("facts", "How it was made")]
    navigation = "".join(f'<a href="#{escape(key)}">{escape(text)}</a>' for key, text in links)
    return (
        f"<header>\n<h1>Study {escape(data.name)}</h1>\n"
        f'<p class="soft">{escape(", ".join(about))}; as of {data.read_at:%Y-%m-%d %H:%M:%S}. '
        f"{escape(state_of(data))}</p>\n"
        f"{_verdict(data)}\n"
        f'<div class="numbers">{numbers}</div>\n{train}\n<nav>{navigation}</nav>\n</header>'
    )


def _verdict(data: StudyData) -> str:
    if data.verdict is None:
        return '<p class="verdict">No verdict yet: nothing says so far whether a trial is better than the default.</p>'
    kind = data.verdict.kind if data.verdict.kind in ("better", "worse") else "neutral"
    return f'<p class="verdict {kind}">{escape(data.verdict.text)}</p>'


def _section(section: Section) -> str:
    text = "".join(f"<p>{escape(paragraph)}</p>" for paragraph in section.text)
    large = "\n".join(_figure(picture, section.key) for picture in section.pictures if not picture.is_small)
    small = "\n".join(_figure(picture, section.key) for picture in section.pictures if picture.is_small)
    grid = f'<div class="small-pictures">\n{small}\n</div>' if small else ""
    return f'<section id="{escape(section.key)}">\n<h2>{escape(section.title)}</h2>\n{text}\n{large}{grid}</section>'


def _figure(picture: Picture, section: str) -> str:
    heading = f"<h3>{escape(picture.title)}</h3>" if picture.title else ""
    reading = f'<figcaption class="reading">{escape(picture.reading)}</figcaption>' if picture.reading else ""
    if picture.content is None:
        return f"<figure>{heading}{reading}</figure>"
    key = escape(picture.key)
    plot = f'<div class="plot" data-figure="figure-{key}" style="height:{picture.content.height}px"></div>'
    if section in WIDE:
        plot = f'<div class="wide">{plot}</div>'
    return (
        f"<figure>{heading}{reading}{plot}"
        f'<script type="application/json" id="figure-{key}">{figure_json(picture.content)}</script></figure>'
    )


def _trials(data: StudyData) -> str:
    if not data.trials:
        return '<section id="trials"><h2>Trials</h2><p class="reading">The study has no trial yet.</p></section>'
    content = safe_in_script(json.dumps(table_of(data), allow_nan=False))
    return (
        f'<section id="trials">\n<h2>Trials</h2>\n<p class="reading">{_TABLE}</p>\n<div class="table-box"></div>\n'
        '<button type="button" class="more" hidden></button>\n'
        f'<script type="application/json" id="trials-data">{content}</script></section>'
    )


def _facts(data: StudyData) -> str:
    facts = dict(data.facts)
    if data.versions:
        facts["versions"] = ", ".join(f"{name} {version}" for name, version in data.versions.items())
    if data.verdict is not None:
        facts["validation seeds"] = ", ".join(map(str, data.verdict.seeds))
        facts["selection seeds"] = ", ".join(map(str, data.verdict.selection_seeds))
    facts["report"] = f"made by sb3-hpo {__version__} on {data.read_at:%Y-%m-%d at %H:%M:%S}"
    rows = "".join(
        f'<tr><th scope="row">{escape(what)}</th><td>{escape(text)}</td></tr>' for what, text in facts.items() if text
    )
    return f'<section id="facts">\n<h2>How it was made</h2>\n<table class="facts">{rows}</table></section>'


def _file(name: str) -> str:
    return resources.files("sb3_hpo.report").joinpath(name).read_text(encoding="utf-8")

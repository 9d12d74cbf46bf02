"""What a report's file holds, as a browser reads it."""

from __future__ import annotations

import dataclasses
import json
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


@dataclasses.dataclass
class Page:
    """A page.

    :param text: all text that a reader sees, but for that of pictures and the table of trials
    :param figures: id of a picture -> what Plotly draws
    :param table: the table of trials; None where there is none
    :param tags: every tag with its attributes, in order
    """

    text: str
    figures: dict[str, Any]
    table: dict[str, Any] | None
    tags: list[tuple[str, dict[str, str | None]]]

    def column(self, heading: str) -> list[Any]:
        """A column of the table of trials."""
        assert self.table is not None
        at = self.table["headings"].index(heading)
        return [row[at] for row in self.table["rows"]]

    def traces(self, figure: str) -> dict[str, Any]:
        """Name -> trace of a picture, for those that have a name."""
        return {trace["name"]: trace for trace in self.figures[f"figure-{figure}"]["data"] if trace.get("name")}


def read_page(path: Path) -> Page:
    """Parse a report."""
    parser = _Parser()
    parser.feed(path.read_text(encoding="utf-8"))
    parser.close()
    assert parser.open == [], f"not closed: {parser.open}"
    contents = {name: json.loads(text) for name, text in parser.scripts.items()}
    table = contents.pop("trials-data", None)
    return Page(" ".join("".join(parser.text).split()), contents, table, parser.tags)


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []
        self.scripts: dict[str, str] = {}
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] == ["script"]:
            name = self.tags[-1][1].get("id")
            if name is not None:
                self.scripts[name] = self.scripts.get(name, "") + data
        elif self.open[-1:] != ["style"]:
            self.text.append(data)

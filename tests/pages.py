"""The README and the pages of docs/: their blocks of code, and the commands in them."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
DOCS = ROOT / "docs"
PAGES = [README, *sorted(DOCS.rglob("*.md"))]

_BLOCK = re.compile(r"^```(\w*)(?: title=\"([^\"]+)\")?\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Block:
    """A block of code.

    :param title: the file that a reader writes it into; empty for none
    """

    language: str
    title: str
    text: str

    @property
    def commands(self) -> list[str]:
        """The lines of a block of commands, without comments."""
        lines = [line.split(" #")[0].strip() for line in self.text.splitlines()] if self.language == "bash" else []
        return [line for line in lines if line and not line.startswith("#")]


def blocks(page: Path) -> list[Block]:
    """The blocks of a page, in their order."""
    return [Block(*found) for found in _BLOCK.findall(page.read_text(encoding="utf-8"))]


def blocks_of(language: str) -> list[str]:
    """The blocks of all pages in a language, those left out that a reader writes into a file."""
    return [block.text for page in PAGES for block in blocks(page) if block.language == language and not block.title]


def block_titled(title: str) -> str:
    """The block that a reader writes into a file."""
    (text,) = (block.text for page in PAGES for block in blocks(page) if block.title == title)
    return text


def commands(program: str) -> list[str]:
    """The commands of all pages that begin so, each once."""
    found = [command for page in PAGES for block in blocks(page) for command in block.commands]
    return list(dict.fromkeys(command for command in found if command.startswith(program)))


def ids(page: Path) -> str:
    """How a page is called in a test's name."""
    return str(page.relative_to(ROOT))

"""Pages of the site whose files lie outside of docs/: they are shown there as they are, and linked from both places."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mkdocs.structure.files import File, Files

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig

ROOT = Path(__file__).parents[2]

OUTSIDE = (
    "CHANGELOG.md",
    "benchmarks/README.md",
    *sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("benchmarks/results/*.png")),
)
"""What is shown, relative to the root of the repository and to that of the site alike."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the files."""
    for uri in OUTSIDE:
        files.append(File.generated(config, uri, abs_src_path=str(ROOT / uri)))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Turn links that leave docs/ into links within the site."""
    for uri in OUTSIDE:
        markdown = markdown.replace(f"](../{uri}", f"]({uri}")
    # And the way back, from pages that are shown here.
    return markdown.replace("](../docs/", "](../")

"""Where everything is printed: colour and bars on a terminal only."""

from __future__ import annotations

from rich.console import Console

LINE_WIDTH = 140
"""Characters that a line may have where the output is no terminal, which would say how many it shows."""


def create_console() -> Console:
    """A console on standard output that wraps no line of text."""
    console = Console(highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = LINE_WIDTH
    return console

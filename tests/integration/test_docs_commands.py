"""Every command of the README and of docs/, run."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

import gymnasium as gym
import pytest

from tests import storages
from tests.integration.reader import Reader
from tests.pages import DOCS, PAGES, Block, blocks, ids

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WITH_COMMANDS = [page for page in PAGES if any(block.commands for block in blocks(page))]


def installed_for(page: Path) -> list[Block]:
    """The package of the page on environments, for other pages that use it."""
    if page.name == "environment.md" or "my_package.environments" not in page.read_text(encoding="utf-8"):
        return []
    return [block for block in blocks(DOCS / "environment.md") if block.title.startswith("my_package")]


@pytest.fixture(autouse=True)
def reader_forgets() -> Iterator[None]:
    """What one page has imported and registered is not there on the next one."""
    modules, environments = set(sys.modules), set(gym.registry)
    yield
    for name in set(gym.registry) - environments:
        del gym.registry[name]
    for name in set(sys.modules) - modules:
        if name.startswith(("my_package", "clipped_dqn", "test_space")):
            del sys.modules[name]


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=ids)
def test_what_a_page_says_works(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with contextlib.ExitStack() as stack:
        stack.enter_context(storages.closed_afterwards(monkeypatch))
        reader = Reader(tmp_path, monkeypatch, stack)
        package = installed_for(page)
        if package:
            reader.follow(package)
            monkeypatch.syspath_prepend(str(tmp_path))
        reader.follow(blocks(page))

"""Every command of the README and of docs/, run."""

from __future__ import annotations

import contextlib
import sys

import pytest

from tests import storages
from tests.integration.reader import Reader
from tests.pages import PAGES, blocks, ids

WITH_COMMANDS = [page for page in PAGES if any(block.commands for block in blocks(page))]


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=ids)
def test_what_a_page_says_works(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    modules = set(sys.modules)
    with contextlib.ExitStack() as stack:
        stack.enter_context(storages.closed_afterwards(monkeypatch))
        Reader(tmp_path, monkeypatch, stack).follow(blocks(page))
    for name in set(sys.modules) - modules:
        if name.startswith(("my_package", "clipped_dqn", "test_space")):
            del sys.modules[name]

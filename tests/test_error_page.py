"""The page on what went wrong: every message that the program has for a user is on it."""

from __future__ import annotations

import ast
import re

import pytest

from tests.pages import DOCS, ROOT

PAGE = (DOCS / "errors.md").read_text(encoding="utf-8")
VALUE = "…"
"""Stands for a value, in messages here as on the page."""

MIN_LETTERS = 8
"""A message with fewer letters of its own is made of others."""


def message(node: ast.expr) -> str:
    """What an expression says, with a sign in the place of each value."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(message(part) for part in node.values)
    return VALUE


def messages() -> list[str]:
    found = []
    for file in sorted((ROOT / "sb3_hpo").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
                text = message(node.args[0])
                if node.func.id == "UserError":
                    found.append(text)
                elif node.func.id == "unknown_name":
                    found.append(f"unknown {text} {VALUE}")
    return list(dict.fromkeys(normal(text) for text in found if len(re.findall("[a-z]", text)) >= MIN_LETTERS))


def normal(text: str) -> str:
    """A text on one line, with one sign for values that follow each other."""
    return re.sub(f"{VALUE}( ?{VALUE})+", VALUE, " ".join(text.split()))


def said(page: str) -> list[str]:
    return re.findall(r"`([^`]+)`", normal(page))


SAID = said(PAGE)


@pytest.mark.parametrize("text", messages())
def test_every_message_for_a_user_is_on_the_page(text):
    """If yours is missing: add it, as this test's name has it, with its remedy."""
    assert any(text in one for one in SAID), text


def test_messages_are_found():
    assert len(messages()) > 100
    assert "storage … is a folder: name the file that holds the study with --storage" in messages()
    assert "unknown environment …" in messages()


def test_no_message_is_only_on_the_page():
    """Messages of others are not looked at: those of the zoo, and of what ends a command on the way."""
    known = [*messages(), *FROM_ELSEWHERE]
    for text in said(PAGE.partition("## Ended on the way")[0]):
        if VALUE in text:
            assert any(text in one or one in text for one in known), text


FROM_ELSEWHERE = (
    "did you mean …?",
    "unknown sampler …",
    "unknown pruner …",
    "unknown score …",
    "unknown aggregate …",
    "on …: …",
    "what can be read of it could not be saved beside it (…): …, then try again",
    "storage … is damaged: …; it is left as it is, and …",
)

"""Docstrings as Markdown shows them: the roles and literal blocks of reStructuredText, which they are written in."""

from __future__ import annotations

import re
from typing import Any

import griffe

_ROLE = re.compile(r":(?:attr|class|data|exc|func|meth|mod):`~?([^`]+)`")
_LITERAL = re.compile(r"::$", flags=re.MULTILINE)


def as_markdown(docstring: str) -> str:
    """A docstring whose roles are code, and whose literal blocks begin after a single colon."""
    return _LITERAL.sub(":", _ROLE.sub(r"`\1`", docstring))


class RestRoles(griffe.Extension):
    """Rewrites every docstring of the package once it is read."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite the docstring of a module, class, function or attribute."""
        if obj.docstring is not None:
            obj.docstring.value = as_markdown(obj.docstring.value)

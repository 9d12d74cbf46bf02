"""The zoo's notation for nested arguments, ``"dict(net_arch=[256, 256])"``, read and written without running it.

The zoo evaluates such text as Python. Here it is parsed: mappings, lists, numbers, strings, and the names of torch
classes and of the few others that its files use. Plain values stand for names: ``"nn.ReLU"``.
"""

from __future__ import annotations

import ast
import keyword
import math
import re
from collections.abc import Mapping

from sb3_hpo.errors import UserError

_SYMBOL = re.compile(r"(nn|th\.nn|torch\.nn)\.[A-Z]\w*|(th|torch)\.optim\.[A-Z]\w*|HerReplayBuffer|RMSpropTFLike")
"""Names that the zoo's files may use where ``exp_manager.py`` evaluates them."""


_NON_FINITE = {f"float({str(value)!r})": value for value in (math.inf, -math.inf, math.nan)}


def is_symbol(value: object) -> bool:
    """Whether a plain value stands for a class by the name it has in the zoo's files, such as ``"nn.ReLU"``."""
    return isinstance(value, str) and _SYMBOL.fullmatch(value) is not None


def parse(text: str) -> object:
    """The plain value that zoo text stands for: mappings, lists and plain values, names as strings.

    :raises UserError: if the text is anything else, whatever it might do when run
    """
    try:
        return _plain(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, RecursionError, MemoryError, _NotPlainError):
        raise UserError(
            f"cannot read {text!r}: only dict(...), lists, numbers, text and classes of torch.nn and torch.optim "
            "are read, nothing is run as code"
        ) from None


def render(value: object, *, tuples: bool = False) -> str:
    """Text in the zoo's notation for a plain value: the inverse of :func:`parse`.

    :param tuples: whether sequences are written as tuples, ``('a',)``; :func:`parse` reads both as lists
    """
    if isinstance(value, Mapping):
        rendered = {key: render(entry, tuples=tuples) for key, entry in value.items()}
        if all(_is_keyword_argument(key) for key in value):
            return f"dict({', '.join(f'{key}={entry}' for key, entry in rendered.items())})"
        return f"{{{', '.join(f'{key!r}: {entry}' for key, entry in rendered.items())}}}"
    if isinstance(value, (list, tuple)):
        entries = ", ".join(render(entry, tuples=tuples) for entry in value)
        return (f"({entries},)" if len(value) == 1 else f"({entries})") if tuples else f"[{entries}]"
    if is_symbol(value):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return f"float({str(value)!r})"
    return repr(value)


def json_plain(value: object) -> object:
    """A plain value as JSON can hold it: numbers that are not finite as the zoo's text, ``"float('inf')"``."""
    if isinstance(value, Mapping):
        return {key: json_plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_plain(entry) for entry in value]
    return render(value) if isinstance(value, float) and not math.isfinite(value) else value


def _is_keyword_argument(key: object) -> bool:
    return isinstance(key, str) and key.isascii() and key.isidentifier() and not keyword.iskeyword(key)


class _NotPlainError(Exception):
    """The text holds more than plain values."""


def _plain(node: ast.expr) -> object:
    if isinstance(node, ast.Call):
        return _plain_call(node)
    if isinstance(node, ast.Dict):
        return {_plain_key(key): _plain(value) for key, value in zip(node.keys, node.values, strict=True)}
    if isinstance(node, (ast.List, ast.Tuple)):
        return [_plain(element) for element in node.elts]
    if isinstance(node, (ast.Name, ast.Attribute)):
        symbol = ast.unparse(node)
        if is_symbol(symbol):
            return symbol
        raise _NotPlainError
    return _plain_number_or_text(node)


def _plain_number_or_text(node: ast.expr) -> object:
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError):
        raise _NotPlainError from None
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise _NotPlainError


def _plain_call(node: ast.Call) -> object:
    if ast.unparse(node) in _NON_FINITE:
        return _NON_FINITE[ast.unparse(node)]
    if not (isinstance(node.func, ast.Name) and node.func.id == "dict") or node.args:
        raise _NotPlainError
    entries: dict[str, object] = {}
    for entry in node.keywords:
        if entry.arg is None:
            raise _NotPlainError
        entries[entry.arg] = _plain(entry.value)
    return entries


def _plain_key(node: ast.expr | None) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    raise _NotPlainError

"""Storage locations without their passwords. Too much is hidden rather than too little."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus, unquote, unquote_plus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HIDDEN = "***"

# What is kept, then what is hidden: up to the last @, because a password may hold any number of them unencoded.
_USER_PASSWORD = re.compile(r"(://[^:]*:)(.*)(?=@)", flags=re.DOTALL)
_NO_SCHEME_PASSWORD = re.compile(r"(^[^:]*:)(.*)(?=@)", flags=re.DOTALL)
# To the end: a password may hold an unencoded &, too.
_QUERY_PASSWORD = re.compile(r"([?&;][^=&;?]*(?:pass|pwd|secret|token)[^=&;?]*=)(.*)", flags=re.DOTALL | re.IGNORECASE)
_URL_IN_TEXT = re.compile(r"(://[^:\s]*:)\S*@")

_SHORT = 4
"""Characters below which a password stands for itself only as a whole word: it may be part of any other."""


def redacted(location: str) -> str:
    """A storage location as it may be shown: without its password, wherever the location has one."""
    return _redacted(location, _pattern(location))


def redacted_command(words: Iterable[str]) -> str:
    """A command line as it may be kept: without the passwords of the URLs in it.

    :param words: the words of the command, as in ``sys.orig_argv``
    """
    return " ".join(_redacted(word, _USER_PASSWORD) if "://" in word else word for word in words)


def without_passwords(text: str, location: str) -> str:
    """A driver's message about a storage, which may repeat its URL or its password.

    :param text: the message
    :param location: the location of the storage, with its password
    """
    for secret in sorted(set(_secrets(location)), key=len, reverse=True):
        pattern = re.escape(secret) if len(secret) >= _SHORT else rf"(?<!\w){re.escape(secret)}(?!\w)"
        text = re.sub(pattern, HIDDEN, text)
    return _QUERY_PASSWORD.sub(rf"\1{HIDDEN}", _URL_IN_TEXT.sub(rf"\1{HIDDEN}@", text))


def _pattern(location: str) -> re.Pattern[str]:
    """What finds the password of a user; the :// of a scheme is at the first colon, others are in the password."""
    return _USER_PASSWORD if location.partition(":")[2].startswith("//") else _NO_SCHEME_PASSWORD


def _redacted(text: str, pattern: re.Pattern[str]) -> str:
    return _QUERY_PASSWORD.sub(rf"\1{HIDDEN}", pattern.sub(rf"\1{HIDDEN}", text, count=1))


def _secrets(location: str) -> Iterator[str]:
    """The passwords in a location, in every form in which a message may repeat them."""
    for found in (_pattern(location).search(location), _QUERY_PASSWORD.search(location)):
        written = found[2] if found else ""
        # A driver may have read less of it than was meant: up to the next character that means something in a URL.
        parts = [part for part in re.split(r"[@/?&#:]", written) if len(part) >= _SHORT]
        # Without its scheme the location does not say which : comes before the password.
        ends = [written[at + 1 :] for at, character in enumerate(written) if character == ":"]
        for secret in (written, *ends, *parts):
            for plain in (secret, unquote(secret), unquote_plus(secret)):
                forms = (plain, quote(plain, safe=""), quote_plus(plain), repr(plain)[1:-1])
                yield from (form for form in forms if form)

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

_PORT = re.compile(r"\d+(?:[/?]|['\"],|['\")\].,:;}>`]*(?:\s|$))")
"""Digits up to the end of a location, of a quotation of it, or of its host."""
_HOST = r"(?:[^/:@]*@)*(?:\[[\w:.%]*\]|(?!\[[\w:.%]*\])[^/:@]*)"
"""With its user; an address of IPv6 is in brackets, and has colons of its own."""
# Where the host was forgotten, what follows the colon is no port. To the end: where it ends cannot be told.
_PASSWORD_WITHOUT_HOST = re.compile(rf"(://{_HOST}:)(?!{_PORT.pattern})(.+)", flags=re.DOTALL)

_WORD = r"(?:pass|pwd|secret|token)"
_IN_QUERY = rf"[?&;][^=&;?]*?{_WORD}[^=&;?]*?"
# Of a list such as libpq's, "host=h password=p", and of any other where it is encoded as a part of a URL.
_IN_LIST = rf"(?:^|[\s=+'\"]|%[0-9A-F]{{2}})[\w.-]*?{_WORD}[\w.-]*\s*"
_IN_TEXT = rf"(?:(?<![\w.-])|%[0-9A-F]{{2}})[\w.-]*?{_WORD}[\w.-]*\s*"
# To the end: a password may hold an unencoded &, too.
_KEY_PASSWORD = re.compile(rf"((?:{_IN_QUERY}|{_IN_LIST})(?:=|%3D))(.*)", flags=re.DOTALL | re.IGNORECASE)
# To the end of its line: what went wrong may be told in the next one.
_KEY_PASSWORD_IN_TEXT = re.compile(rf"((?:{_IN_QUERY}|{_IN_TEXT})(?:=|%3D))(.*)", flags=re.IGNORECASE)
_URL_IN_TEXT = re.compile(r"(?<!\S)\S*?://\S*")
_VALUE = re.compile(r"'([^']*)'|\{([^}]*)\}|(.*?)(?=[\s;]|%3B|$)", flags=re.DOTALL | re.IGNORECASE)
"""What a driver reads of a list's value."""

_SHORT = 4
"""Characters below which a password stands for itself only as a whole word: it may be part of any other."""


def redacted(location: str) -> str:
    """A storage location as it may be shown: without its password, wherever the location has one."""
    return _redacted(location, _pattern(location))


def redacted_command(words: Iterable[str]) -> str:
    """A command line as it may be kept: without the passwords of the storage locations in it.

    :param words: the words of the command, as in ``sys.orig_argv``
    """
    return " ".join(_redacted(word, _USER_PASSWORD if "://" in word else None) for word in words)


def without_passwords(text: str, location: str) -> str:
    """A driver's message about a storage, which may repeat its URL or its password.

    :param text: the message
    :param location: the location of the storage, with its password
    """
    for secret in sorted(set(_secrets(location)), key=len, reverse=True):
        pattern = re.escape(secret) if len(secret) >= _SHORT else rf"(?<!\w){re.escape(secret)}(?!\w)"
        text = re.sub(pattern, HIDDEN, text)
    text = _URL_IN_TEXT.sub(lambda url: _redacted(url[0], _USER_PASSWORD), text)
    return _KEY_PASSWORD_IN_TEXT.sub(rf"\1{HIDDEN}", text)


def _pattern(location: str) -> re.Pattern[str]:
    """What finds the password of a user; the :// of a scheme is at the first colon, others are in the password."""
    return _USER_PASSWORD if location.partition(":")[2].startswith("//") else _NO_SCHEME_PASSWORD


def _redacted(text: str, user_password: re.Pattern[str] | None) -> str:
    for begin, end in reversed(_places(text, user_password)):
        text = text[:begin] + HIDDEN + text[end:]
    return text


def _places(text: str, user_password: re.Pattern[str] | None) -> list[tuple[int, int]]:
    """Where the passwords of a location begin and end: that of a user, and the one that a key names.

    :param user_password: what finds that of a user; None where there is none
    """
    named = _KEY_PASSWORD.search(text)
    end = named.start() if named else len(text)
    if user_password is None:
        return [named.span(2)] if named else []
    user = user_password.search(text)
    if user and user.start(2) < end < user.end(2) and not _PORT.match(text, user.start(2)):
        # What looks like a key may be within the password of the user.
        return [(user.start(2), len(text))]
    user = user_password.search(text, 0, end) or _PASSWORD_WITHOUT_HOST.search(text, 0, end)
    return [found.span(2) for found in (user, named) if found]


def _secrets(location: str) -> Iterator[str]:
    """The passwords in a location, in every form in which a message may repeat them."""
    for begin, end in _places(location, _pattern(location)):
        written = location[begin:end]
        # A driver may have read less of it than was meant: up to the next character that means something in a URL.
        parts = [part for part in re.split(r"[@/?&#:]", written) if len(part) >= _SHORT]
        # Without its scheme the location does not say which : comes before the password.
        ends = [written[at + 1 :] for at, character in enumerate(written) if character == ":"]
        for secret in (written, *_values(written), *ends, *parts):
            for plain in (secret, unquote(secret), unquote_plus(secret)):
                forms = (plain, quote(plain, safe=""), quote_plus(plain), repr(plain)[1:-1])
                yield from (form for form in forms if form)


def _values(written: str) -> Iterator[str]:
    """The value at the beginning of the rest of a list."""
    found = _VALUE.match(written.lstrip())
    yield from filter(None, found.groups() if found else ())

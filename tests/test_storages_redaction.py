from __future__ import annotations

import string
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sb3_hpo.errors import UserError
from sb3_hpo.storage import open_storage, redacted, redacted_command
from sb3_hpo.storages.redaction import without_passwords
from sb3_hpo.storages.urls import parse

# No letter or digit of it is in anything else, so that a part of it that is left over is found.
REST = "ABCDEFGHIJ"
PASSWORDS = st.text(f"{REST}@/:?#&%+=; '\"\\{{}}ä", min_size=4, max_size=20).filter(
    lambda text: sum(letter in REST for letter in text) >= 4
)
ENCODINGS = st.sampled_from([str, quote, quote_plus, lambda text: quote(text, safe="")])
FORMS = (
    "postgresql://user:{}@host:5432/database",
    "postgresql+psycopg2://user:{}@host/database?sslmode=require",
    "mysql://user:{}@host/database",
    "mysql://us@er:{}@host/database",
    "redis://:{}@host:6379/0",
    "rediss://user:{}@host/0?prefix=mine",
    "grpc://user:{}@host:13000",
    "postgres://user:{}@host/database",
    "postgresql:/user:{}@host/database",
    "user:{}@host/database",
    "postgresql://host/database?user=user&password={}",
    "postgresql://host/database?passwd={}",
    "mysql://host/database?ssl_key_password={}",
    "redis://host/0?password={}",
)


def is_user_of_a_scheme(form: str, written: str) -> bool:
    """Whether what is written turns ``user:password@host`` into ``scheme://user@host``."""
    return form.startswith("user:") and written.startswith("//")


def left_over(text: str) -> set[str]:
    return set(text) & set(REST)


@given(st.sampled_from(FORMS), PASSWORDS, ENCODINGS)
def test_nothing_of_a_password_is_left_in_a_location(form, password, encoding):
    assume(not is_user_of_a_scheme(form, encoding(password)))
    shown = redacted(form.format(encoding(password)))
    assert "***" in shown
    assert not left_over(shown) - {letter for letter in encoding(password) if letter not in password}
    assert redacted(shown) == shown


@given(st.sampled_from([form for form in FORMS if "://" in form]), PASSWORDS, ENCODINGS)
def test_nothing_of_a_password_is_left_in_a_command(form, password, encoding):
    location = form.format(encoding(password))
    words = ["sb3-hpo", "tune", f"--storage={location}", "--storage", location, f"hpo:dict(storage='{location}')"]
    shown = redacted_command(words)
    assert shown.count("***") == 3
    assert not left_over(shown)
    assert shown.startswith("sb3-hpo tune --storage=")


@given(st.sampled_from([form for form in FORMS if "{}@" in form and "us@er" not in form]), PASSWORDS, ENCODINGS)
def test_a_message_that_repeats_password_or_location_is_shown_without(form, password, encoding):
    assume(not is_user_of_a_scheme(form, encoding(password)))
    location = form.format(encoding(password))
    message = f"no {location}: tried {password!r} and {encoding(password)!r} and {quote(password, safe='')} in vain"
    shown = without_passwords(message, location)
    assert not left_over(shown)
    assert shown.startswith("no ")
    assert shown.endswith("in vain")


@given(PASSWORDS)
def test_the_password_that_is_used_is_the_one_that_was_encoded(password):
    url = parse(f"mysql://user:{quote(password, safe='')}@host/database")
    assert (url.username, url.password, url.host, url.database) == ("user", password, "host", "database")
    assert parse(url.render_as_string(hide_password=False)) == url


@given(
    st.sampled_from(["postgresql", "mysql", "redis", "grpc"]),
    PASSWORDS.filter(lambda password: "@" in password),
)
def test_a_password_that_would_be_cut_at_an_at_sign_is_refused(scheme, password):
    with pytest.raises(UserError, match=r"write those of the password as %40|is no database URL") as caught:
        open_storage(f"{scheme}://user:{password}@host/database")
    assert not left_over(str(caught.value))


@given(st.text(string.ascii_lowercase, min_size=1, max_size=3))
def test_a_short_password_is_hidden_where_it_stands_alone(password):
    location = f"mysql://someone:{password}@host/database"
    shown = without_passwords(f"access with '{password}' denied", location)
    assert shown in ("access with '***' denied",)


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("postgresql://user:secret@host:5432/db", "postgresql://user:***@host:5432/db"),
        ("--storage=postgresql://user:secret@host/db", "--storage=postgresql://user:***@host/db"),
        ("mysql://user:secret@host:port/db", "mysql://user:***@host:port/db"),
        ("redis://:secret@host/1?prefix=p", "redis://:***@host/1?prefix=p"),
        ("redis://host/1?username=u&password=secret", "redis://host/1?username=u&password=***"),
        ("postgresql://user@host/db", "postgresql://user@host/db"),
        ("postgresql://user@host:5432/db?sslmode=require", "postgresql://user@host:5432/db?sslmode=require"),
        ("postgresql://host:5432/db", "postgresql://host:5432/db"),
        ("redis://host:6379/0?prefix=mine", "redis://host:6379/0?prefix=mine"),
        ("grpc://host:13000", "grpc://host:13000"),
        ("sqlite:///study.db", "sqlite:///study.db"),
        ("/data/study.log", "/data/study.log"),
    ],
)
def test_redacted(location, expected):
    assert redacted(location) == expected


def test_words_of_a_command_that_are_no_urls_stay_as_they_are():
    words = ["sb3-hpo", "tune", "--env-kwargs", "a:'x:y@z'", "--eval-env-kwargs", "password:1"]
    assert redacted_command(words) == " ".join(words)

from __future__ import annotations

import string
import time
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
        ("redis://:22secret/0", "redis://:***"),
        ("redis://:22secret", "redis://:***"),
        ("sqlite:///study.db", "sqlite:///study.db"),
        ("/data/study.log", "/data/study.log"),
    ],
)
def test_redacted(location, expected):
    assert redacted(location) == expected


def test_words_of_a_command_that_are_no_urls_stay_as_they_are():
    words = ["sb3-hpo", "tune", "--env-kwargs", "a:'x:y@z'", "--eval-env-kwargs", "password:1"]
    assert redacted_command(words) == " ".join(words)


PASSWORD = "hunter22"
UNUSUAL = {
    "host=127.0.0.1 user=u password=hunter22 dbname=db": "host=127.0.0.1 user=u password=***",
    "host=h password = 'hunter22' dbname=db": "host=h password =***",
    "password=hunter22 host=h": "password=***",
    "host=::1 user=u password=a:b@hunter22": "host=:***",
    "redis://:hunter22": "redis://:***",
    "redis://:hunter22/0": "redis://:***",
    "redis://[::1]:hunter22": "redis://[::1]:***",
    "postgresql://u:hunter22/db": "postgresql://u:***",
    "postgresql://u@x:hunter22/db?sslmode=require": "postgresql://u@x:***",
    "postgresql://u:hunter22?password=hunter22": "postgresql://u:***?password=***",
    "postgresql://u@127.0.0.1:1/db?password=p@hunter22": "postgresql://u@127.0.0.1:1/db?password=***",
    "postgresql://127.0.0.1:1/db?user=u&password=p@hunter22": "postgresql://127.0.0.1:1/db?user=u&password=***",
    "postgresql://u:p@hunter22?password=p@host/db": "postgresql://u:***",
    "mssql+pyodbc:///?odbc_connect=DRIVER%3DX%3BPWD%3Dhunter22": "mssql+pyodbc:///?odbc_connect=DRIVER%3DX%3BPWD%3D***",
    "mssql+pyodbc:///?odbc_connect=PWD%3Dhunter22%3BEncrypt%3Dyes": "mssql+pyodbc:///?odbc_connect=PWD%3D***",
    "mssql+pyodbc:///?odbc_connect=DRIVER=X;UID=u;PWD=hunter22;": "mssql+pyodbc:///?odbc_connect=DRIVER=X;UID=u;PWD=***",
}
"""Locations that are written otherwise, or wrongly, and what is shown of them."""

ORDINARY = (
    "postgresql://host:5432/db",
    "postgresql://user@host:5432/db?sslmode=require",
    "postgresql://user@[::1]:5432/db",
    "postgresql://[::1]:5432/db",
    "sqlite:////tmp/a b.db",
    "sqlite:///C:\\x\\y.db",
    "grpc://host:13000",
    "redis://127.0.0.1:6379/0",
    "redis://host:6379?prefix=mine",
    "redis://localhost",
    "study.log",
    "/data/password/study.log",
    "C:\\x\\y.db",
    "C:\\token\\study.log",
)


@pytest.mark.parametrize(("location", "expected"), UNUSUAL.items())
def test_password_of_an_unusual_location_is_in_nothing_that_is_shown(location, expected):
    assert redacted(location) == expected
    assert redacted(expected) == expected
    for word in (location, f"--storage={location}", f"hpo:dict(storage='{location}')"):
        assert PASSWORD not in redacted_command(["sb3-hpo", "tune", "--storage", word, "--n-trials", "3"])
    for word in (location, f"'{location}'", f"({location})"):
        assert PASSWORD not in without_passwords(f"cannot open {word}: refused", location)
        assert PASSWORD not in without_passwords(f"cannot open {word}: refused", "elsewhere.log")
    assert without_passwords("access with 'hunter22' denied", location) == "access with '***' denied"
    with pytest.raises(UserError) as caught:
        open_storage(location)
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize("location", ORDINARY)
def test_ordinary_location_stays_as_it_is(location):
    assert redacted(location) == location
    words = ["--storage", location, f"--storage={location}", f"hpo:dict(storage='{location}',n_trials=3)"]
    assert redacted_command(words) == " ".join(words)
    for message in (f"no {location}: refused", f"no '{location}', try again", f"no ({location}).", f"no {location}"):
        assert without_passwords(message, location) == message
        assert without_passwords(message, "elsewhere.log") == message


@pytest.mark.parametrize(
    "words",
    [
        ["--study-name", "password-study"],
        ["--study-name=password-study", "--seed=3"],
        ["hpo:dict(study_name='password-study',n_trials=5)"],
        ["hpo:dict(study_name='my token',n_trials=5)"],
        ["policy_kwargs:dict(n_tokens=4)"],
    ],
)
def test_words_of_a_command_about_no_password_stay_as_they_are(words):
    assert redacted_command(words) == " ".join(words)


def test_password_in_a_message_of_several_lines_hides_its_line_alone():
    message = "File x.py, line 3\n    connect(host, password=password, port=port)\nTimeoutError: no answer"
    shown = without_passwords(f"password = {PASSWORD} and more\n{message}", "elsewhere.log")
    told = "File x.py, line 3\n    connect(host, password=***\nTimeoutError: no answer"
    assert shown == f"password =***\n{told}"


def test_long_message_is_read_at_once():
    message = "x" * 200_000 + " " + "a;b&c?d" * 20_000
    began = time.monotonic()
    assert without_passwords(message, "elsewhere.log") == message
    assert time.monotonic() - began < 5.0

from __future__ import annotations

import builtins
import keyword
import math
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sb3_hpo.errors import UserError
from sb3_hpo.zoo_text import is_symbol, parse, render

SYMBOLS = ["nn.ReLU", "th.nn.Tanh", "torch.nn.ELU", "th.optim.Adam", "torch.optim.RMSprop", "HerReplayBuffer"]

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.sampled_from(SYMBOLS)
)
KEYS = st.sampled_from(["net_arch", "a b", "1", "", "it's", "é", *keyword.kwlist])
PLAIN = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4))


@given(PLAIN)
def test_parse_reads_what_render_writes(value: object) -> None:
    assert parse(render(value)) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("dict(net_arch=[256, 256])", {"net_arch": [256, 256]}),
        ("dict(net_arch=dict(pi=[64], vf=(32, 16)))", {"net_arch": {"pi": [64], "vf": [32, 16]}}),
        ("dict(log_std_init=-2, ortho_init=False)", {"log_std_init": -2, "ortho_init": False}),
        ("dict(activation_fn=nn.ReLU)", {"activation_fn": "nn.ReLU"}),
        ("dict(\n  optimizer_class=th.optim.Adam,\n)", {"optimizer_class": "th.optim.Adam"}),
        ("{'norm_obs': True, 'norm_reward': False}", {"norm_obs": True, "norm_reward": False}),
        ("dict(goal_selection_strategy='future')", {"goal_selection_strategy": "future"}),
        ("HerReplayBuffer", "HerReplayBuffer"),
        (" 1e-3 ", 1e-3),
        ("None", None),
    ],
)
def test_notation_of_the_zoo_is_read(text: str, value: object) -> None:
    assert parse(text) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"net_arch": [256, 256]}, "dict(net_arch=[256, 256])"),
        ({"activation_fn": "nn.ReLU"}, "dict(activation_fn=nn.ReLU)"),
        ({"goal": "future"}, "dict(goal='future')"),
        ({"a b": 1}, "{'a b': 1}"),
        ({}, "dict()"),
    ],
)
def test_text_is_what_the_zoo_evaluates(value: object, text: str) -> None:
    assert render(value) == text


HOSTILE = [
    "__import__('os').system('x')",
    "exec('x')",
    "dict(**{})",
    "dict(**{'a': 1})",
    "{**{}}",
    "dict([('a', 1)])",
    "dict(a=open('x'))",
    "[x for x in y]",
    "[*[1]]",
    "nn.__class__",
    "nn.ReLU.__init__",
    "nn.ReLU()",
    "nn.functional.relu",
    "torch.os.system",
    "th.hub.Load",
    "os.system",
    "().__class__.__bases__",
    "lambda: 1",
    "(x := 1)",
    "f'{open}'",
    "1 if True else 2",
    "2 ** 99999999",
    "256 * 4",
    "a = 1",
    "import os",
    "dict(",
    "",
    "\0",
    "(" * 300,
    "inf",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_anything_else_is_refused_and_never_run(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*args: object, **kwargs: object) -> None:
        pytest.fail("the text was run")

    with monkeypatch.context() as patch:
        patch.setattr(os, "system", run)
        patch.setattr(builtins, "exec", run)
        patch.setattr(builtins, "eval", run)
        with pytest.raises(UserError, match="nothing is run as code") as caught:
            parse(text)
    assert repr(text)[:20] in str(caught.value)


@pytest.mark.parametrize("text", ["{1, 2}", "b'x'", "1j", "1 + 2j", "...", "dict(a={1})"])
def test_value_that_is_not_plain_is_refused(text: str) -> None:
    with pytest.raises(UserError):
        parse(text)


@pytest.mark.parametrize("text", ["{[]}", "-" * 5_000 + "1"], ids=["unhashable", "deep"])
def test_text_that_breaks_the_parser_is_refused_as_any_other(text: str) -> None:
    with pytest.raises(UserError):
        parse(text)


@pytest.mark.parametrize("value", [math.inf, {"a": math.nan}])
def test_number_without_a_notation_is_never_written_as_a_name(value: object) -> None:
    """``inf`` and ``nan`` are names to the zoo, which would fail on them: refused, or written so that it reads back."""
    try:
        text = render(value)
    except UserError:
        return
    assert repr(parse(text)) == repr(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *((symbol, True) for symbol in SYMBOLS),
        ("RMSpropTFLike", True),
        ("nn.relu", False),
        ("nn.ReLU ", False),
        ("nn.ReLU.x", False),
        ("nn.ReLU\n", False),
        ("xnn.ReLU", False),
        ("nn._ReLU", False),
        ("optim.Adam", False),
        ("ReLU", False),
        (None, False),
        (1, False),
    ],
)
def test_symbols(value: object, expected: bool) -> None:
    assert is_symbol(value) is expected

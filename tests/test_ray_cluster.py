"""How a client of Ray connects, with a Ray that is made of lists."""

from __future__ import annotations

import types
from typing import TYPE_CHECKING

import pytest

from sb3_hpo.clusters import ray_cluster
from sb3_hpo.clusters.addresses import ClusterAddress
from sb3_hpo.clusters.jobs import ClusterLostError
from sb3_hpo.clusters.ray_cluster import RayCluster

if TYPE_CHECKING:
    from collections.abc import Callable

TRACEBACK = """Initialization failure from server:
Traceback (most recent call last):
  File "proxier.py", line 765, in Datapath
psutil.ZombieProcess: PID still exists but it's a zombie (pid=11409)
"""


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[Exception]], int]:
    """Connect to a server that fails with these errors first; how often it was asked."""

    def connect(failures: list[Exception]) -> int:
        asked = []

        def init(address: str, **options: object) -> None:
            asked.append(address)
            if len(asked) <= len(failures):
                raise failures[len(asked) - 1]

        monkeypatch.setattr(ray_cluster, "import_module", lambda name: types.SimpleNamespace(init=init))
        monkeypatch.setattr(ray_cluster, "_PAUSE_S", 0.0)
        for name in ("INITIAL", "MAX"):  # Which it sets for the whole process.
            monkeypatch.setenv(f"RAY_CLIENT_{name}_CONNECTION_TIMEOUT_S", "1")
        RayCluster(ClusterAddress.parse("ray://127.0.0.1:10001"))
        assert set(asked) == {"ray://127.0.0.1:10001"}
        return len(asked)

    return connect


@pytest.mark.parametrize("n_failures", [0, 1, 2])
def test_a_server_that_fails_to_begin_is_asked_again(connect, n_failures: int) -> None:
    assert connect([ConnectionAbortedError(TRACEBACK)] * n_failures) == n_failures + 1


def test_a_server_that_fails_each_time_is_lost_and_says_why_on_one_line(connect) -> None:
    with pytest.raises(ClusterLostError) as raised:
        connect([ConnectionAbortedError(TRACEBACK)] * 3)
    assert str(raised.value) == (
        "Initialization failure from server: psutil.ZombieProcess: PID still exists but it's a zombie (pid=11409)"
    )


@pytest.mark.parametrize(
    ("error", "reason"),
    [(ConnectionError("ray client\nconnection timeout"), "ray client connection timeout"), (OSError(), "OSError")],
)
def test_a_server_that_does_not_answer_is_lost_at_once(connect, error: Exception, reason: str) -> None:
    with pytest.raises(ClusterLostError, match=f"^{reason}$"):
        connect([error])

from __future__ import annotations

import socket

import pytest

from sb3_hpo.clusters.addresses import ClusterAddress
from sb3_hpo.clusters.opening import open_cluster
from sb3_hpo.errors import UserError
from sb3_hpo.settings import TuningSettings
from tests.storages import free_port


@pytest.mark.parametrize(
    ("text", "kind", "host", "port", "netloc"),
    [
        ("dask://head:8786", "dask", "head", 8786, "head:8786"),
        ("ray://10.0.0.1:10001/", "ray", "10.0.0.1", 10001, "10.0.0.1:10001"),
        ("dask://[::1]:8786", "dask", "::1", 8786, "[::1]:8786"),
    ],
)
def test_addresses(text, kind, host, port, netloc):
    address = ClusterAddress.parse(text)
    assert (address.kind, address.host, address.port, address.netloc) == (kind, host, port, netloc)
    assert str(address) == f"{kind}://{netloc}"


@pytest.mark.parametrize(
    "text",
    ["", "dask", "head:8786", "dask://head", "dask://:8786", "tcp://head:8786", "dask://head:x", "dask://head:99999"],
)
def test_other_text_is_refused_with_an_example(text):
    with pytest.raises(UserError, match="no address of a cluster: write dask://host:8786 or ray://host:10001"):
        TuningSettings(cluster=text)


@pytest.mark.parametrize("text", ["dask://user:secret@head:1", "ray://head:1/path", "ray://head:1?a=b"])
def test_more_than_an_address_is_refused_without_showing_a_password(text):
    with pytest.raises(UserError, match="more than a host and a port") as raised:
        TuningSettings(cluster=text)
    assert "secret" not in str(raised.value)


def test_no_workers_at_all_are_refused():
    with pytest.raises(UserError, match="n_jobs is 0, it must be at least 1"):
        TuningSettings(cluster="dask://head:8786", n_jobs=0)


@pytest.mark.parametrize(
    ("host", "is_here"),
    [("127.0.0.1", True), ("localhost", True), ("192.0.2.1", False), ("no.such.host.invalid", False)],
)
def test_whether_a_cluster_is_on_this_machine(host, is_here):
    assert ClusterAddress("dask", host, 1).is_on_this_machine() == is_here


@pytest.mark.parametrize(("kind", "package"), [("dask", "distributed"), ("ray", "ray")])
def test_a_package_that_is_missing_is_named_by_its_extra(kind, package, monkeypatch):
    monkeypatch.setattr("sb3_hpo.clusters.opening.find_spec", {"dask": 1, "ray": 1, package: None}.get)
    with pytest.raises(UserError, match=rf"pip install 'sb3-hpo\[{kind}\]'"):
        open_cluster(ClusterAddress(kind, "127.0.0.1", free_port()))


@pytest.mark.parametrize(("kind", "what"), [("dask", "scheduler of Dask"), ("ray", "client server of Ray")])
def test_a_cluster_that_does_not_answer(kind, what, monkeypatch):
    monkeypatch.setattr("sb3_hpo.clusters.opening.find_spec", lambda name: name)
    with pytest.raises(UserError, match=rf"cannot be used: no {what}.*answers there \(Connection refused\)"):
        open_cluster(ClusterAddress(kind, "127.0.0.1", free_port()))


def test_something_else_that_listens_is_no_scheduler(monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr("sb3_hpo.clusters.dask_cluster.CONNECT_TIMEOUT_S", 1)
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        pytest.raises(UserError, match="no scheduler of Dask answers there"),
    ):
        open_cluster(ClusterAddress("dask", "127.0.0.1", server.getsockname()[1]))

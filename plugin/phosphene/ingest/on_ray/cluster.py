"""The Ray cluster that adds: connecting to it, and checking that all of its machines can do the work."""

import logging
import os
import platform
import socket
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

import phosphene
from phosphene.errors import ClusterError, first_line, listed

CONNECT_TIMEOUT = 10.0  # seconds
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing is sent to anybody
    "RAY_BACKEND_LOG_LEVEL": "fatal",  # Ray's core would print about every actor that may be started again
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # what Ray will do by default, and warns about until then
}


@dataclass(frozen=True, slots=True)
class RayCluster:
    """A cluster that this process is connected to."""

    cores: int
    gpus: int

    def workers(self, wanted: int | None) -> "PoolSize":
        """How many workers to start. Raises ClusterError if the cluster has no room for as many."""
        room = self.gpus or self.cores
        if wanted is not None and not 1 <= wanted <= room:
            kind = "GPUs" if self.gpus else "cores"
            raise ClusterError(
                f"The cluster has no room for {wanted} workers: each takes one of its {room} {kind}.",
                hint=f"ask for 1 to {room} workers, or add machines: `ray start --address=HOST:PORT`",
            )
        count = wanted or room
        return PoolSize(count, max(1, self.cores // count) if self.gpus else 1, int(bool(self.gpus)))

    def check(self, names: Sequence[str]) -> None:
        """Raise ClusterError unless every machine sees what is named and has this version of phosphene."""
        local = [name for name in names if os.path.lexists(name)]
        for found in ray.get([_look.options(**_at(node)).remote(local) for node in _nodes()]):
            if found.absent:
                raise ClusterError(
                    f"The machine `{found.host}` of the cluster cannot read {listed(found.absent[:3])}.",
                    hint="put the pictures in a folder that all machines share under the same path",
                )
            if found.version != phosphene.__version__:
                raise ClusterError(
                    f"The machine `{found.host}` has phosphene {found.version}, and this one has"
                    f" {phosphene.__version__}.",
                    hint="install the same version on all machines",
                )


@dataclass(frozen=True, slots=True)
class PoolSize:
    """How many processes hold the model, and what each takes of its machine."""

    count: int
    cores: int
    gpus: int


@dataclass(frozen=True, slots=True)
class Machine:
    """What a machine of the cluster sees."""

    host: str
    version: str
    absent: list[str]


@contextmanager
def connected(address: str | None) -> Iterator[RayCluster]:
    """Connect to a cluster, or start one on this machine. Raises ClusterError if there is none.

    A cluster that was running before goes on running.
    """
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    logging.getLogger("ray.data").setLevel(logging.ERROR)  # it would print its plan and its progress
    started = not ray.is_initialized()
    if started:
        _connect(address)
    try:
        resources = ray.cluster_resources()
        with redirect_stdout(sys.stderr):  # where Ray prints which tasks it tries again
            yield RayCluster(int(resources.get("CPU", 1)), int(resources.get("GPU", 0)))
    finally:
        if started:
            ray.shutdown()


def on_this_machine() -> dict[str, Any]:
    """The options of an actor that runs on the machine of this process."""
    return _at(ray.get_runtime_context().get_node_id())


def _answers(address: str) -> None:
    """Raise OSError or ValueError if nobody listens at HOST:PORT. Ray itself would wait for minutes."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise ValueError("it is not written as HOST:PORT")
    socket.create_connection((host, int(port)), CONNECT_TIMEOUT).close()


def _connect(address: str | None) -> None:
    started: dict[str, Any] = {"include_dashboard": False} if address is None else {}
    try:
        if address is not None and address != "auto":
            _answers(address)
        with warnings.catch_warnings(), _silence():
            warnings.simplefilter("ignore")  # of what Ray will change
            ray.init(address or "local", log_to_driver=False, logging_level=logging.ERROR, **started)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        where = "on this machine" if address in (None, "auto") else f"at `{address}`"
        raise ClusterError(
            f"There is no Ray cluster {where}: {first_line(error)}.",
            hint="start one with `ray start --head`, join it with `ray start --address=HOST:PORT`, set"
            " RAY_AUTH_MODE=token if it asks for a token, or leave out `--address` to use this machine alone",
        ) from error


@contextmanager
def _silence() -> Iterator[None]:
    """Hide what Ray's core prints by itself while it starts: that it was asked to print less."""
    kept = os.dup(2)
    with Path(os.devnull).open("wb") as nothing:
        os.dup2(nothing.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def _nodes() -> list[str]:
    return [node["NodeID"] for node in ray.nodes() if node["Alive"]]


def _at(node: str) -> dict[str, Any]:
    return {"scheduling_strategy": NodeAffinitySchedulingStrategy(node, soft=False)}


@ray.remote(num_cpus=0)
def _look(names: Sequence[str]) -> Machine:
    """What the machine that runs this sees of files and folders."""
    absent = [name for name in names if not os.access(name, os.R_OK)]
    return Machine(platform.node(), phosphene.__version__, absent)

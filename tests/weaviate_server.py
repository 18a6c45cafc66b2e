"""Runs a real Weaviate on free ports of this machine, as one process or as a cluster.

    server = Server(tmp_path)
    server.start()
    phosphene.open(server.url("Photos"), create=True)
    server.stop()

`conftest.py` has one for the whole session as the fixture `weaviate`. Every server dies with the
process that started it.
"""

import ctypes
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

VERSION = (Path(__file__).parents[1] / "weaviate.version").read_text().strip()
NAMES = ("weaviate-server", "weaviate")
HOW = "`make weaviate` builds one with Go, or name one in PHOSPHENE_TEST_WEAVIATE"
TIMEOUT = 120  # seconds for a server to be ready: 10 on an idle machine
KEY = "a-key-for-tests"  # allowed beside no key at all, so that only a wrong one is refused
# Below the ports that systems hand out by themselves, which a connection may take at any moment.
PORTS = range(20_000, 30_000, 10)
# From the parent's death follows the child's; loaded here, since after a fork nothing may be.
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def binary() -> str | None:
    """The program of the server, which is named, on PATH or in Go's folder. None if there is none."""
    if named := os.environ.get("PHOSPHENE_TEST_WEAVIATE"):
        return shutil.which(named)
    places = [None, os.environ.get("GOBIN"), f"{os.environ.get('GOPATH') or Path.home() / 'go'}/bin"]
    found = (shutil.which(name, path=place) for place in places for name in NAMES)
    return next(filter(None, found), None)


def free_ports() -> range:
    """Ten ports in a row that nobody listens on."""
    for first in random.SystemRandom().sample(PORTS, len(PORTS)):
        if all(_is_free(port) for port in range(first, first + PORTS.step)):
            return range(first, first + PORTS.step)
    raise RuntimeError("no free ports")


@dataclass
class Server:
    """One Weaviate. `environment` adds variables, or removes those that are None."""

    folder: Path
    name: str = "node1"
    environment: Mapping[str, str | None] = field(default_factory=dict)
    modules: Sequence[str] = ()
    ports: range = field(default_factory=free_ports)
    process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)
    host = "127.0.0.1"

    @property
    def rest(self) -> int:
        return self.ports[0]

    @property
    def grpc(self) -> int:
        return self.ports[1]

    @property
    def base(self) -> str:
        """The URL of its REST interface."""
        return f"http://{self.host}:{self.rest}"

    def url(self, collection: str, **options: object) -> str:
        """The address of a collection, as `-L` takes it."""
        return f"weaviate://{self.host}:{self.rest}/{collection}?{urlencode({'grpc': self.grpc, **options})}"

    def start(self) -> None:
        """Start it, on the data of an earlier run if there is one, and wait until it answers."""
        self.launch()
        self.wait()

    def launch(self) -> None:
        """Start it without waiting, because nodes of a cluster wait for each other."""
        program = binary()
        assert program is not None, HOW
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [program, "--host", self.host, "--port", str(self.rest), "--scheme", "http"],
                env=self.variables(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=_die_with_parent,
            )

    def wait(self) -> None:
        """Wait until it is ready. Raises RuntimeError with the end of its log if it died."""
        until = time.monotonic() + TIMEOUT
        while not self.ready():
            if self.process is None or self.process.poll() is not None or time.monotonic() > until:
                self.kill()
                raise RuntimeError(f"no Weaviate at {self.base}:\n{self.log()[-3000:]}")
            time.sleep(0.1)

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.base}/v1/.well-known/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def stop(self) -> None:
        """Ask it to end, and wait until it has."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it at once."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Pause it as if it hung. The signal is only a request, so wait until every thread has stopped."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED)

    def resume(self) -> None:
        """Let a paused server continue."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def _end(self, how: signal.Signals) -> None:
        if self.process is None:
            return
        self.process.send_signal(how)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def variables(self) -> dict[str, str]:
        """The whole environment of the process."""
        gossip, data, raft = self.ports[2], self.ports[3], self.ports[4]
        given: dict[str, str | None] = {
            "PERSISTENCE_DATA_PATH": str(self.folder / "data"),
            "AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED": "true",
            "AUTHENTICATION_APIKEY_ENABLED": "true",
            "AUTHENTICATION_APIKEY_ALLOWED_KEYS": KEY,
            "AUTHENTICATION_APIKEY_USERS": "tester",
            "AUTOSCHEMA_ENABLED": "false",
            "CLUSTER_HOSTNAME": self.name,
            "CLUSTER_ADVERTISE_ADDR": self.host,
            "CLUSTER_BIND_ADDR": self.host,
            "CLUSTER_IN_LOCALHOST": "true",
            "CLUSTER_GOSSIP_BIND_PORT": str(gossip),
            "CLUSTER_DATA_BIND_PORT": str(data),
            "RAFT_PORT": str(raft),
            "RAFT_INTERNAL_RPC_PORT": str(raft + 1),  # on one host it must be the next one
            "RAFT_JOIN": f"{self.name}:{raft}",
            "RAFT_BOOTSTRAP_EXPECT": "1",
            "RAFT_TIMEOUTS_MULTIPLIER": "1",  # one node elects itself in 2 s instead of 8
            "GRPC_PORT": str(self.grpc),
            "ENABLE_MODULES": ",".join(self.modules),
            "API_BASED_MODULES_DISABLED": "true",
            "DISABLE_TELEMETRY": "true",
            "GO_PROFILING_DISABLE": "true",
            "DISK_USE_READONLY_PERCENTAGE": "99",
            "GOMAXPROCS": "2",
            "GOMEMLIMIT": "1GiB",
            "LOG_LEVEL": "warning",
            **self.environment,
        }
        return {"PATH": os.defpath} | {name: value for name, value in given.items() if value is not None}


def cluster(folder: Path, size: int = 3, environment: Mapping[str, str | None] | None = None) -> list[Server]:
    """The nodes of a cluster, which are not started. Call `launch` and then `wait` for each."""
    ports = [free_ports() for _ in range(size)]
    joined = ",".join(f"n{place}:{each[4]}" for place, each in enumerate(ports))
    shared: dict[str, str | None] = {
        "RAFT_JOIN": joined,
        "RAFT_BOOTSTRAP_EXPECT": str(size),
        "RAFT_TIMEOUTS_MULTIPLIER": None,
        "MEMBERLIST_FAST_FAILURE_DETECTION": "true",
        **(environment or {}),
    }
    first = {"CLUSTER_JOIN": f"127.0.0.1:{ports[0][2]}"}
    return [
        Server(folder / f"n{place}", f"n{place}", shared | (first if place else {}), ports=each)
        for place, each in enumerate(ports)
    ]


def _is_free(port: int) -> bool:
    """Whether a port is free, locally and on all interfaces, because Weaviate's gRPC listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            return False
        return True


def _die_with_parent() -> None:
    if LIBC is not None:
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

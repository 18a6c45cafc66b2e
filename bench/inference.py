"""Measure how fast pictures get vectors over HTTP, compared with Weaviate's stock CLIP container.

    python bench/inference.py [--model ViT-B-32] [--parallel 1 4 16] [--quick] [--delayed] [--json FILE]

A request has one picture, as Weaviate sends it, and connections stay open. The pictures are JPEGs of
1024×768 pixels that this script draws. `ViT-B-32` has random weights, which do not change the speed. Each
service is a process of its own on all cores. The services are asked in turn, round after round, so that
other work of the machine affects them alike. The figures are for all rounds together. `CPU ms` is the CPU
time of the service's process per request, which says more than requests/s on a busy machine.

- `phosphene` is the service of `phosphene serve`.
- `phosphene in int8` is that of `phosphene serve --precision int8`.
- `no batching` has one picture in a forward pass.
- `no outside decoding` decodes in the thread of the model.
- `stock` serves the same model and the same format in the way of the stock container. It has one lock
  around decoding and a forward pass of one picture, and open_clip's own preprocessing.
- `no TCP_NODELAY`, with `--delayed`, is `phosphene` on connections where the second half of a response
  waits until the client has acknowledged the first.
"""

import argparse
import base64
import http.client
import io
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import record
from add import draw, random_weights

INT8 = "phosphene in int8"
SERVICES = ("phosphene", INT8, "no batching", "no outside decoding", "stock")
DELAYED = "no TCP_NODELAY"
PICTURES = 32
TIMEOUT = 300  # seconds, for a response on a busy machine


def main() -> None:
    arguments = _arguments()
    if arguments.serve:
        run(arguments.serve, arguments.model)
        return
    rounds, seconds = (2, 2.0) if arguments.quick else (5, 8.0)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        bodies = [body(content) for content in draw(folder / "pictures", PICTURES)]
        named = "/" in arguments.model or "@" in arguments.model or arguments.model == "landscape"
        model = arguments.model if named else random_weights(arguments.model, folder)
        names = (*SERVICES, DELAYED) if arguments.delayed else SERVICES
        with running(model, names) as services:
            figures = measure(services, bodies, arguments.parallel, rounds, seconds)
    _print(figures)
    if arguments.json:
        record.write(arguments.json, figures)


@dataclass
class Asked:
    """The requests of a number of clients to one service, with their seconds and the CPU seconds."""

    times: list[float] = field(default_factory=list)
    elapsed: float = 0.0
    spent: float = 0.0

    def row(self, clients: int, name: str) -> dict[str, Any]:
        """The figures of a row in the table."""
        cuts = statistics.quantiles(self.times, n=20, method="inclusive")
        return {
            "clients": clients,
            "service": name,
            "requests": len(self.times),
            "requests/s": round(len(self.times) / self.elapsed, 2),
            "p50 ms": round(1000 * cuts[9], 1),
            "p95 ms": round(1000 * cuts[18], 1),
            "CPU ms": round(1000 * self.spent / len(self.times), 1),
        }


@dataclass(frozen=True)
class Service:
    """A service in a process of its own."""

    port: int
    process: int

    def spent(self) -> float:
        """The CPU seconds of its process so far, as Linux counts them."""
        fields = Path(f"/proc/{self.process}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(
    services: dict[str, Service],
    bodies: Sequence[bytes],
    parallel: Sequence[int],
    rounds: int,
    seconds: float,
) -> list[dict[str, Any]]:
    """Measure each service with each number of clients, and return a row for each."""
    asked: dict[tuple[int, str], Asked] = {}
    for service in services.values():
        ask(service, bodies, max(parallel), 0, Asked())  # the first requests are slower
    for _ in range(rounds):
        for clients in parallel:
            for name, service in services.items():
                ask(service, bodies, clients, seconds, asked.setdefault((clients, name), Asked()))
    return [one.row(clients, name) for (clients, name), one in asked.items()]


def ask(service: Service, bodies: Sequence[bytes], clients: int, seconds: float, into: Asked) -> None:
    """Post pictures from several clients at once for some seconds, at least two from each client."""
    started, spent = time.perf_counter(), service.spent()

    def client(number: int) -> list[float]:
        times: list[float] = []
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=TIMEOUT)
        while len(times) < 2 or time.perf_counter() < started + seconds:
            before = time.perf_counter()
            connection.request("POST", "/vectorize", bodies[(number + len(times)) % len(bodies)])
            answer = connection.getresponse()
            told = answer.read()
            assert answer.status == 200, told
            times.append(time.perf_counter() - before)
        connection.close()
        return times

    with ThreadPoolExecutor(clients) as pool:
        for times in pool.map(client, range(clients)):
            into.times.extend(times)
    into.elapsed += time.perf_counter() - started
    into.spent += service.spent() - spent


def body(content: bytes) -> bytes:
    """A request as Weaviate writes it."""
    return json.dumps({"images": [base64.b64encode(content).decode()]}).encode()


@contextmanager
def running(model: str, names: Sequence[str]) -> Iterator[dict[str, Service]]:
    """The services, each with its model loaded."""
    command = [sys.executable, __file__, "--model", model, "--serve"]
    processes = {
        name: subprocess.Popen([*command, name], stdout=subprocess.PIPE, text=True) for name in names
    }
    try:
        yield {
            name: Service(int(process.stdout.readline()), process.pid)
            for name, process in processes.items()
            if process.stdout
        }
    finally:
        for process in processes.values():
            process.send_signal(signal.SIGTERM)
        for process in processes.values():
            process.communicate()


def run(name: str, model: str) -> None:
    """Run one of the services, and print its port once the model is loaded."""
    import uvicorn

    from phosphene.embedding import open_embedder
    from phosphene.server import Limits, routes
    from phosphene.server.inference import Vectorizer
    from phosphene.server.metrics import Metrics
    from phosphene.server.runner import listen, uvicorn_config

    limits = Limits(batch_size=1) if name == "no batching" else Limits()
    if name == "stock":
        application: Any = stock(model)
    else:
        vectorizer = Vectorizer(limits, Metrics())
        vectorizer.load(open_embedder(model, precision="int8" if name == INT8 else None))
        if name == "no outside decoding":
            vectorizer.decoders = vectorizer.passes
        application = routes.create(vectorizer)
    listener = listen("127.0.0.1", 0)
    print(listener.getsockname()[1], flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    settings = uvicorn_config(application, limits, quiet=True)
    if name == DELAYED:
        settings.http = _delayed(limits)
    uvicorn.Server(settings).run(sockets=[listener])


def _delayed(limits: Any) -> Any:
    """The connection of the service without TCP_NODELAY."""
    from phosphene.server.http_protocol import LimitedH11Protocol

    class Delayed(LimitedH11Protocol):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)

    return partial(Delayed, limits=limits)


def stock(name: str) -> Any:
    """A service like the stock container, with a pool of threads and one lock around each request's work."""
    import torch
    from fastapi import FastAPI, Request
    from open_clip.transform import PreprocessCfg, image_transform_v2
    from PIL import Image

    from phosphene.device import pick_device
    from phosphene.embedding.loading import load_model
    from phosphene.embedding.weights import fetch

    weights, device, lock = fetch(name), pick_device("auto"), threading.Lock()
    model = load_model(weights, device)
    preprocess = image_transform_v2(PreprocessCfg(**weights.preprocess), is_train=False)
    served = FastAPI()

    def vector(image: str) -> list[float]:
        with lock, torch.no_grad():
            picture = Image.open(io.BytesIO(base64.b64decode(image)))
            features = model.encode_image(preprocess(picture).unsqueeze(0).to(device))
            found: list[float] = (features / features.norm(dim=-1, keepdim=True)).tolist()[0]
            return found

    @served.post("/vectorize")
    async def vectorize(request: Request) -> dict[str, Any]:
        images = (await request.json())["images"]
        return {"textVectors": [], "imageVectors": [await _in_thread(vector, image) for image in images]}

    return served


async def _in_thread(work: Callable[[str], list[float]], image: str) -> list[float]:
    from starlette.concurrency import run_in_threadpool

    return await run_in_threadpool(work, image)


def _print(figures: Sequence[dict[str, Any]]) -> None:
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    print("| clients | service | requests/s | of stock | p50 ms | p95 ms | CPU ms |")
    print("|---|---|---|---|---|---|---|")
    base = {one["clients"]: one["requests/s"] for one in figures if one["service"] == "stock"}
    for one in figures:
        share = f"{one['requests/s'] / base[one['clients']]:.2f}"
        cells = (one["clients"], one["service"], one["requests/s"], share, one["p50 ms"], one["p95 ms"])
        print("|", " | ".join(map(str, cells)), f"| {one['CPU ms']} |")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="ViT-B-32", help="an architecture gets random weights")
    parser.add_argument(
        "--parallel", type=int, nargs="+", default=[1, 4, 16], metavar="N", help="numbers of clients"
    )
    parser.add_argument("--quick", action="store_true", help="take about a minute")
    parser.add_argument("--delayed", action="store_true", help="add a fifth service, without TCP_NODELAY")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--serve", choices=(*SERVICES, DELAYED), help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()

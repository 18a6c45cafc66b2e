"""The metrics that Prometheus reads at `/metrics`."""

from collections.abc import Callable
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)

Modality = Literal["text", "picture"]


class Metrics:
    """The metrics of one service, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.requests = Counter(
            "phosphene_requests",
            "Responses by path and status.",
            ("path", "status"),
            registry=self.registry,
        )
        self.request_seconds = self._seconds(
            "request", "Time from the first byte of a request to its response.", "path"
        )
        self.decode_seconds = self._seconds("decode", "Time to decode and prepare one picture.")
        self.pass_seconds = self._seconds("pass", "Time of one forward pass of the model.", "kind")
        self.pass_items = Histogram(
            "phosphene_pass_items",
            "Texts or pictures in one forward pass.",
            ("kind",),
            buckets=SIZES,
            registry=self.registry,
        )

    def gauge(self, name: str, about: str, value: Callable[[], float]) -> None:
        """Add a gauge whose value is computed whenever Prometheus asks."""
        Gauge(f"phosphene_{name}", about, registry=self.registry).set_function(value)

    def text(self) -> bytes:
        """Return all metrics in Prometheus's text format."""
        return generate_latest(self.registry)

    def _seconds(self, name: str, about: str, *labels: str) -> Histogram:
        return Histogram(f"phosphene_{name}_seconds", about, labels, buckets=SECONDS, registry=self.registry)

"""`phosphene serve` runs the CLIP module of a Weaviate server."""

import re
from typing import TYPE_CHECKING

import click

from phosphene.cli.options import COUNT, Number, Settings, command

if TYPE_CHECKING:
    from phosphene.records import Precision

PORT = click.IntRange(0, 65535)
MILLISECONDS = Number(0)
NAME = re.compile(r"[A-Za-z0-9_.-]+|\[?[0-9A-Fa-f:.]+\]?")  # a host's name or address without a port
TOKEN = re.compile(r"[A-Za-z0-9._~-]{16,}")  # these need no escaping in a URL, and 16 are hard to guess
MIB = 1 << 20


def _check(context: click.Context, parameter: click.Parameter, value: str) -> str:
    if value and not TOKEN.fullmatch(value):
        raise click.BadParameter(
            "A token needs at least 16 of the characters A-Z a-z 0-9 . _ ~ -. Try `openssl rand -hex 16`."
        )
    return value


def _names(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    for name in value:
        if not NAME.fullmatch(name):
            raise click.BadParameter(
                f"`{name}` is not the name or the address of a host. Write it without scheme and port."
            )
    return value


@command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--allow-host",
    "allowed_hosts",
    metavar="NAME",
    multiple=True,
    callback=_names,
    help="A name that clients may use for the service, besides --host and localhost. Can be repeated.",
)
@click.option(
    "--port", type=PORT, default=8080, show_default=True, help="The port to listen on. 0 takes a free one."
)
@click.option("--model", metavar="NAME", help="The model to serve, written as for `add`.")
@click.option(
    "--precision",
    type=click.Choice(["fp32", "int8"]),
    help="In which numbers pictures are embedded. int8 takes less than half the time.",
)
@click.option(
    "--token",
    default="",
    envvar="PHOSPHENE_TOKEN",
    callback=_check,
    help="Serve only below /k/TOKEN. PHOSPHENE_TOKEN is safer, because process lists show options.",
)
@click.option(
    "--batch-size",
    type=COUNT,
    default=32,
    show_default=True,
    help="How many pictures or texts are in one forward pass.",
)
@click.option(
    "--batch-wait-ms",
    type=MILLISECONDS,
    default=4.0,
    show_default=True,
    help="How many milliseconds a forward pass waits for more items.",
)
@click.option(
    "--max-items",
    type=COUNT,
    default=256,
    show_default=True,
    help="How many texts and pictures may be in one request.",
)
@click.option(
    "--max-queue",
    type=COUNT,
    default=512,
    show_default=True,
    help="How many texts and pictures of all requests may wait for their vectors.",
)
@click.option("--max-body-mib", type=COUNT, default=32, show_default=True, help="The largest request in MiB.")
@click.option(
    "--max-megapixels",
    type=COUNT,
    default=64,
    show_default=True,
    help="The largest picture in millions of pixels.",
)
def serve(
    settings: Settings,
    host: str,
    allowed_hosts: tuple[str, ...],
    port: int,
    model: str | None,
    precision: "Precision | None",
    token: str,
    batch_size: int,
    batch_wait_ms: float,
    max_items: int,
    max_queue: int,
    max_body_mib: int,
    max_megapixels: int,
) -> None:
    """Serve a model as multi2vec-clip, the CLIP module of Weaviate.

      phosphene serve --model landscape --port 8090
      CLIP_INFERENCE_API=http://127.0.0.1:8090 ENABLE_MODULES=multi2vec-clip weaviate-server …

    The texts and pictures of many requests go through the model together, and get the same vectors
    as from `add` with the same --precision. The service answers 413 if a request is too large, and 429
    if its queue is full. It refuses pages in browsers, and clients that use a name for it other than
    --host, --allow-host or localhost. The log is JSON on stderr. With -q it leaves out requests.
    Prometheus can read /metrics. After Ctrl-C or SIGTERM the service answers the requests that have
    begun, and then stops.
    """
    from phosphene.extras import require

    require("serve")
    from phosphene.embedding import DEFAULT_MODEL
    from phosphene.server import Limits, runner

    model = model or DEFAULT_MODEL
    settings.kept = "every request that had begun has been answered"
    limits = Limits(
        max_body=max_body_mib * MIB,
        max_total_body=max(512, max_body_mib) * MIB,
        max_pixels=max_megapixels * 1_000_000,
        max_items=max_items,
        max_queue=max(max_queue, max_items),
        batch_size=batch_size,
        batch_wait=batch_wait_ms / 1000,
    )
    runner.serve(
        model,
        host=host,
        port=port,
        device=settings.device,
        precision=precision,
        token=token,
        allowed_hosts=allowed_hosts,
        limits=limits,
        quiet=settings.quiet,
        on_ready=lambda url: settings.output.summary(f"{url} serves {model}", {"url": url, "model": model}),
    )

"""The command that serves: phosphene as the CLIP module of a Weaviate server."""

import re

import click

from phosphene.cli.options import COUNT, Number, Settings, command

PORT = click.IntRange(0, 65535)
MILLISECONDS = Number(0)
NAME = re.compile(r"[A-Za-z0-9_.-]+|\[?[0-9A-Fa-f:.]+\]?")  # a name or an address, without a port
TOKEN = re.compile(r"[A-Za-z0-9._~-]{16,}")  # what a URL takes as it is, and nobody guesses
MIB = 1 << 20


def _check(context: click.Context, parameter: click.Parameter, value: str) -> str:
    if value and not TOKEN.fullmatch(value):
        raise click.BadParameter("16 or more of the letters A-Z a-z 0-9 . _ ~ -; try `openssl rand -hex 16`")
    return value


def _names(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    for name in value:
        if not NAME.fullmatch(name):
            raise click.BadParameter(
                f"`{name}` is not a host's name or address; it has no scheme and no port"
            )
    return value


@command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
@click.option(
    "--allow-host",
    "allowed_hosts",
    metavar="NAME",
    multiple=True,
    callback=_names,
    help="A name by which clients call the service, beside --host and localhost; may be repeated.",
)
@click.option("--port", type=PORT, default=8080, show_default=True, help="0 takes a free one.")
@click.option("--space", metavar="NAME", help="The model, written as for `add`.")
@click.option(
    "--token",
    default="",
    envvar="PHOSPHENE_TOKEN",
    callback=_check,
    help="Serve below /k/TOKEN only; better in PHOSPHENE_TOKEN, which no list of processes shows.",
)
@click.option(
    "--batch", type=COUNT, default=32, show_default=True, help="Pictures or texts in one forward pass."
)
@click.option(
    "--gather", type=MILLISECONDS, default=4.0, show_default=True, help="Milliseconds that a pass waits."
)
@click.option("--items", type=COUNT, default=256, show_default=True, help="Texts and pictures in a request.")
@click.option(
    "--waiting", type=COUNT, default=512, show_default=True, help="The same of all requests that wait."
)
@click.option("--body", type=COUNT, default=32, show_default=True, help="MiB in a request.")
@click.option("--pixels", type=COUNT, default=64, show_default=True, help="Million pixels in a picture.")
def serve(
    settings: Settings,
    host: str,
    allowed_hosts: tuple[str, ...],
    port: int,
    space: str | None,
    token: str,
    batch: int,
    gather: float,
    items: int,
    waiting: int,
    body: int,
    pixels: int,
) -> None:
    """Serve a model as Weaviate's CLIP module, multi2vec-clip.

      phosphene serve --space landscape --port 8090
      CLIP_INFERENCE_API=http://127.0.0.1:8090 ENABLE_MODULES=multi2vec-clip weaviate-server …

    Pictures and texts of many requests go through the model together, and get the vectors that
    `add` gives them. What does not fit is refused with 413, what there is no room for at the moment
    with 429. So are pages in browsers, and clients that call the service by a name that neither
    --host nor --allow-host gives it. The log is JSON on stderr, without the requests with -q;
    /metrics is for Prometheus. It ends at Ctrl-C or SIGTERM, after the requests that it has begun.
    """
    from phosphene.embedding import DEFAULT_MODEL
    from phosphene.server import Limits, runner

    space = space or DEFAULT_MODEL
    settings.kept = "every request that was begun has been answered"
    limits = Limits(
        body=body * MIB,
        bodies=max(512, body) * MIB,
        pixels=pixels * 1_000_000,
        items=items,
        waiting=max(waiting, items),
        batch=batch,
        gather=gather / 1000,
    )
    runner.serve(
        space,
        host=host,
        port=port,
        device=settings.device,
        token=token,
        allowed_hosts=allowed_hosts,
        limits=limits,
        quiet=settings.quiet,
        on_ready=lambda url: settings.output.summary(f"{url} serves {space}", {"url": url, "space": space}),
    )

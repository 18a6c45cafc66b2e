"""The routes: a service that is wire-compatible with Weaviate's multi2vec-clip."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from phosphene import __version__
from phosphene.server import errors
from phosphene.server.errors import SOON, Refusal
from phosphene.server.hosts import Hosts
from phosphene.server.middleware import Gate
from phosphene.server.schemas import Answer, check_type
from phosphene.server.vectorizer import Vectorizer


def create(vectorizer: Vectorizer, *, token: str = "", hosts: Iterable[str] = ()) -> FastAPI:
    """The app. It answers at once, and with vectors as soon as the vectorizer has a model.

    It may be called by the names and addresses of `hosts` beside those of the loopback interface.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with vectorizer.running():
            yield

    app = FastAPI(
        title="phosphene",
        version=__version__,
        lifespan=lifespan,
        redirect_slashes=False,
        openapi_url=None,  # nobody's business but Weaviate's
    )
    errors.install(app)
    app.add_middleware(Gate, token=token, hosts=Hosts(hosts), metrics=vectorizer.metrics)
    _health(app, vectorizer)
    _vectors(app, vectorizer)
    return app


def _health(app: FastAPI, vectorizer: Vectorizer) -> None:
    """What is asked often, and answered without the model: Weaviate waits for `/meta` to be ready itself."""

    @app.api_route("/.well-known/live", methods=["GET", "HEAD"])
    async def live() -> Response:
        return Response(status_code=204)

    @app.api_route("/.well-known/ready", methods=["GET", "HEAD"])
    async def ready() -> Response:
        return Response(status_code=204) if vectorizer.embedder else errors.answer(503, "loading", SOON)

    @app.get("/meta")
    async def meta() -> dict[str, object]:
        about: dict[str, object] = {"name": "phosphene", "version": __version__, "normalised": True}
        if vectorizer.embedder:
            space = vectorizer.embedder.space
            about |= {"space": space.name, "identity": space.id, "dimension": space.dimension}
        return about

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(vectorizer.metrics.text(), media_type=CONTENT_TYPE_LATEST)


def _vectors(app: FastAPI, vectorizer: Vectorizer) -> None:
    limits = vectorizer.limits

    @app.post("/vectorize")
    async def vectorize(request: Request) -> Response:
        try:
            async with asyncio.timeout(limits.answer_timeout):
                answer = await answered(request)
        except TimeoutError as error:
            raise Refusal(503, f"no vector within {limits.answer_timeout:g} s", SOON) from error
        return Response(answer.model_dump_json(), media_type="application/json")

    async def answered(request: Request) -> Answer:
        if not vectorizer.embedder:
            raise Refusal(503, "the model is still loading", SOON)
        check_type(request.headers.getlist("content-type"))
        try:
            with vectorizer.bodies.place() as place:
                with vectorizer.expected():
                    ask = await vectorizer.read(request, place)
                told = {"texts": len(ask.texts), "images": len(ask.images), "bytes": place.size}
                request.scope["state"] |= told
                return await vectorizer.answer(ask)
        finally:
            vectorizer.tidy()

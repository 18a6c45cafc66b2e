"""The routes of a service that is wire-compatible with Weaviate's multi2vec-clip."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from phosphene import __version__
from phosphene.server.error_responses import RETRY_SOON, RequestError, error_response, install_handlers
from phosphene.server.hosts import AllowedHosts
from phosphene.server.inference import Vectorizer
from phosphene.server.middleware import AccessMiddleware
from phosphene.server.schemas import VectorizeResponse, check_content_type


def create(vectorizer: Vectorizer, *, token: str = "", hosts: Iterable[str] = ()) -> FastAPI:
    """Make the app. It answers at once, and with vectors as soon as the vectorizer has a model.

    Clients may call it by the names and addresses in `hosts`, and by those of the loopback interface.
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
        openapi_url=None,  # only Weaviate calls the service, and it reads no OpenAPI
    )
    install_handlers(app)
    app.add_middleware(AccessMiddleware, token=token, hosts=AllowedHosts(hosts), metrics=vectorizer.metrics)
    _add_health(app, vectorizer)
    _add_vectorize(app, vectorizer)
    return app


def _add_health(app: FastAPI, vectorizer: Vectorizer) -> None:
    """Add the routes that are asked often and need no model. Weaviate waits for `/meta` when it starts."""

    @app.api_route("/.well-known/live", methods=["GET", "HEAD"])
    async def live() -> Response:
        return Response(status_code=204)

    @app.api_route("/.well-known/ready", methods=["GET", "HEAD"])
    async def ready() -> Response:
        if not vectorizer.embedder:
            return error_response(503, "The model is still loading.", RETRY_SOON)
        return Response(status_code=204)

    @app.get("/meta")
    async def meta() -> dict[str, object]:
        about: dict[str, object] = {"name": "phosphene", "version": __version__, "normalised": True}
        if vectorizer.embedder:
            space = vectorizer.embedder.space
            about |= {"model": space.name, "space": space.id, "dimension": space.dimension}
        return about

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(vectorizer.metrics.text(), media_type=CONTENT_TYPE_LATEST)


def _add_vectorize(app: FastAPI, vectorizer: Vectorizer) -> None:
    timeout = vectorizer.limits.answer_timeout

    @app.post("/vectorize")
    async def vectorize(request: Request) -> Response:
        try:
            async with asyncio.timeout(timeout):
                response = await answer(request)
        except TimeoutError as error:
            raise RequestError(503, f"There was no vector within {timeout:g} s.", RETRY_SOON) from error
        return Response(response.model_dump_json(), media_type="application/json")

    async def answer(request: Request) -> VectorizeResponse:
        if not vectorizer.embedder:
            raise RequestError(503, "The model is still loading.", RETRY_SOON)
        check_content_type(request.headers.getlist("content-type"))
        try:
            with vectorizer.bodies.share() as share:
                with vectorizer.arriving():
                    asked = await vectorizer.read(request, share)
                request.scope["state"] |= {
                    "texts": len(asked.texts),
                    "images": len(asked.images),
                    "bytes": share.size,
                }
                return await vectorizer.answer(asked)
        finally:
            vectorizer.trim_memory_if_idle()

"""From texts and base64 pictures to vectors, for many requests at once."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from typing import TypeVar

from fastapi import Request
from PIL import Image

from phosphene.config import cores
from phosphene.embedding import Embedder
from phosphene.errors import ImageError, VectorError
from phosphene.ingest.worker import detail
from phosphene.memory import trim_memory
from phosphene.server import MIB, Limits
from phosphene.server.base64_pictures import check_size, decode_base64, prepare
from phosphene.server.batcher import Batcher, T
from phosphene.server.bodies import BodyBuffer, BodyShare
from phosphene.server.error_responses import RETRY_SOON, RequestError
from phosphene.server.metrics import Metrics, Modality
from phosphene.server.schemas import VectorizeRequest, VectorizeResponse, parse_request
from phosphene.vectors import Pixels, Vectors

SMALL_BODY = 64 << 10  # bytes; parsing so many in the event loop takes 1 ms at most
TRIM_AFTER = 16 * MIB  # bytes that were used since memory was last given back
BYTES_PER_PIXEL = 4
R = TypeVar("R")


class Vectorizer:
    """A model, once it is loaded, behind decoding threads and two batchers, for one event loop."""

    def __init__(self, limits: Limits, metrics: Metrics) -> None:
        self.limits, self.metrics = limits, metrics
        self.embedder: Embedder | None = None
        self.at_least = 0  # pixels of the shorter side that are worth decoding
        self.bodies = BodyBuffer(limits)
        self.queued = 0  # items that have no vector yet
        self.preparing = 0  # requests that are being read or decoded
        self.used = 0  # bytes of bodies and pictures since memory was last given back
        self.alone = asyncio.Lock()  # held while a large picture is decoded
        self.parsers = ThreadPoolExecutor(2, "parse")
        self.decoders = ThreadPoolExecutor(cores(), "decode")
        self.passes = ThreadPoolExecutor(1, "pass")  # one at a time, since a pass may use every core
        self.texts: Batcher[str] = self._batcher(self._text_pass)
        self.pictures: Batcher[Pixels] = self._batcher(self._picture_pass)
        metrics.gauge("waiting_items", "Texts and pictures that have no vector yet.", lambda: self.queued)
        metrics.gauge(
            "held_bytes", "Bytes of the requests that are being answered.", lambda: self.bodies.held
        )

    def load(self, embedder: Embedder) -> None:
        """Take a model into service. It makes its first vectors here, which loads its weights."""
        embedder.texts(["a picture"])
        embedder.pictures([embedder.prepare(Image.new("RGB", (1, 1)))])
        self.at_least = detail(embedder)
        self.embedder = embedder

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run both batchers inside the `async with` block."""
        runs = [asyncio.create_task(batcher.run()) for batcher in (self.texts, self.pictures)]
        try:
            yield
        finally:
            for run in runs:
                run.cancel()
            for pool in (self.parsers, self.decoders, self.passes):
                pool.shutdown(wait=False, cancel_futures=True)

    @contextmanager
    def arriving(self) -> Iterator[None]:
        """Tell the batchers that more items are on their way, for as long as the block runs."""
        self.preparing += 1
        try:
            yield
        finally:
            self.preparing -= 1
            for batcher in (self.texts, self.pictures):
                batcher.changed.set()  # a batcher may have waited for this request only

    async def read(self, request: Request, share: BodyShare) -> VectorizeRequest:
        """Read and parse a request, as `schemas.parse_request` does. A thread parses a large body."""
        body = await self.bodies.read(request, share)
        self.used += len(body)
        if len(body) <= SMALL_BODY:
            return parse_request(body, self.limits)
        return await self._in(self.parsers, lambda given: parse_request(given, self.limits), body)

    def trim_memory_if_idle(self) -> None:
        """Give memory back to the system if much was used and no request is being answered."""
        if self.used > TRIM_AFTER and not self.queued and not self.preparing:
            self.used = 0
            self.parsers.submit(trim_memory)

    async def answer(self, asked: VectorizeRequest) -> VectorizeResponse:
        """Compute all vectors of a request. Weaviate would take a short list for a whole one.

        An item that occurs twice is computed once, so that its vectors are the same to the last bit.
        Raises RequestError if one of them cannot be computed, or if the queue is full.
        """
        texts, images = list(dict.fromkeys(asked.texts)), list(dict.fromkeys(asked.images))
        with self._queued(len(texts) + len(images)):
            with self.arriving():
                pixels = await self._prepare_all(images, asked)
            of_texts, of_images = await asyncio.gather(
                self._vectors(self.texts, texts), self._vectors(self.pictures, pixels)
            )
        by_text, by_image = dict(zip(texts, of_texts, strict=True)), dict(zip(images, of_images, strict=True))
        return VectorizeResponse(
            textVectors=[by_text[text] for text in asked.texts],
            imageVectors=[by_image[image] for image in asked.images],
        )

    @contextmanager
    def _queued(self, count: int) -> Iterator[None]:
        if self.queued + count > self.limits.max_queue:
            raise RequestError(429, f"{self.queued} texts and images are waiting already.", RETRY_SOON)
        self.queued += count
        try:
            yield
        finally:
            self.queued -= count

    async def _prepare_all(self, images: Sequence[bytes], asked: VectorizeRequest) -> list[Pixels]:
        """Decode and prepare pictures, no more at a time than there are threads."""
        turns = asyncio.Semaphore(cores())

        async def one(image: bytes) -> Pixels:
            async with turns:
                return await self._prepare(image)

        found = await asyncio.gather(*map(one, images), return_exceptions=True)
        for image, pixels in zip(images, found, strict=True):
            if isinstance(pixels, ImageError):
                place = f"images[{asked.images.index(image)}]"
                raise RequestError(422, f"{place} is not a usable picture: {pixels.message}.") from pixels
            if isinstance(pixels, BaseException):
                raise pixels
        return [pixels for pixels in found if not isinstance(pixels, BaseException)]

    async def _prepare(self, image: bytes) -> Pixels:
        with self.metrics.decode_seconds.time():
            file, pixels = await self._in(self.decoders, self._checked, image)
            self.used += pixels * BYTES_PER_PIXEL
            if pixels <= self.limits.large_pixels:
                return await self._in(self.decoders, self._decoded, file)
            async with self.alone:
                return await self._in(self.decoders, self._decoded, file)

    def _checked(self, image: bytes) -> tuple[bytes, int]:
        file = decode_base64(image)
        return file, check_size(file, self.limits.max_pixels)

    def _decoded(self, file: bytes) -> Pixels:
        return prepare(file, self._model(), at_least=self.at_least)

    async def _in(self, pool: Executor, work: Callable[[T], R], given: T) -> R:
        return await asyncio.get_running_loop().run_in_executor(pool, work, given)

    async def _vectors(self, batcher: Batcher[T], items: Sequence[T]) -> list[list[float]]:
        try:
            return [vector.tolist() for vector in await batcher.vectors(items)]
        except VectorError as error:
            raise RequestError(500, f"The model cannot compute a vector. {error.message}") from error

    def _batcher(self, compute: Callable[[Sequence[T]], Vectors]) -> Batcher[T]:
        limits = self.limits
        return Batcher(
            compute,
            self.passes,
            batch_size=limits.batch_size,
            batch_wait=limits.batch_wait,
            arriving=lambda: self.preparing > 0,
        )

    def _text_pass(self, texts: Sequence[str]) -> Vectors:
        with self._measured("text", len(texts)):
            return self._model().texts(texts)

    def _picture_pass(self, pixels: Sequence[Pixels]) -> Vectors:
        with self._measured("picture", len(pixels)):
            return self._model().pictures(pixels).vectors

    @contextmanager
    def _measured(self, kind: Modality, count: int) -> Iterator[None]:
        self.metrics.pass_items.labels(kind).observe(count)
        with self.metrics.pass_seconds.labels(kind).time():
            yield

    def _model(self) -> Embedder:
        assert self.embedder, "requests are refused until a model is loaded"
        return self.embedder

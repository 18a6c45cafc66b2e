"""From texts and pictures in base64 to vectors, for many requests at once."""

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
from phosphene.server import MIB, Limits
from phosphene.server.batcher import Batches, Item
from phosphene.server.bodies import Bodies, Place
from phosphene.server.errors import SOON, Refusal
from phosphene.server.memory import give_back
from phosphene.server.metrics import Kind, Metrics
from phosphene.server.pictures import check_size, content, prepared
from phosphene.server.schemas import Answer, Ask, parsed
from phosphene.vectors import Pixels, Vectors

SMALL = 64 << 10  # bytes of a body that is parsed at once: that takes 1 ms at most
MUCH = 16 * MIB  # of memory that was used, after which it is given back
BYTES = 4  # of a pixel in memory
Given = TypeVar("Given")
Made = TypeVar("Made")


class Vectorizer:
    """A model, once it is there, behind decoding threads and two queues; for one event loop."""

    def __init__(self, limits: Limits, metrics: Metrics) -> None:
        self.limits, self.metrics = limits, metrics
        self.embedder: Embedder | None = None
        self.at_least = 0  # pixels of the shorter side that are worth decoding
        self.bodies = Bodies(limits)
        self.items = self.coming = 0  # items without a vector, requests being read
        self.used = 0  # bytes of bodies and pictures since memory was last given back
        self.alone = asyncio.Lock()  # around the decoding of a large picture
        self.readers = ThreadPoolExecutor(2, "read")
        self.decoders = ThreadPoolExecutor(cores(), "decode")
        self.passes = ThreadPoolExecutor(1, "pass")  # in turn, since each may use every core
        self.texts: Batches[str] = self._batches(self._text_pass)
        self.pictures: Batches[Pixels] = self._batches(self._picture_pass)
        metrics.watch("waiting_items", "Texts and pictures that have no vector yet.", lambda: self.items)
        metrics.watch(
            "held_bytes", "Bytes of the requests that are being answered.", lambda: self.bodies.held
        )

    def load(self, embedder: Embedder) -> None:
        """Take a model into service, once it has made its first vectors, which loads its weights."""
        embedder.texts(["a picture"])
        embedder.pictures([embedder.prepare(Image.new("RGB", (1, 1)))])
        self.at_least = detail(embedder)
        self.embedder = embedder

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Compute what is asked while inside."""
        runs = [asyncio.create_task(batches.run()) for batches in (self.texts, self.pictures)]
        try:
            yield
        finally:
            for run in runs:
                run.cancel()
            for pool in (self.readers, self.decoders, self.passes):
                pool.shutdown(wait=False, cancel_futures=True)

    @contextmanager
    def expected(self) -> Iterator[None]:
        """Let a pass wait a moment for what is read or decoded inside."""
        self.coming += 1
        try:
            yield
        finally:
            self.coming -= 1
            for batches in (self.texts, self.pictures):
                batches.arrived.set()  # that nobody else is coming is news, too

    async def read(self, request: Request, place: Place) -> Ask:
        """What a request asks, see `wire.parsed`; a large body is parsed beside the event loop."""
        body = await self.bodies.read(request, place)
        self.used += len(body)
        if len(body) <= SMALL:
            return parsed(body, self.limits)
        return await self._in(self.readers, lambda given: parsed(given, self.limits), body)

    def tidy(self) -> None:
        """Give memory back, if much was used and nobody is asking now."""
        if self.used > MUCH and not self.items and not self.coming:
            self.used = 0
            self.readers.submit(give_back)

    async def answer(self, ask: Ask) -> Answer:
        """All the vectors that were asked for, or Refusal: Weaviate takes a short list for a whole one.

        What is asked twice is computed once, so that it has the same vector to the last bit.
        """
        texts, images = list(dict.fromkeys(ask.texts)), list(dict.fromkeys(ask.images))
        with self._admitted(len(texts) + len(images)):
            with self.expected():
                pixels = await self._prepared(images, ask)
            of_texts, of_images = await asyncio.gather(
                self._vectors(self.texts, texts), self._vectors(self.pictures, pixels)
            )
        by_text, by_image = dict(zip(texts, of_texts, strict=True)), dict(zip(images, of_images, strict=True))
        return Answer(
            textVectors=[by_text[text] for text in ask.texts],
            imageVectors=[by_image[image] for image in ask.images],
        )

    @contextmanager
    def _admitted(self, count: int) -> Iterator[None]:
        if self.items + count > self.limits.max_queue:
            raise Refusal(429, f"{self.items} texts and images are waiting already", SOON)
        self.items += count
        try:
            yield
        finally:
            self.items -= count

    async def _prepared(self, images: Sequence[bytes], ask: Ask) -> list[Pixels]:
        """The pictures as the model takes them, no more at a time than there are threads to decode them."""
        turns = asyncio.Semaphore(cores())

        async def one(image: bytes) -> Pixels:
            async with turns:
                return await self._picture(image)

        found = await asyncio.gather(*map(one, images), return_exceptions=True)
        for image, pixels in zip(images, found, strict=True):
            if isinstance(pixels, ImageError):
                place = f"images[{ask.images.index(image)}]"
                raise Refusal(422, f"{place} is no usable picture: {pixels.message}") from pixels
            if isinstance(pixels, BaseException):
                raise pixels
        return [pixels for pixels in found if not isinstance(pixels, BaseException)]

    async def _picture(self, image: bytes) -> Pixels:
        with self.metrics.decode_seconds.time():
            file, pixels = await self._in(self.decoders, self._checked, image)
            self.used += pixels * BYTES
            if pixels <= self.limits.large_pixels:
                return await self._in(self.decoders, self._decoded, file)
            async with self.alone:
                return await self._in(self.decoders, self._decoded, file)

    def _checked(self, image: bytes) -> tuple[bytes, int]:
        file = content(image)
        return file, check_size(file, self.limits.max_pixels)

    def _decoded(self, file: bytes) -> Pixels:
        return prepared(file, self._model(), at_least=self.at_least)

    async def _in(self, pool: Executor, work: Callable[[Given], Made], given: Given) -> Made:
        return await asyncio.get_running_loop().run_in_executor(pool, work, given)

    async def _vectors(self, batches: Batches[Item], items: Sequence[Item]) -> list[list[float]]:
        try:
            return [vector.tolist() for vector in await batches.vectors(items)]
        except VectorError as error:
            raise Refusal(500, f"the model's answer has no direction: {error.message}") from error

    def _batches(self, compute: Callable[[Sequence[Item]], Vectors]) -> Batches[Item]:
        limits = self.limits
        return Batches(
            compute,
            self.passes,
            most=limits.batch_size,
            gather=limits.batch_wait,
            coming=lambda: self.coming > 0,
        )

    def _text_pass(self, texts: Sequence[str]) -> Vectors:
        with self._measured("text", len(texts)):
            return self._model().texts(texts)

    def _picture_pass(self, pixels: Sequence[Pixels]) -> Vectors:
        with self._measured("picture", len(pixels)):
            return self._model().pictures(pixels).vectors

    @contextmanager
    def _measured(self, kind: Kind, count: int) -> Iterator[None]:
        self.metrics.pass_items.labels(kind).observe(count)
        with self.metrics.pass_seconds.labels(kind).time():
            yield

    def _model(self) -> Embedder:
        assert self.embedder, "requests are refused until there is a model"
        return self.embedder

"""Measure what the pretrained families cost, and what phosphene adds to the bare pipelines of diffusers.

    python bench/families.py [FAMILY[=FOLDER]…] [--size 512] [--steps 4] [--runs 3] [--quick] [--json FILE]
    python bench/families.py sd15 sdxl --device cuda --steps 20 --json runs/families-cuda.json

On a GPU by CUDA each family is measured twice, as it is and compiled, and the use of the GPU is sampled. No
figure of a GPU has been taken yet.

A family whose settings come with phosphene is measured with random weights of its true size. Of any other
one, name the folder of a checkpoint. Each family has a process of its own, so that its peak of memory is its
own. phosphene and the bare pipeline take turns; it should take at most 1.02 times as long, and 50 ms more.
What it costs to embed a neighbour again is measured by bench/neighbours.py.
"""

import argparse
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from importlib import import_module
from itertools import pairwise, product
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import random_checkpoints
import record
import torch
from utilisation import Utilisation

from phosphene.generation import Request
from phosphene.generators.diffusers.families import FAMILIES
from phosphene.generators.diffusers.generator import DiffusersGenerator
from phosphene.generators.diffusers.latents import decode
from phosphene.generators.diffusers.loading import load
from phosphene.generators.diffusers.pipelines import Pipelines
from phosphene.generators.diffusers.schedulers import scheduler
from phosphene.records import Space

PROMPT = "a red house in the snow at night"
FACTOR, EXTRA = 1.02, 0.050  # phosphene may take so many times as long, and more seconds
BATCHES = (1, 2, 3, 4)
Seconds = tuple[float, float]  # by the clock, and of the CPU
SPACE = Space("none", "none", 1)  # no family reads its vectors, so only words lead the pictures


def main() -> None:
    arguments = _arguments()
    figures = {}
    compilations = (False, True) if arguments.device == "cuda" else (False,)
    for named, compiled in product(arguments.families, compilations):
        family, _, folder = named.partition("=")
        job = Job(family, arguments.size, arguments.steps, arguments.runs, arguments.device, compiled)
        title = f"{family}, compiled" if compiled else family
        figures[title] = measured(job, folder)
        print(title)
        for name, value in figures[title].items():
            print(f"  {name:<28} {value}")
    if arguments.json:
        record.write(arguments.json, figures)


@dataclass(frozen=True, slots=True)
class Job:
    """What is measured: pictures of a side of `size` pixels, of a family, on a device."""

    family: str
    size: int
    steps: int
    runs: int
    device: str = "auto"
    compiled: bool = False


def measured(job: Job, folder: str) -> dict[str, Any]:
    """The figures of a family, from a process of its own."""
    with tempfile.TemporaryDirectory() as made:
        place = Path(folder) if folder else random_checkpoints.write(job.family, Path(made) / job.family)
        context = get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=context) as processes:
            return processes.submit(measure, job, place).result()


def measure(job: Job, folder: Path) -> dict[str, Any]:
    """The figures of the checkpoint in a folder, in seconds and gigabytes."""
    began, family = time.perf_counter(), FAMILIES[job.family]
    checkpoint = load(folder, space=SPACE, family=family, device=job.device, compiled=job.compiled)
    loaded = time.perf_counter() - began
    generator = DiffusersGenerator(checkpoint, batch_size=max(BATCHES))
    request = Request(seed=1, prompt=PROMPT, size=(job.size, job.size), num_inference_steps=job.steps)
    compared = _against_bare(generator, request, job.runs)
    with Utilisation(checkpoint.device) as used:
        batches = _batches(generator, request, job.runs)
    return {
        "device": f"{checkpoint.device}, {str(checkpoint.dtype).removeprefix('torch.')}",
        "load, s": round(loaded, 2),
        **compared,
        **_steps_and_decoders(generator, request),
        **batches,
        **({} if used.percent is None else {"use of the GPU, %": used.percent}),
        "peak of memory, GB": round(_peak(checkpoint.device), 2),
    }


def _against_bare(generator: DiffusersGenerator, request: Request, runs: int) -> dict[str, Any]:
    """The median seconds of a picture by phosphene and by the bare pipeline, which take turns."""
    pipeline = bare_pipeline(generator, request)
    ours: list[Seconds] = []
    bare: list[Seconds] = []
    for seed in range(runs + 1):  # the first one warms up
        bare.append(_seconds(lambda seed=seed: pipeline(seed)))  # type: ignore[misc]
        ours.append(_seconds(lambda seed=seed: _pictures(generator, [replace(request, seed=seed)])))  # type: ignore[misc]
    (alone, alone_cpu), (whole, whole_cpu) = (
        [statistics.median(each) for each in zip(*found[1:], strict=True)] for found in (bare, ours)
    )
    return {
        "first picture, s": round(ours[0][0], 2),
        "bare pipeline, s": round(alone, 3),
        "phosphene, s": round(whole, 3),
        "ours ÷ bare, by seconds": round(whole / alone, 3),
        "ours ÷ bare, by CPU time": round(whole_cpu / alone_cpu, 3),
        "within the limit": whole <= FACTOR * alone + EXTRA,
    }


def bare_pipeline(generator: DiffusersGenerator, request: Request) -> Callable[[int], Any]:
    """The same work as a user of diffusers writes it: a function from a seed to a picture."""
    checkpoint, can = generator.checkpoint, generator.capabilities
    pipeline = Pipelines(checkpoint).pipeline("text-to-image")
    guidance = {} if can.guidance_scale is None else {"guidance_scale": can.guidance_scale}
    width, height = request.size or can.size

    def picture(seed: int) -> Any:
        name = str(can.options["scheduler"].default)
        pipeline.scheduler = scheduler(name, checkpoint.components["scheduler"])
        return pipeline(
            prompt=request.prompt,
            width=width,
            height=height,
            num_inference_steps=request.num_inference_steps,
            generator=torch.Generator().manual_seed(seed),
            **checkpoint.family.arguments,
            **guidance,
        ).images[0]

    return picture


def _steps_and_decoders(generator: DiffusersGenerator, request: Request) -> dict[str, Any]:
    """The median seconds between two steps, and those of a decoded picture."""
    times: list[float] = []
    [result] = generator.generate([request], on_step=lambda _: times.append(time.perf_counter()))
    between = [after - before for before, after in pairwise(times)]
    latents = result.picture.args[1][None]  # type: ignore[attr-defined]  # of the partial function
    channels = latents.shape[1]
    tiny = import_module("diffusers").AutoencoderTiny(latent_channels=channels)  # of TAESD's size
    tiny.to(generator.checkpoint.device, generator.checkpoint.dtype).eval()
    checkpoint = replace(generator.checkpoint, tiny_vae=generator.checkpoint.tiny_vae or tiny)
    return {
        "a step, s": round(statistics.median(between), 3) if between else None,
        "decoding by the VAE, s": round(_seconds(lambda: decode(checkpoint, latents, "vae"))[0], 3),
        "decoding by TAESD, s": round(_seconds(lambda: decode(checkpoint, latents, "taesd"))[0], 3),
    }


def _batches(generator: DiffusersGenerator, request: Request, runs: int) -> dict[str, Any]:
    """The seconds of a picture in batches of different sizes."""
    found = {}
    for size in BATCHES:
        requests = [replace(request, seed=seed) for seed in range(size)]
        seconds = [_seconds(lambda requests=requests: _pictures(generator, requests))[0] for _ in range(runs)]  # type: ignore[misc]
        found[f"a picture in batches of {size}, s"] = round(statistics.median(seconds) / size, 3)
    return found


def _pictures(generator: DiffusersGenerator, requests: Sequence[Request]) -> None:
    for made in generator.generate(requests):
        made.picture()


def _seconds(work: Callable[[], object]) -> Seconds:
    began = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - began[0], time.process_time() - began[1]


def _peak(device: torch.device) -> float:
    """The most memory that was used so far, of the GPU if there is one, in GB."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("families", nargs="*", default=["sd15"], metavar="FAMILY[=FOLDER]")
    parser.add_argument("--size", type=int, default=512, help="pixels of a side")
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--quick", action="store_true", help="one run of two steps at 128 pixels")
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.size, arguments.steps, arguments.runs = 128, 2, 1
    return arguments


if __name__ == "__main__":
    main()

"""`phosphene doctor` lists what is installed on this machine, and how to get what is missing."""

import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from shlex import quote
from typing import Any, Literal

import click

from phosphene import __version__
from phosphene.cli.options import Settings, command
from phosphene.cli.output import Column
from phosphene.errors import PhospheneError

PACKAGES = (
    "onnxruntime",
    "torch",
    "open-clip-torch",
    "diffusers",
    "transformers",
    "lancedb",
    "weaviate-client",
    "pillow",
    "numpy",
)
LITTLE_SPACE = 2 * 2**30  # bytes; a model for photographs is 0.6 GB, and a download needs room for a copy
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
TIMEOUT = 120  # seconds, enough to import a package from a slow disk
# This runs in a child process, because without AVX2 LanceDB dies by a signal instead of raising.
STORE = """
import sys, lancedb
table = lancedb.connect(sys.argv[1]).create_table("try", [{"id": "a", "vector": [1.0, 0.0]}])
assert table.search([1.0, 0.0]).limit(1).to_list()[0]["id"] == "a"
"""
DEVICES = """
import torch
found = ["cpu"]
if torch.cuda.is_available(): found += [f"cuda ({torch.cuda.get_device_name()})"]
if torch.backends.mps.is_available(): found += ["mps"]
print(", ".join(found))
"""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One line of the report. phosphene cannot work if one is `bad`, but it can if one is a `note`."""

    what: str
    state: Literal["ok", "note", "bad"]
    found: str
    fix: str = ""


COLUMNS = (Column("state", "state"), Column("what", "what"), Column("found", "found", path=True))


@command("doctor")
@click.pass_context
def doctor(context: click.Context, settings: Settings) -> None:
    """Check what works on this machine, and say how to mend the rest.

      phosphene doctor
      phosphene -L photos.lib doctor --json

    The exit code is 1 if phosphene cannot work without something that is missing.
    """
    output = settings.output
    with output.progress("looking") as advance:
        findings = []
        for finding in examine(settings):
            findings.append(finding)
            advance(len(findings), None)
    output.rows([asdict(finding) for finding in findings], COLUMNS, key="what")
    for finding in findings:
        if finding.fix:
            output.note(f"{finding.what}: {finding.fix}")
    if any(finding.state == "bad" for finding in findings):
        context.exit(1)


def examine(settings: Settings) -> Iterator[Diagnosis]:
    """Yield the lines of the report as each check ends."""
    yield Diagnosis("phosphene", "ok", f"{__version__} on Python {sys.version.split()[0]}")
    yield from _packages()
    yield from _extras()
    yield _child("devices", DEVICES, "install a build of torch for this machine: https://pytorch.org")
    yield _store()
    yield from _models()
    yield from _plugins()
    yield _library(settings)
    yield _space(settings)
    yield _terminal()
    yield _browser()


def _packages() -> Iterator[Diagnosis]:
    from importlib.metadata import PackageNotFoundError, version

    for name in PACKAGES:
        try:
            yield Diagnosis(name, "ok", version(name))
        except PackageNotFoundError:
            yield Diagnosis(name, "bad", "not installed", f"`pip install {name}`, or install phosphene again")


def _extras() -> Iterator[Diagnosis]:
    from phosphene.extras import MODULES, how_to_install, missing

    for extra in MODULES:
        absent = missing(extra)
        if absent:
            found = f"not installed: {', '.join(absent)}"
            yield Diagnosis(f"extra {extra}", "note", found, how_to_install(extra))
        else:
            yield Diagnosis(f"extra {extra}", "ok", "installed")


def _store() -> Diagnosis:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        found = _child("store", STORE, "`pip install --force-reinstall lancedb`", folder)
    if found.found.startswith("died"):
        fix = "LanceDB needs a processor with AVX2, which most have had since 2013. Use another machine"
        return Diagnosis("store", "bad", found.found, fix)
    return found if found.state == "bad" else Diagnosis("store", "ok", "LanceDB writes and reads")


def _child(what: str, code: str, fix: str, *arguments: str) -> Diagnosis:
    """Run code in a process of its own, which a crash ends alone."""
    import subprocess

    try:
        ended = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code, *arguments],
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
        )
    except subprocess.TimeoutExpired:
        return Diagnosis(what, "bad", f"no answer within {TIMEOUT} s", fix)
    if ended.returncode < 0:
        return Diagnosis(what, "bad", f"died by signal {-ended.returncode}", fix)
    if ended.returncode:
        return Diagnosis(what, "bad", (ended.stderr.strip() or "failed").splitlines()[-1], fix)
    return Diagnosis(what, "ok", ended.stdout.strip())


def _models() -> Iterator[Diagnosis]:
    from phosphene.embedding import DEFAULT_MODEL
    from phosphene.embedding.weights import resolve

    for name in ("landscape", DEFAULT_MODEL):
        try:
            yield Diagnosis(f"model {name}", "ok", str(resolve(name).file))
        except PhospheneError as error:
            built_in = name == "landscape"
            fix = "install phosphene again" if built_in else error.hint
            yield Diagnosis(f"model {name}", "bad" if built_in else "note", error.message, fix)


def _plugins() -> Iterator[Diagnosis]:
    """Check the plugins of other packages. A broken plugin is a note, because the rest still works."""
    from phosphene.embedding import EMBEDDERS
    from phosphene.generators import GENERATORS
    from phosphene.opening import OPENERS
    from phosphene.plugins import SEAMS, Registry, installed
    from phosphene.sources import SOURCES

    registries: tuple[Registry[Any], ...] = (SOURCES, EMBEDDERS, OPENERS, GENERATORS)
    for registry, plugin in ((each, one) for each in registries for one in installed(each.kind)):
        what = f"{SEAMS[plugin.kind]} plugin {plugin.name}"
        try:
            registry.check(plugin)
        except PhospheneError as error:
            yield Diagnosis(what, "note", error.message, error.hint)
        else:
            yield Diagnosis(what, "ok", f"{plugin.package} {plugin.version}")


def _library(settings: Settings) -> Diagnosis:
    from phosphene.config import default_library

    name = settings.library or default_library()
    try:
        if not _is_there(name):
            fix = f"`phosphene -L {quote(name)} add PATH…` makes one"
            return Diagnosis("library", "note", f"none in {name} yet", fix)
        with settings.open() as library:
            state = library.status()
    except PhospheneError as error:
        return Diagnosis("library", "bad", error.message, error.hint)
    return Diagnosis("library", "ok", f"{state.library}: {state.images:,} images, model {state.model}")


def _is_there(name: str) -> bool:
    """Whether there is a library to open. Raises PhospheneError if a server does not answer."""
    from phosphene.embedding import open_embedder
    from phosphene.opening import locate

    return locate(name).manifest(open_embedder) is not None


def _space(settings: Settings) -> Diagnosis:
    import shutil

    from phosphene.config import home
    from phosphene.opening import locate

    try:
        folder = locate(settings.library).folder
    except PhospheneError:  # the line on the library reports it
        folder = home().absolute()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    found = f"{free / 2**30:.1f} GiB on the disk of the library ({folder})"
    if free < LITTLE_SPACE:
        fix = "make room, or choose a folder on another disk with `phosphene -L FOLDER`"
        return Diagnosis("free space", "note", found, fix)
    return Diagnosis("free space", "ok", found)


def _terminal() -> Diagnosis:
    import os

    from phosphene.render.terminal import detect

    how = detect(sys.stdout, os.environ)
    return Diagnosis(
        "terminal", "ok", f"shows pictures as {how}" if how else "no pictures (not a terminal, or NO_COLOR)"
    )


def _browser() -> Diagnosis:
    import shutil

    for name in BROWSERS:
        if found := shutil.which(name):
            return Diagnosis("chromium", "ok", found)
    return Diagnosis(
        "chromium", "note", "not found", "only the tests of the pages need it: `apt install chromium`"
    )

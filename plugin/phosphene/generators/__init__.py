"""The families of generators, one folder each. `open_generator` opens one for a library by its name."""

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from phosphene.config import expanded
from phosphene.errors import GenerationError, PluginError
from phosphene.generation import Additions, Generator
from phosphene.landscape import DIFFUSION_FOLDER
from phosphene.plugins import Registry
from phosphene.records import Space

if TYPE_CHECKING:
    from phosphene.generators.diffusers.checkpoint import Checkpoint
    from phosphene.generators.locating import Located

DEFAULT = "retrieval"
NOTHING = Additions()


class OpenGenerator(Protocol):
    """What the entry point of a generator is: a function that opens it."""

    def __call__(self, checkpoint: str, *, folder: Path, space: Space, device: str) -> Generator:
        """Open the generator for the library in `folder`, whose vectors are of `space`.

        `checkpoint` is what the user wrote after a colon (`--generator NAME:CHECKPOINT`), or empty.
        `device` is `auto`, `cpu`, `cuda` or `mps`. Raises GenerationError or ModelError where that fails.
        """
        ...


def _retrieval() -> OpenGenerator:
    return open_retrieval


GENERATORS: Registry[OpenGenerator] = Registry(
    "generators", {DEFAULT: _retrieval}, ", a generator of `phosphene models`, the path of a checkpoint"
)


def open_generator(
    name: str | None,
    folder: Path,
    space: Space,
    *,
    device: str = "auto",
    additions: Additions = NOTHING,
    compiled: bool = False,
) -> Generator:
    """Open a generator by its name, for the library in `folder` with vectors of `space`.

    A name is one of these; None stands for `retrieval`, which phosphene trains itself.

    - `NAME` or `NAME:CHECKPOINT` of a built-in generator or of a plugin. Plugins register an `OpenGenerator`
      as an entry point of the group `phosphene.generators`.
    - a family of `families.FAMILIES`, or a name of `phosphene models add`.
    - the path of a folder of diffusers, or of a `.safetensors` or `.gguf` file.
    - `hf:ORG/NAME` or `hf:ORG/NAME@REVISION`, which `phosphene models fetch` has downloaded.

    `additions` are an IP-Adapter and LoRAs for a checkpoint of a family, whose network is `compiled` if it
    runs on a GPU by CUDA.

    Raises PluginError for an unknown name, ModelError for a checkpoint that is missing, damaged or not whole,
    and GenerationError if the generator cannot be used with the space or takes no additions.
    """
    from phosphene.generators.locating import locate  # the catalogue reads the table of families below

    family, _, checkpoint = (name or DEFAULT).partition(":")
    if name and not GENERATORS.has(family) and (found := locate(name)):
        return _open_checkpoint(found, folder, space, device, additions, compiled)
    if additions.named:
        raise GenerationError(
            f"The generator `{family}` takes no {' and no '.join(additions.named)}.",
            hint="name a checkpoint of a family of diffusers with `--generator`",
        )
    return GENERATORS.load(family)(checkpoint, folder=folder, space=space, device=device)


def lasting_name(name: str) -> str:
    """The name of a generator with absolute paths, so that it means the same in every folder.

    Raises PluginError for an unknown name, and ModelError for a checkpoint that is not on this machine.
    """
    from phosphene.generators.locating import locate

    family, _, checkpoint = name.partition(":")
    if GENERATORS.has(family):
        path = expanded(checkpoint).absolute()
        return f"{family}:{path}" if checkpoint and path.exists() else name
    found = locate(name)
    if found is None:
        GENERATORS.load(family)  # raises PluginError, which lists the known names
        return name
    path = expanded(name)
    return str(path.absolute()) if found.path == path else name


def _open_checkpoint(
    found: "Located", folder: Path, space: Space, device: str, additions: Additions, compiled: bool
) -> Generator:
    """Open a checkpoint of diffusers, or a folder that `phosphene train diffusion` wrote."""
    from phosphene.generators.diffusers.generator import DiffusersGenerator
    from phosphene.generators.diffusers.loading import load
    from phosphene.generators.diffusers.lora import parse_lora
    from phosphene.generators.diffusers.recognition import class_in

    if class_in(found.path) == "RetrievalPipeline":
        return open_retrieval(str(found.path), folder=folder, space=space, device=device)
    checkpoint = load(
        found.path,
        space=space,
        family=found.family,
        device=device,
        adapter=expanded(additions.adapter) if additions.adapter else None,
        loras=[parse_lora(text) for text in additions.loras],
        compiled=compiled,
    )
    return DiffusersGenerator(checkpoint)


def open_checkpoint(name: str, space: Space, *, device: str = "auto") -> "Checkpoint":
    """Load the pretrained checkpoint of a name, as `open_generator` takes it, without its IP-Adapter.

    Raises PluginError for a name that stands for no checkpoint, and ModelError as `loading.load` does.
    """
    from phosphene.generators.diffusers.loading import load
    from phosphene.generators.locating import locate

    found = locate(name)
    if found is None:
        raise PluginError(
            f"`{name}` is not a pretrained model.",
            hint="use one of `phosphene models`, or the path of a checkpoint",
        )
    return load(found.path, space=space, family=found.family, device=device, bare=True)


def open_retrieval(checkpoint: str, *, folder: Path, space: Space, device: str) -> Generator:
    """Open a generator that phosphene trained.

    With a `checkpoint` it is the one in that folder. Otherwise it is the library's own generator or, if the
    library has none, the built-in one. Raises GenerationError if the generator reads vectors of another
    space, and ModelError for damaged weights.
    """
    from phosphene.generators.retrieval import generator as retrieval
    from phosphene.landscape.scenes import vocabulary

    folders = [Path(checkpoint).expanduser()] if checkpoint else [folder / "generator", DIFFUSION_FOLDER]
    for candidate in folders:
        if checkpoint or (candidate / "model_index.json").exists():
            words = vocabulary() if candidate == DIFFUSION_FOLDER else None
            generator = retrieval.open_generator(candidate, device, vocabulary=words)
            if generator.capabilities.space == space.id:
                return generator
    raise GenerationError(
        f"There is no generator for the space {space.id} of the model `{space.name}`.",
        hint="train a small one on the library's own pictures: `phosphene train diffusion -L LIBRARY`",
    )

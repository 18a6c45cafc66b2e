"""Every generation is planned, made, chosen and kept in the same way, with any generator."""

import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as pillow

import phosphene
from command import lines, run
from phosphene.errors import GenerationError, PluginError, Upgraded
from phosphene.fields import Fields
from phosphene.filters import GENERATED, Equals, HasWords, all_of
from phosphene.generation import Capabilities, Generated, Reference, Request
from phosphene.generation.choosing import choose, noise_seed, target_of
from phosphene.generation.planning import Plan
from phosphene.generation.replaying import plan_again
from phosphene.library import Library
from phosphene.query import parse
from phosphene.recipes import in_picture
from phosphene.recipes.lineage import generated_id
from phosphene.vectors import NEGATIVE_SHARE, unit

OLD = Path(__file__).parent / "format1"
# The library is of an older format, and the first picture that is kept upgrades it.
pytestmark = pytest.mark.filterwarnings("ignore::phosphene.errors.Upgraded")
QUICK: dict[str, Any] = {"neighbours": 2, "num_inference_steps": 2, "candidates": 1}


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    """The library of format 1: five drawn pictures and three generated ones."""
    shutil.copytree(OLD / "library", tmp_path / "library")
    with phosphene.open(tmp_path / "library") as library:
        yield library


class Counting:
    """A store that counts how often each of its methods is called."""

    def __init__(self, store: Any) -> None:
        self.store, self.calls = store, Counter[str]()

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.store, name)
        if not callable(value):
            return value

        def counted(*values: Any, **named: Any) -> Any:
            self.calls[name] += 1
            return value(*values, **named)

        return counted


# ── planning ──────────────────────────────────────────────────────────────────────────────


def test_planning_reads_the_store_once_and_pictures_only_when_they_are_opened(library: Library) -> None:
    counting = Counting(library.store)
    planner = replace(library.generation, store=counting).planner
    request = Request(seed=1, num_inference_steps=1)
    plan = planner.plan(parse("a red house"), request, {"neighbours": 3})

    assert counting.calls == {"near": 1}
    assert len(plan.request.references) == len(plan.parents) == 3
    for reference in plan.request.references:
        assert reference.norm and np.linalg.norm(reference.raw) == pytest.approx(reference.norm, rel=1e-5)
        small, full = reference.picture(64), reference.picture(None)
        assert small is not None and full is not None
    assert counting.calls == {"near": 1, "thumbnails": 1}


def test_a_reference_without_a_norm_has_no_raw_embedding() -> None:
    with pytest.raises(GenerationError, match="does not know the norm"):
        Reference("n", np.ones(3, dtype=np.float32)).raw  # noqa: B018


@pytest.mark.parametrize(
    ("query", "words"),
    [("a red house", "a red house"), ("2:a boat + ./sea.jpg - trees", "a boat"), ("id:abcdefgh", "")],
)
def test_generators_that_read_words_get_those_of_the_query(query: str, words: str) -> None:
    assert parse(query).words == words


# ── choosing ──────────────────────────────────────────────────────────────────────────────

VECTORS = unit(np.random.default_rng(1).standard_normal((6, 8)).astype(np.float32))


def plan_of(**parts: Any) -> Plan:
    return Plan("a house", Request(seed=3, **parts), {}, candidates=4)


class Guessing:
    """A generator whose candidates have given vectors."""

    capabilities = Capabilities(name="guessing", weights="", reads=frozenset({"prompt_vector"}), size=(4, 4))

    def __init__(self, vectors: Any) -> None:
        self.vectors, self.finished, self.seeds = vectors, list[int](), list[int]()

    def generate(self, requests: Any, *, on_step: Any = None) -> Iterator[Generated]:
        for request in requests:
            self.seeds.append(request.seed)
            draw = partial(self._picture, request.candidate)
            yield Generated(draw, {}, self.vectors[request.candidate])

    def _picture(self, number: int) -> Any:
        self.finished.append(number)
        return pillow.new("RGB", (4, 4))


def test_only_the_candidate_nearest_to_the_prompt_is_finished_and_kept() -> None:
    generator: Any = Guessing(VECTORS[[1, 2, 0, 3]])
    [(_, chosen)] = choose([plan_of(vector=VECTORS[0])], generator, embedder=None)  # type: ignore[arg-type]

    assert (chosen.candidate, generator.finished) == (2, [2])
    assert generator.seeds == [noise_seed(3, number) for number in range(4)]
    assert generator.seeds[0] == 3 and len(set(generator.seeds)) == 4


def test_without_a_prompt_candidates_are_compared_to_the_neighbours() -> None:
    near = tuple(Reference(str(place), vector, weight=2.0) for place, vector in enumerate(VECTORS[:2]))
    assert target_of(plan_of(references=near)) == pytest.approx(2 * VECTORS[:2].sum(0), rel=1e-5)
    assert target_of(plan_of()) is None


def test_candidates_near_to_a_negative_rank_lower() -> None:
    target = target_of(plan_of(vector=VECTORS[0], negative_vectors=(VECTORS[1],)))
    led = VECTORS[0] - NEGATIVE_SHARE * VECTORS[1]
    assert target == pytest.approx(led / np.linalg.norm(led), abs=1e-5)


# ── keeping ───────────────────────────────────────────────────────────────────────────────


def test_a_generated_image_is_found_by_its_prompt_model_and_seed(library: Library, tmp_path: Path) -> None:
    wanted = all_of(GENERATED, HasWords("prompt", frozenset({"castle"})), Equals("seed", 17))

    [made] = library.generate("a red castle", seed=17, count=1, negative=["snow", "fog"], **QUICK)

    assert made.image.fields == Fields(
        prompt="a red castle",
        negative="snow, fog",
        model=library.generator.capabilities.name,
        sampler=library.generator.capabilities.sampler,
        seed=17,
        steps=2,
        guidance=library.generator.capabilities.guidance_scale,
    )
    [stored] = library.store.iterate(wanted)
    assert stored == made.image
    with phosphene.open(tmp_path / "other", model="landscape", create=True) as other:
        other.add([library.path(made.image)])
        assert [image.fields for image in other.store.iterate(wanted)] == [made.image.fields]


# ── recipes of older versions ─────────────────────────────────────────────────────────────


def test_pictures_of_an_older_version_replay_with_the_weights_of_today_and_say_so(library: Library) -> None:
    stored = [image for image in library.store.iterate() if image.origin == "generated"]
    assert len(stored) == 3
    for image in stored:
        assert image.recipe and generated_id(image.recipe) == image.id and image.recipe["format"] in (1, 2)
        again = library.replay(image.id)
        assert not again.same_weights and again.image.id != image.id
        assert again.image.recipe and again.image.recipe["weights"] == library.generator.capabilities.weights


@pytest.mark.parametrize("name", ["alone.png", "inpainted.png"])
def test_files_of_an_older_version_replay(library: Library, name: str) -> None:
    again = library.replay(OLD / name, mask=OLD / "mask.png" if name == "inpainted.png" else None)
    recipe = in_picture(OLD / name)
    assert recipe and again.image.caption == recipe["prompt"]
    assert again.largest_difference and not again.same_weights


def test_the_command_line_names_the_weights_that_are_not_here(library: Library) -> None:
    library.close()
    result = run("-L", library.folder, "replay", OLD / "alone.png")
    assert result.exit_code == 0
    assert "the weights f96b5bd096eb made the first picture, and the generator here has 81d4" in result.stdout


def test_a_new_recipe_keeps_the_settings_of_the_generator(library: Library) -> None:
    with pytest.warns(Upgraded):
        [made] = library.generate("a red house", 1, seed=3, image_guidance_scale=2.5, **QUICK)

    recipe = in_picture(library.path(made.image))
    assert recipe and recipe == made.image.recipe and recipe["format"] == 3
    assert recipe["settings"]["image_guidance_scale"] == 2.5
    assert library.replay(made.image.id).largest_difference == 0


def test_settings_that_the_generator_does_not_know_are_refused(library: Library) -> None:
    with pytest.warns(Upgraded):
        [made] = library.generate("a red house", 1, seed=3, **QUICK)
    recipe = {**(made.image.recipe or {}), "settings": {"execute": "rm"}}
    with pytest.raises(GenerationError, match="no option `execute`"):
        plan_again(recipe, library.generation.planner)


# ── a generator of a plugin, which reads only words ───────────────────────────────────────


@pytest.fixture
def striped(plugins: Path, library: Library) -> Path:
    library.close()
    return library.folder


def test_a_plugin_generates_and_replays_from_the_command_line(striped: Path) -> None:
    words = ["generate", "a red house", "-n", 2, "--seed", 5, "--generator", "stripes"]
    made = lines("-L", striped, *words, "--option", "contrast=0.5", "--option", "tint=7", "--size", "64x32")

    assert [one["parents"] for one in made] == [[], []]
    recipe = in_picture(Path(made[0]["uri"]))
    assert recipe and recipe["generator"] == "toy/stripes" and recipe["size"] == [64, 32]
    assert recipe["settings"] == {"contrast": 0.5, "upright": True, "tint": "7"}
    assert recipe["words"] == {"prompt": "a red house", "negative_prompt": ""}
    [again] = lines("-L", striped, "replay", made[0]["id"], "--generator", "stripes")
    assert again["identical"] and again["id"] == made[0]["id"]


def test_a_walk_takes_the_words_of_the_nearer_end(striped: Path, tmp_path: Path) -> None:
    words = ["walk", "a house", "the sea", "--steps", 3, "--generate", "--generator", "stripes"]
    assert len(lines("-L", striped, *words, "--seed", 1, "-o", tmp_path / "walk.png")) == 3


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--option", "contrast=2"], "`contrast` is 2.0, but must be above 0 and at most 1"),
        (["--option", "upright=perhaps"], "must be of the type bool"),
        (["--option", "eta=1"], "has no option `eta`"),
        (["--image-guidance", "2"], "has no option `image_guidance_scale`"),
        (["--guidance", "2"], "has no guidance"),
        (["--size", "60x60"], "multiples of 16 between 16 and 128"),
        (["-k", "3"], "takes at most 0"),
        (["--init", OLD / "mask.png"], "cannot do image-to-image"),
    ],
)
def test_requests_that_a_plugin_does_not_allow_are_errors(
    striped: Path, words: list[object], says: str
) -> None:
    result = run("-L", striped, "generate", "a house", "--generator", "stripes", *words)
    assert result.exit_code == 1 and says in " ".join(result.stderr.split())


def test_a_query_without_words_is_refused_by_a_generator_that_reads_only_words(striped: Path) -> None:
    [hit] = lines("-L", striped, "search", "a house", "-n", 1)
    result = run("-L", striped, "generate", f"id:{hit['id']}", "--generator", "stripes")
    assert result.exit_code == 1 and "reads only words" in result.stderr


def test_the_error_for_an_unknown_generator_lists_the_installed_ones(striped: Path) -> None:
    unknown = phosphene.open(striped, generator="nobody")
    with unknown as library, pytest.warns(Upgraded), pytest.raises(PluginError) as raised:
        library.generate("a house", 1)
    assert "nobody" in raised.value.message and "stripes" in raised.value.hint
    assert "retrieval" in raised.value.hint

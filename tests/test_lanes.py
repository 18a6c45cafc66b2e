"""Every library works with every generator, in one of five lanes."""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from PIL import Image as pillow
from PIL.Image import Image as Picture

import phosphene
from command import lines, run
from phosphene.cli.lane_options import NAMES
from phosphene.embedding import Embedded
from phosphene.errors import GenerationError, PassedOver
from phosphene.generation import Capabilities, Lane, Request
from phosphene.generation.lanes import LANES, WAYS, LaneChoice, better
from phosphene.images import no_picture, png
from phosphene.library import Library
from phosphene.query import parse
from phosphene.recipes import in_picture
from phosphene.recipes.lineage import texts
from phosphene.vectors import Pixels
from pictures import drawn

LIBRARY, OTHER = "clip:1", "clip:2"  # spaces
PROMPT = "a red house"
MODELS = {"mosaic": "embedded", "collage": "pictures", "wash": "start", "stripes": "words"}
EACH = pytest.mark.parametrize(("generator", "lane"), list(MODELS.items())[:3])


def choice(*reads: Any, space: str | None = None, **others: Any) -> LaneChoice:
    modes = others.pop("modes", ("text-to-image", "image-to-image"))
    capabilities = Capabilities(
        name="x",
        weights="",
        reads=frozenset(reads),
        size=(64, 64),
        space=space,
        modes=frozenset(modes),
    )
    return LaneChoice(capabilities, LIBRARY, **others)


TEXT = ("text-to-image",)
CHOICES: dict[str, tuple[LaneChoice, tuple[Lane, ...]]] = {
    "the library's own vectors": (
        choice("words", "vectors", space=LIBRARY, encoder=LIBRARY),
        ("vectors", "embedded", "start", "words"),
    ),
    "vectors of the encoder that is here": (
        choice("words", "vectors", space=OTHER, encoder=OTHER),
        ("embedded", "start", "words"),
    ),
    "vectors of an encoder that is not here": (
        choice("words", "vectors", space=OTHER),
        ("start", "words"),
    ),
    "an encoder of another space": (
        choice("words", "vectors", space=OTHER, encoder="clip:3", modes=TEXT),
        ("words",),
    ),
    "vectors alone": (choice("vectors", space=OTHER, encoder=OTHER), ("embedded",)),
    "vectors alone, without the encoder": (choice("vectors", space=OTHER), ()),
    "a list of pictures": (choice("words", "pictures", modes=TEXT), ("pictures", "words")),
    "pictures beside vectors": (
        choice("prompt_vector", "vectors", "pictures", space=LIBRARY),
        ("vectors", "start", "words"),
    ),
    "words": (choice("words"), ("start", "words")),
    "words, and a start picture of the user": (choice("words", init=True), ("words",)),
    "words, and no pictures to start from": (choice("words", modes=TEXT), ("words",)),
}


@pytest.mark.parametrize(("made", "lanes"), CHOICES.values(), ids=CHOICES)
def test_the_possible_lanes_follow_from_what_is_here(made: LaneChoice, lanes: tuple[Lane, ...]) -> None:
    assert made.possible == lanes
    for lane in LANES:
        if lane in lanes:
            assert made.lane(lane) == lane
        else:
            with pytest.raises(
                GenerationError, match=f"The lane `{lane}` is not possible, because "
            ) as raised:
                made.lane(lane)
            assert raised.value.hint
    if lanes:
        assert made.lane() == lanes[0]


def test_without_any_lane_the_error_says_what_is_missing() -> None:
    made = choice("vectors", space=OTHER)
    fetching = replace(made.capabilities, fetch="phosphene models fetch x")
    with pytest.raises(GenerationError, match="the image encoder of the generator `x` is not") as raised:
        replace(made, capabilities=fetching).lane()
    assert raised.value.hint == "fetch what is missing: `phosphene models fetch x`"
    assert better("start", fetching) == "phosphene models fetch x" and better("embedded", fetching) == ""


def test_an_unknown_lane_is_an_error() -> None:
    with pytest.raises(GenerationError, match="There is no lane `magic`"):
        choice("words").lane("magic")  # type: ignore[arg-type]


def test_the_lanes_have_one_list() -> None:
    assert LANES == NAMES == tuple(WAYS) == get_args(Lane)


# ── from the command line ─────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of eight pictures in the built-in space, whose vectors only the built-in generator reads."""
    folder = tmp_path_factory.mktemp("lanes") / "library"
    with phosphene.open(folder, model="landscape", create=True) as library:
        (folder / "photos").mkdir()  # inside of the library, so that a copy has files of its own
        for seed in range(8):
            drawn(seed, (300, 200)).save(folder / "photos" / f"{seed}.png")
        library.add(folder / "photos")
    return folder


@pytest.fixture
def filled(plugins: Path, original: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(original, tmp_path / "library"))


@pytest.fixture
def pictures(filled: Path) -> Path:
    """The folder with its pictures."""
    return filled / "photos"


Open = Callable[[str], Library]


@pytest.fixture
def opened(filled: Path) -> Iterator[Open]:
    libraries: list[Library] = []

    def open(generator: str) -> Library:
        libraries.append(phosphene.open(filled, generator=generator))
        return libraries[-1]

    yield open
    for library in libraries:
        library.close()


@pytest.mark.parametrize(("generator", "lane"), [("retrieval", "vectors"), *MODELS.items()])
def test_the_lane_is_said_and_recorded_and_replayed(filled: Path, generator: str, lane: Lane) -> None:
    numbers = ["-n", 1, "--seed", 5, "--steps", 1, "--candidates", 1]
    words = ["-L", filled, "generate", PROMPT, *numbers, "--generator", generator]
    result = run(*words)
    assert result.exit_code == 0, result.stderr
    assert f"lane {lane}: {WAYS[lane]}\n" in result.stderr

    [made] = lines(*words)
    recipe = in_picture(Path(made["uri"]))
    assert recipe and made["lane"] == recipe["lane"] == lane
    parents = {"start": 1, "words": 0}.get(lane, 6)
    assert len(made["parents"]) == parents
    assert {parent["role"] for parent in made["parents"]} <= {"init" if lane == "start" else "neighbour"}

    [again] = lines("-L", filled, "replay", made["id"], "--generator", generator)
    assert again["identical"] and again["id"] == made["id"]
    assert (again["lane"], again["differences"]) == (lane, [])


@pytest.mark.parametrize("lane", ["start", "words"])
def test_a_lane_can_be_forced(filled: Path, lane: Lane) -> None:
    words = ["-L", filled, "generate", PROMPT, "-n", 1, "--seed", 5, "--generator", "mosaic"]
    [best], [forced] = lines(*words), lines(*words, "--lane", lane)
    assert (best["lane"], forced["lane"]) == ("embedded", lane)
    assert best["id"] != forced["id"]
    [again] = lines("-L", filled, "replay", forced["id"], "--generator", "mosaic")
    assert again["identical"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--generator", "mosaic", "--lane", "vectors"], "reads vectors of `toy:4x4`, and not those of the"),
        (["--generator", "mosaic", "--lane", "pictures"], "does not take a list of pictures"),
        (["--generator", "mosaic-alone", "--lane", "embedded"], "fetch what is missing: `phosphene models"),
        (["--generator", "stripes", "--lane", "start"], "the generator `toy/stripes` cannot start from"),
        (["--generator", "wash", "--lane", "embedded"], "does not read the vectors of neighbours"),
        (["--generator", "wash", "--lane", "start", "--init", "{picture}"], "is already given"),
        (["--generator", "wash", "-k", "2"], "takes at most 1 in the lane `start`"),
        (["--generator", "wash", "--lane", "words", "-k", "1"], "takes at most 0 in the lane `words`"),
        (["--generator", "mosaic", "--strength", "0.5"], "there is no picture to start from"),
        (["--closeness", "0.5"], "`retrieval` always follows its references fully"),
    ],
)
def test_what_is_not_possible_is_refused(filled: Path, pictures: Path, words: list[str], says: str) -> None:
    given = [word.format(picture=pictures / "1.png") for word in words]
    result = run("-L", filled, "generate", PROMPT, *given)
    assert result.exit_code == 1 and says in " ".join(result.stderr.split())


def test_show_prints_the_lane_and_what_belongs_to_it(filled: Path) -> None:
    expected = {
        "wash": {"lane": "start", "strength": "0.6"},
        "mosaic": {"lane": "embedded", "closeness": "0.6"},
    }
    for generator, told in expected.items():
        [made] = lines("-L", filled, "generate", PROMPT, "-n", 1, "--generator", generator)
        shown = dict(line.split("\t") for line in run("-L", filled, "show", made["id"]).stdout.splitlines())
        assert {key: shown.get(key) for key in ("lane", "strength", "closeness") if key in shown} == told


def test_the_hint_names_the_command_that_makes_a_better_lane_possible(filled: Path) -> None:
    words = ["-L", filled, "generate", PROMPT, "-n", 1]
    hint = "hint: for a better lane run `phosphene models fetch toy`\n"
    assert hint in run(*words, "--generator", "mosaic-alone").stderr
    assert "hint:" not in run(*words, "--generator", "mosaic").stderr
    assert run(*words, "--generator", "mosaic-alone", "-q").stderr == ""


@pytest.mark.parametrize(("generator", "lane"), MODELS.items())
def test_a_walk_takes_the_same_lane(filled: Path, tmp_path: Path, generator: str, lane: Lane) -> None:
    words = ["walk", "a house", "the sea", "--steps", 3, "--generate", "--keep", "--generator", generator]
    result = run("-L", filled, *words, "-o", tmp_path / "walk.png", "--json")
    assert [json.loads(line)["lane"] for line in result.stdout.splitlines()] == [lane] * 3
    assert result.exit_code == 0 and f"lane {lane}: " in result.stderr
    with phosphene.open(filled) as library:
        recipes = [hit.image.recipe or {} for hit in library.search(PROMPT, origin="generated")]
    assert [recipe["lane"] for recipe in recipes] == [lane] * 3


def test_a_walk_can_be_forced_into_a_lane(filled: Path, tmp_path: Path) -> None:
    words = ["walk", "a house", "the sea", "--steps", 2, "--generate", "--keep", "--generator", "mosaic"]
    for lane in (["--lane", "words"], ["--closeness", 0.25]):
        assert run("-L", filled, *words, *lane, "-o", tmp_path / "walk.png").exit_code == 0
    with phosphene.open(filled) as library:
        recipes = [hit.image.recipe or {} for hit in library.search(PROMPT, origin="generated")]
    found = sorted((recipe["lane"], recipe["closeness"]) for recipe in recipes)
    assert found == [("embedded", 0.25)] * 2 + [("words", None)] * 2


def test_a_long_walk_tells_its_progress_and_its_lane_once(opened: Open) -> None:
    shares: list[float] = []
    lanes: list[Lane] = []
    stops = opened("wash").walk(
        "a house",
        "the sea",
        10,
        generate=True,
        on_step=lambda step: shares.append(step.share),
        on_lane=lanes.append,
    )
    assert [stop.made is not None for stop in stops] == [True] * 10
    assert shares == pytest.approx([place / 10 for place in range(1, 11)]) and lanes == ["start"]


def test_a_walk_that_is_stopped_keeps_what_was_made(opened: Open) -> None:
    stops = opened("wash").walk(
        "a house", "the sea", 20, generate=True, on_step=lambda step: step.share < 0.5
    )
    assert len(stops) == 9


def test_the_vectors_of_a_library_in_the_same_space_are_used_as_they_are(
    plugins: Path, pictures: Path, tmp_path: Path
) -> None:
    url = tmp_path / "toy"
    with phosphene.open(url, model="toy", create=True, generator="mosaic") as library:
        library.add(pictures)
        [made] = library.generate(PROMPT, 1, seed=1)
        [anew] = library.generate(PROMPT, 1, seed=1, lane="embedded")
    assert (made.lane, anew.lane) == ("vectors", "embedded")
    assert made.picture.tobytes() == anew.picture.tobytes() and made.image.id != anew.image.id


# ── what has to work in each lane ─────────────────────────────────────────────────────────


def shown(library: Library, **wishes: Any) -> Picture:
    [made] = library.generate(PROMPT, 1, seed=1, **wishes)
    return made.picture


def apart(first: Picture, second: Picture) -> float:
    """The mean difference of two pictures, in grey levels."""
    return float(np.abs(np.asarray(first, dtype=np.float64) - np.asarray(second)).mean())


@EACH
def test_closeness_says_how_closely_neighbours_are_followed(opened: Open, generator: str, lane: Lane) -> None:
    library = opened(generator)
    alone = shown(library, lane="words")
    distances = [apart(alone, shown(library, closeness=closeness)) for closeness in (0.0, 0.3, 0.6, 1.0)]
    # One step is left of a start picture at the most, and the toys have only one.
    assert distances[0] == 0
    assert lane == "start" or (distances == sorted(distances) and distances[-1] > 10)


@pytest.mark.parametrize(("closeness", "strength"), [(0.25, 0.75), (1.0, 0.05), (0.0, 1.0), (None, 0.6)])
def test_of_a_start_picture_closeness_is_the_opposite_of_strength(
    opened: Open, closeness: float | None, strength: float
) -> None:
    [made] = opened("wash").generate(PROMPT, 1, seed=1, closeness=closeness, num_inference_steps=20)
    assert made.image.recipe and made.image.recipe["strength"] == strength
    assert made.image.recipe["closeness"] is None


@pytest.mark.parametrize(("generator", "lane"), MODELS.items())
def test_without_neighbours_a_picture_is_made_from_the_prompt_alone(
    opened: Open, generator: str, lane: Lane
) -> None:
    library = opened(generator)
    [made] = library.generate(PROMPT, 1, seed=1, neighbours=0)
    assert made.image.parents == () and made.lane == lane
    assert made.picture.tobytes() == shown(library, lane="words").tobytes()
    assert library.replay(made.image.id).identical


@pytest.mark.parametrize("generator", ["mosaic", "collage"])
def test_weights_are_followed_and_weight_0_leaves_a_neighbour_out(opened: Open, generator: str) -> None:
    library = opened(generator)
    planner, make = library.generation.planner, library.generation.maker.make
    plan = planner.plan(parse(PROMPT), Request(seed=1), {"neighbours": 2})

    def with_weights(*weights: float) -> Picture:
        pairs = zip(plan.request.references, weights, strict=True)
        weighted = tuple(replace(each, weight=weight) for each, weight in pairs)
        [made] = make([replace(plan, request=replace(plan.request, references=weighted))])
        return made.picture

    nearest = shown(library, neighbours=1)
    assert with_weights(1, 0).tobytes() == with_weights(2, 0).tobytes() == nearest.tobytes()
    assert apart(with_weights(3, 1), nearest) < apart(with_weights(1, 1), nearest)


@EACH
def test_thumbnails_stand_for_files_that_are_gone(
    opened: Open, pictures: Path, generator: str, lane: Lane
) -> None:
    library = opened(generator)
    files = {file: file.read_bytes() for file in pictures.iterdir()}
    for file in files:
        file.unlink()
    [made] = library.generate(PROMPT, 1, seed=1, neighbours=1)
    assert made.image.recipe and library.replay(made.image.id).identical

    for file, content in files.items():
        file.write_bytes(content)
    again = library.replay(made.image.id)
    assert again.identical and again.image.id == made.image.id and not again.differences
    [whole] = library.generate(PROMPT, 1, seed=1, neighbours=1)
    assert whole.image.id != made.image.id, "the file is another source than the thumbnail"


@pytest.mark.parametrize("generator", ["mosaic", "collage"])
def test_a_file_that_holds_another_picture_now_counts_as_gone(
    opened: Open, pictures: Path, generator: str
) -> None:
    library = opened(generator)
    for file in pictures.iterdir():
        pillow.new("RGB", (300, 200), "lime").save(file)
    [made] = library.generate(PROMPT, 1, seed=1)
    assert made.image.recipe
    assert all(parent["picture"] == "thumbnail" for parent in made.image.recipe["parents"])


def test_a_replay_says_that_files_are_gone(opened: Open, pictures: Path) -> None:
    library = opened("collage")
    [made] = library.generate(PROMPT, 1, seed=1, neighbours=3)
    for file in pictures.iterdir():
        file.unlink()
    again = library.replay(made.image.id)
    assert again.differences == ("the files of 3 neighbours are gone, so their thumbnails were used",)
    assert again.same_weights and not again.identical and again.image.id != made.image.id
    result = run("-L", library.folder, "replay", made.image.id, "--generator", "collage")
    assert "the files of 3 neighbours are gone" in result.stdout


def test_a_replay_says_which_versions_differ(opened: Open, tmp_path: Path) -> None:
    library = opened("retrieval")
    [made] = library.generate(PROMPT, 1, seed=1, candidates=1, num_inference_steps=1)
    assert made.image.recipe
    runtime = made.image.recipe["runtime"]
    assert runtime["device"] == "cpu" and runtime["torch"] == version("torch")

    recipe = {**made.image.recipe, "runtime": {**runtime, "torch": "1.0", "jax": "2"}}
    changed = made.picture.point(lambda level: level ^ 1)
    (tmp_path / "old.png").write_bytes(png(changed, texts(recipe)))
    again = library.replay(tmp_path / "old.png")
    assert again.largest_difference == 1 and again.image.id == made.image.id
    said = f"the first picture was made with torch 1.0, and this one with {version('torch')}"
    assert again.differences == (said,)


def lose_pictures(library: Library, pictures: Path, *, but: Sequence[str] = ()) -> None:
    """Delete the files and the thumbnails of all images, apart from the thumbnails of some."""
    for file in pictures.iterdir():
        file.unlink()
    images = [image for image in library.store.iterate(vectors=True) if image.id not in but]
    library.store.upsert([replace(image, thumbnail=no_picture()) for image in images])


@EACH
def test_a_lane_of_pictures_is_refused_when_none_is_left(
    opened: Open, pictures: Path, generator: str, lane: Lane
) -> None:
    library = opened(generator)
    lose_pictures(library, pictures)
    with pytest.raises(GenerationError, match="picture left") as raised:
        library.generate(PROMPT, 1, seed=1)
    assert "bring the file" in raised.value.hint
    assert shown(library, lane="words").size == (64, 48)


@pytest.mark.parametrize("generator", ["mosaic", "collage"])
def test_neighbours_without_a_picture_are_left_out(opened: Open, pictures: Path, generator: str) -> None:
    library = opened(generator)
    nearest = [hit.image.id for hit in library.search(PROMPT, 3)]
    lose_pictures(library, pictures, but=nearest[:2])
    with pytest.warns(PassedOver, match=f"these do not lead: `{nearest[2]}`"):
        [made] = library.generate(PROMPT, 1, seed=1, neighbours=3)
    assert [parent.id for parent in made.image.parents] == nearest[:2]


# ── vectors that the generator's encoder makes ────────────────────────────────────────────


class Counted:
    """An image encoder that counts the pictures that it embeds."""

    def __init__(self, encoder: Any) -> None:
        self.encoder, self.space, self.embedded = encoder, encoder.space, 0

    def prepare(self, picture: Picture) -> Pixels:
        prepared: Pixels = self.encoder.prepare(picture)
        return prepared

    def pictures(self, prepared: Sequence[Pixels]) -> Embedded:
        self.embedded += len(prepared)
        embedded: Embedded = self.encoder.pictures(prepared)
        return embedded


def counting(library: Library) -> Counted:
    generator: Any = library.generator
    counted = Counted(generator.image_encoder)
    library.generators.opened = replace(generator, image_encoder=counted)
    return counted


def test_a_neighbour_is_embedded_once(opened: Open, pictures: Path) -> None:
    first = opened("mosaic")
    encoder = counting(first)
    [made] = first.generate(PROMPT, 1, seed=1, neighbours=3)
    assert encoder.embedded == 3
    first.generate(PROMPT, 1, seed=2, neighbours=4)
    assert encoder.embedded == 4

    again = opened("mosaic")
    encoder = counting(again)
    for file in pictures.iterdir():
        file.unlink()  # what is kept needs no files
    assert again.replay(made.image.id).identical and encoder.embedded == 0
    [kept] = again.generate(PROMPT, 1, seed=1, neighbours=3)
    assert kept.image.id == made.image.id and encoder.embedded == 0


def test_vectors_that_are_not_kept_any_more_are_made_again(opened: Open, filled: Path) -> None:
    library = opened("mosaic")
    [made] = library.generate(PROMPT, 1, seed=1)
    library.close()
    (filled / "journal.sqlite").unlink()
    encoder = counting(again := opened("mosaic"))
    assert again.replay(made.image.id).identical and encoder.embedded == 6


def test_references_have_the_vectors_of_the_encoder(opened: Open) -> None:
    library = opened("mosaic")
    plan = library.generation.planner.plan(parse(PROMPT), Request(seed=1), {"neighbours": 2})
    encoder = library.generator.image_encoder
    assert encoder is not None
    assert plan.request.vectors_space == encoder.space.id != plan.request.space
    for reference in plan.request.references:
        picture = library.picture(library.get(reference.id))
        made = encoder.pictures([encoder.prepare(picture)])
        assert reference.vector == pytest.approx(made.vectors[0], abs=1e-6)
        assert reference.norm == pytest.approx(made.norms[0], rel=1e-6)
        [image] = library.store.get([reference.id], vectors=True)
        assert reference.similarity == pytest.approx(float(image.vector @ library.vector(PROMPT)), abs=1e-3)


def test_a_replay_by_another_generator_names_the_first_one(filled: Path) -> None:
    words = ["-L", filled, "generate", PROMPT, "-n", 1, "--steps", 1, "--candidates", 1]
    for generator, name in (("retrieval", "retrieval"), ("collage", "toy/collage")):
        [made] = lines(*words, "--generator", generator)
        refused = run("-L", filled, "replay", made["id"], "--generator", "wash")
        assert f"The generator `{name}` made this picture, and the generator `toy/wash`" in refused.stderr
        assert "hint: name the first one with `--generator`" in refused.stderr


def test_a_replay_without_the_encoder_says_what_is_missing(opened: Open) -> None:
    [made] = opened("mosaic").generate(PROMPT, 1, seed=1)
    with pytest.raises(GenerationError, match="the image encoder of the generator `toy/mosaic` is not on"):
        opened("mosaic-alone").replay(made.image.id)

"""A program can use the whole library, here with the built-in models and a few drawn landscapes."""

import shutil
import signal
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import phosphene
from phosphene.errors import GenerationError, LibraryError, QueryError
from phosphene.filters import IMPORTED
from phosphene.generation import Request
from phosphene.generation.neighbours import nearest
from phosphene.generators.retrieval.generator import BATCH
from phosphene.images import no_picture, open_picture
from phosphene.landscape.scenes import SEEDS, write
from phosphene.library import Library
from phosphene.query import parse
from phosphene.records import Image, Origin

PROMPT = "a red house in the snow at night"


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 120 landscapes of 96 px with their captions."""
    folder = tmp_path_factory.mktemp("drawn")
    write(folder, SEEDS["demo"][:120], size=96, workers=1)
    return folder


@pytest.fixture(scope="session")
def filled(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of them."""
    folder = tmp_path_factory.mktemp("filled") / "library"
    with phosphene.open(folder, model="landscape", create=True) as library:
        assert library.add([drawn]).added == 120
    return folder


@pytest.fixture
def library(filled: Path, tmp_path: Path) -> Iterator[Library]:
    """A copy of the library's folder."""
    shutil.copytree(filled, tmp_path / "library")
    with phosphene.open(tmp_path / "library") as library:
        yield library


def test_no_library_is_made_unless_asked(tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match="There is no library") as caught:
        phosphene.open(tmp_path / "typo")

    assert "add PATH" in caught.value.hint
    assert not (tmp_path / "typo").exists()


def test_a_library_keeps_its_space(library: Library) -> None:
    assert library.space.name == "landscape"
    assert library.status().images == library.status().imported == 120


def test_opening_counting_and_a_repeated_search_load_no_model(library: Library) -> None:
    library.search(PROMPT)

    with phosphene.open(library.folder) as again:
        hits = again.search(PROMPT)
        assert again.status().images == 120
        assert "embedder" not in vars(again)

    assert [hit.image.id for hit in hits] == [hit.image.id for hit in library.search(PROMPT)]


def test_two_prompts_give_two_rankings(library: Library) -> None:
    house, sea = (
        [hit.image.id for hit in library.search(text, 20)] for text in (PROMPT, "a boat on a sunny sea")
    )

    assert house != sea


def test_a_picture_finds_itself_by_path_and_by_id(library: Library) -> None:
    [first] = library.search(PROMPT, 1)

    assert library.search(str(library.path(first.image)), 1)[0].image.id == first.image.id
    assert library.search(f"id:{first.image.id}", 1)[0].score == pytest.approx(1, abs=1e-5)
    assert library.search(f"id:{first.image.id[:13]}", 1)[0].image.id == first.image.id


def test_unknown_ids_and_missing_pictures_are_named(library: Library) -> None:
    with pytest.raises(QueryError, match="No image has the id `nobody`"):
        library.search("id:nobody")
    with pytest.raises(QueryError, match=r"There is no picture `missing\.jpg`|`\./missing\.jpg`"):
        library.search("./missing.jpg")


def test_generated_pictures_are_found_with_their_lineage(library: Library) -> None:
    nearest = [hit.image.id for hit in library.search(PROMPT, 3)]

    made = library.generate(PROMPT, 2, neighbours=3, seed=11, num_inference_steps=2)

    assert [one.image.recipe["seed"] for one in made if one.image.recipe] == [11, 12]
    assert [parent.id for parent in made[0].image.parents] == nearest
    found = {hit.image.id: hit for hit in library.search(PROMPT, 200)}
    for one in made:
        assert found[one.image.id].image.origin == "generated"
        assert found[one.image.id].score == pytest.approx(one.score, abs=2e-3)  # the prompt was rounded
        assert library.path(one.image).exists()
        assert one.novelty is not None and one.novelty.percentile is not None
    assert {child.id for child in library.show(nearest[0]).descendants} == {one.image.id for one in made}


def test_making_the_same_again_changes_nothing(library: Library) -> None:
    first = library.generate(PROMPT, 2, seed=3, num_inference_steps=2)
    before = {one.image.id: library.path(one.image).read_bytes() for one in first}

    again = library.generate(PROMPT, 2, seed=3, num_inference_steps=2)

    assert [one.image.id for one in again] == [one.image.id for one in first]
    assert library.status().generated == 2
    assert {one.image.id: library.path(one.image).read_bytes() for one in again} == before


def test_generated_pictures_condition_only_when_asked(library: Library) -> None:
    made = {one.image.id for one in library.generate(PROMPT, 2, neighbours=2, seed=1, num_inference_steps=2)}

    def parents(origin: Origin | None) -> set[str]:
        [one] = library.generate(PROMPT, 1, neighbours=60, seed=5, num_inference_steps=1, origin=origin)
        return {parent.id for parent in one.image.parents}

    assert not parents("imported") & made
    assert made <= parents("generated")


def test_a_replay_comes_back_pixel_by_pixel(library: Library) -> None:
    [made] = library.generate(PROMPT, 1, seed=9, num_inference_steps=2)

    by_id, by_file = library.replay(made.image.id), library.replay(library.path(made.image))

    for replayed in (by_id, by_file):
        assert replayed.image.id == made.image.id
        assert replayed.largest_difference is not None and replayed.largest_difference <= 1
        assert replayed.cosine == pytest.approx(1, abs=1e-3)
        assert replayed.same_weights
    assert library.status().generated == 1


def test_a_replay_without_its_parents_is_refused_with_their_ids(library: Library) -> None:
    [made] = library.generate(PROMPT, 1, neighbours=2, seed=9, num_inference_steps=1)
    parent = made.image.parents[0].id
    library.remove([parent])

    with pytest.raises(GenerationError, match=parent):
        library.replay(made.image.id)

    assert library.show(made.image.id).parents[0] == parent


def test_an_added_picture_has_no_recipe_to_replay(library: Library) -> None:
    [hit] = library.search(PROMPT, 1)

    with pytest.raises(QueryError, match="was added and not generated"):
        library.replay(hit.image.id)


def test_an_init_image_is_kept_where_its_mask_is_black(library: Library, tmp_path: Path) -> None:
    from PIL import Image

    [hit] = library.search(PROMPT, 1)
    mask = Image.new("L", (64, 64), 0)
    mask.paste(255, (32, 0, 64, 64))
    mask.save(tmp_path / "mask.png")

    [made] = library.generate(
        PROMPT, 1, init=hit.image.id, mask=tmp_path / "mask.png", seed=2, num_inference_steps=2
    )

    start = library.picture(hit.image).resize(made.picture.size, Image.Resampling.LANCZOS)
    left = made.picture.width // 2 - 8
    assert np.array_equal(np.asarray(made.picture)[:, :left], np.asarray(start)[:, :left])
    assert not np.array_equal(np.asarray(made.picture), np.asarray(start))
    assert library.replay(made.image.id).largest_difference in (0, 1)


def test_a_walk_stores_nothing_unless_asked(library: Library) -> None:
    stops = library.walk(PROMPT, "a boat on a sunny sea", 3, generate=True, seed=1)

    assert [stop.t for stop in stops] == [0, 0.5, 1]
    assert all(stop.made and stop.hit for stop in stops)
    assert library.status().generated == 0

    library.walk(PROMPT, "a boat on a sunny sea", 3, generate=True, keep=True, seed=1)

    assert library.status().generated == 3


def test_a_negative_leads_elsewhere(library: Library) -> None:
    plain, led = (
        library.generate(PROMPT, 1, seed=4, num_inference_steps=2, negative=negative)[0]
        for negative in ((), ("a tree",))
    )

    assert plain.image.id != led.image.id
    assert not np.array_equal(np.asarray(plain.picture), np.asarray(led.picture))


@pytest.mark.parametrize("negatives", [("snow",), ("snow", "night")])
def test_a_negative_changes_the_neighbours(library: Library, negatives: tuple[str, ...]) -> None:
    """A picture starts from these neighbours. The similarity in its lineage is still that to the prompt."""
    planner = library.generation.planner
    target, avoided = library.vector("a house"), [library.vector(words) for words in negatives]
    plain = planner.references(nearest(library.store, target, 6, IMPORTED), target)
    led = planner.references(nearest(library.store, target, 6, IMPORTED, avoided), target)
    for negative in avoided:
        assert np.mean([near.vector @ negative for near in led]) < np.mean(
            [near.vector @ negative for near in plain]
        )
    assert all(near.similarity == pytest.approx(float(near.vector @ target), abs=1e-6) for near in led)
    assert np.mean([near.similarity for near in led]) > np.mean([near.similarity for near in plain]) - 0.1

    [made] = library.generate("a house", 1, seed=4, num_inference_steps=1, candidates=1, negative=negatives)
    assert [parent.id for parent in made.image.parents] == [near.id for near in led]


@pytest.mark.parametrize("negative", [PROMPT, "a red house in the snow by night"])
def test_a_negative_that_means_the_prompt_is_refused(library: Library, negative: str) -> None:
    with pytest.raises(QueryError, match="means the same as the prompt") as raised:
        library.generate(PROMPT, 1, seed=4, num_inference_steps=1, negative=["trees", negative])
    assert negative in raised.value.message
    assert raised.value.hint


def test_stopping_keeps_finished_pictures(library: Library) -> None:
    calls = []

    def stop_in_the_second_batch(step: phosphene.generation.Step) -> bool:
        calls.append(step.index)
        return len(calls) < 3

    made = library.generate(
        PROMPT, 4, candidates=4, seed=4, neighbours=0, num_inference_steps=2, on_step=stop_in_the_second_batch
    )

    assert len(made) == BATCH // 4 == library.status().generated


def test_ctrl_c_while_pictures_are_stored_lets_that_finish(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    upsert = library.store.upsert

    def interrupted(images: Sequence[Image]) -> None:
        if images:
            signal.raise_signal(signal.SIGINT)
        upsert(images)

    monkeypatch.setattr(library.store, "upsert", interrupted)
    with pytest.raises(KeyboardInterrupt):
        library.generate(PROMPT, 1, candidates=1, seed=4, num_inference_steps=1)

    [hit] = library.search(PROMPT, origin="generated")
    assert open_picture(library.folder / hit.image.uri).size == (256, 256)


def test_of_the_candidates_one_that_is_near_to_the_prompt_is_kept(library: Library) -> None:
    kept = library.generate(PROMPT, 4, candidates=4, seed=1, num_inference_steps=4)
    request = Request(seed=1, num_inference_steps=4)
    plan = library.generation.planner.plan(parse(PROMPT), request, {"candidates": 1})
    plans = [
        replace(plan.with_seed(seed), candidate=candidate) for seed in range(1, 5) for candidate in range(4)
    ]
    scores = np.array([one.score for one in library.generation.maker.make(plans)]).reshape(4, 4)

    chosen = [one.image.recipe["candidate"] if one.image.recipe else 0 for one in kept]
    assert [one.score for one in kept] == pytest.approx(list(scores[range(4), chosen]), abs=1e-3)
    assert (
        scores[range(4), chosen].mean() > scores.mean()
    )  # the latent encoder's guess, and the space's own score
    assert library.status().generated == 4
    assert library.replay(kept[0].image.id).largest_difference in (0, 1)


def test_a_picture_that_starts_from_neighbours_says_so_and_replays(library: Library) -> None:
    near, noise = (
        library.generate(PROMPT, 1, candidates=1, seed=3, num_inference_steps=2, neighbour_strength=strength)[
            0
        ]
        for strength in (0.5, 1.0)
    )

    for made, strength in ((near, 0.5), (noise, 1.0)):
        assert made.image.recipe and made.image.recipe["settings"]["neighbour_strength"] == strength
    assert near.image.id != noise.image.id
    for made in (near, noise):
        assert library.replay(made.image.id).identical


def test_a_stand_in_for_a_picture_is_no_init_image(library: Library) -> None:
    ids = [hit.image.id for hit in library.search(PROMPT, 2, origin="imported")]
    images = library.store.get(ids, vectors=True)
    library.store.upsert([replace(image, thumbnail=no_picture()) for image in images])

    [made] = library.generate(PROMPT, 1, candidates=1, seed=3, num_inference_steps=1)

    assert made.image.recipe and made.image.recipe["settings"]["neighbour_strength"] == 1.0


def test_without_a_choice_the_seed_decides(library: Library) -> None:
    first, second = (
        library.generate(PROMPT, 1, candidates=n, seed=1, num_inference_steps=2)[0] for n in (1, 3)
    )

    assert first.image.recipe is not None and first.image.recipe["candidate"] == 0
    assert second.score >= first.score - 0.05


def test_a_map_holds_every_image_within_its_frame(library: Library) -> None:
    drawn = library.map()

    assert len(drawn.points) == 120
    assert all(0 <= point.x <= 1 and 0 <= point.y <= 1 for point in drawn.points)


def test_a_moved_library_finds_its_generated_pictures(library: Library, tmp_path: Path) -> None:
    [made] = library.generate(PROMPT, 1, seed=4, num_inference_steps=1)
    library.close()
    shutil.move(tmp_path / "library", tmp_path / "moved")

    with phosphene.open(tmp_path / "moved") as moved:
        picture = moved.picture(moved.get(made.image.id))

    assert np.array_equal(np.asarray(picture), np.asarray(made.picture))


def test_a_picture_whose_file_is_gone_shows_its_thumbnail(
    library: Library, drawn: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.png"
    open_picture(next(drawn.glob("*.png"))).rotate(3).save(copy)
    library.add([copy])
    copy.unlink()

    [gone] = library.missing().gone

    assert library.picture(gone).size == (96, 96)
    assert library.remove([gone.id]) == 1
    assert library.missing().gone == ()


def test_another_space_is_refused_with_both_names(library: Library, tmp_path: Path) -> None:
    from phosphene.embedding import open_embedder
    from phosphene.manifest import Manifest
    from phosphene.records import Space

    real = open_embedder("landscape").space
    Manifest(Space("other:0", "landscape", real.dimension)).write(library.folder)
    library.close()

    with pytest.raises(LibraryError) as caught, phosphene.open(library.folder) as other:
        other.search("something new")

    assert "other:0" in caught.value.message and real.id in caught.value.message

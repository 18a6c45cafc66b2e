"""The quality bench counts correctly, with the judge that it uses and the interval that it reports."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL.Image import Resampling

BENCH = Path(__file__).parent.parent / "bench"
sys.path.insert(0, str(BENCH))  # its files are scripts, not a package

import grid  # noqa: E402
import judge  # noqa: E402
import made  # noqa: E402
import negative  # noqa: E402
import pool as pools  # noqa: E402
import quality  # noqa: E402
import train_judge  # noqa: E402

from phosphene.landscape.scenes import SEEDS, captions, compose, draw, labels  # noqa: E402

TINY = quality.Extent(pool=40, pairs=20, captions=2, prompts=1, trained=100)
FRESH = SEEDS["demo"][5000:5048]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("quality")


@pytest.fixture(scope="module")
def figures(folder: Path) -> Iterator[dict[str, dict[str, Any]]]:
    yield quality.measure(TINY, None, folder)


def test_the_judge_finds_most_named_attributes_in_real_pictures() -> None:
    tasks = [pools.Task("", captions(compose(seed))[-1].names) for seed in FRESH]
    seen = judge.shown([draw(compose(seed)) for seed in FRESH])
    assert pools.share(pools.found(tasks, seen)) > 0.93  # 0.976 of 1,000 held-out scenes


def test_the_judge_is_small_enough_to_be_committed() -> None:
    assert judge.JUDGE.stat().st_size < 5_000_000


def test_the_questions_to_the_judge_cover_every_label() -> None:
    for seed in range(500):
        true = labels(compose(seed))
        best = {
            name: max(place, 0)
            for name, place in zip(judge.QUESTIONS, judge.answers(compose(seed)), strict=True)
        }
        assert judge.said(best) == true


def test_a_judge_is_the_same_after_writing_and_reading(tmp_path: Path) -> None:
    pictures = [draw(compose(seed), 64) for seed in FRESH[:4]]
    judge.write(judge.read(judge.JUDGE), tmp_path / "again.safetensors", minutes="1")
    assert judge.shown(pictures, judge.read(tmp_path / "again.safetensors")) == judge.shown(pictures)


def test_a_judge_learns(tmp_path: Path) -> None:
    train_judge.train_judge(0.02, 16, 1, tmp_path / "twin.safetensors", folder=tmp_path, chunk=8)
    assert judge.read(tmp_path / "twin.safetensors").width == judge.WIDTHS[1]
    assert (tmp_path / "twin" / "log.jsonl").read_text().count("loss") >= 1


def test_a_spoilt_picture_still_shows_its_scene() -> None:
    random = np.random.default_rng(0)
    picture = judge.seen(draw(compose(3)))
    spoilt = np.stack([train_judge.spoilt(np.asarray(picture), random) for _ in range(20)]).astype(float)
    assert spoilt.shape == (20, judge.SIDE, judge.SIDE, 3)
    assert np.abs(spoilt.mean(0) - np.asarray(picture)).mean() < 16  # grey levels
    assert spoilt.std(0).mean() > 1


def test_no_judge_has_seen_a_scene_of_the_bench_or_of_the_generator() -> None:
    own = [set(range(first, first + 500_000)) for first in train_judge.FIRST]
    others = set(quality.TRAINED) | set(SEEDS["test"]) | set(SEEDS["choice"]) | set(SEEDS["demo"])
    assert own[0].isdisjoint(own[1])
    assert all(one.isdisjoint(others) for one in own)


def test_the_figures_have_the_promised_names(figures: dict[str, dict[str, Any]]) -> None:
    assert set(figures) == {"retrieval", "generation"}
    assert {"r1", "r10", "attributes_at_1", "pairs", "captions", "pool"} <= set(figures["retrieval"])
    promised = {"judge_on_real", "judge_on_text", "judge_on_text_and_neighbours", "gain", "near_copies"}
    assert promised | {"captions", "pool", "trained"} <= set(figures["generation"])


def test_shares_lie_between_none_and_all(figures: dict[str, dict[str, Any]]) -> None:
    generation = figures["generation"]
    shares = [value for name, value in generation.items() if name.startswith("judge_on")]
    shares += [generation["near_copies"], *(figures["retrieval"][name] for name in ("r1", "r10"))]
    assert len(shares) == 7
    assert all(0 <= value <= 1 for value in shares)
    low, high = generation["gain"]
    assert -1 <= low <= generation["judge_on_text_and_neighbours"] - generation["judge_on_text"] <= high <= 1


def test_real_pictures_are_judged_by_their_own_captions(figures: dict[str, dict[str, Any]]) -> None:
    assert figures["generation"]["judge_on_real"] > 0.8
    assert figures["generation"]["captions"] == TINY.captions


def test_the_grid_is_one_picture_of_all_prompts(folder: Path, figures: dict[str, dict[str, Any]]) -> None:
    pool = pools.filled(folder / f"pool-{TINY.pool}", SEEDS["test"][: TINY.pool])
    sheet = grid.grid(pool, pools.handwritten()[:1])
    assert sheet.width > 2 * 3 * grid.SIDE
    assert sheet.reduce(8).getcolors(1) is None  # something is on it


def test_a_texts_own_picture_is_not_its_neighbour(folder: Path, figures: dict[str, dict[str, Any]]) -> None:
    pool = pools.filled(folder / f"pool-{TINY.pool}", SEEDS["test"][: TINY.pool])
    for seed in pool.seeds[:5]:
        assert seed not in pool.nearest(pools.caption_of(seed), TINY.pool)


def test_the_interval_of_a_gain_that_never_varies_is_that_gain() -> None:
    before, after = [[True, False]] * 20, [[True, True]] * 20
    assert made.interval(before, after) == [0.5, 0.5]
    assert made.interval(before, before) == [0.0, 0.0]


def test_all_pictures_of_a_text_are_drawn_together() -> None:
    answers = [[True], [False], [False, False], [True, False]]
    assert made.by_text(answers, 2) == [[True, False], [False, False, True, False]]


def test_the_interval_is_as_wide_as_a_binomial_says() -> None:
    before, after = [[False]] * 400, [[True]] * 100 + [[False]] * 300
    low, high = made.interval(before, after)
    spread = 1.96 * (0.25 * 0.75 / 400) ** 0.5
    assert (low, high) == pytest.approx((0.25 - spread, 0.25 + spread), abs=0.006)


def test_handwritten_prompts_name_attributes_that_scenes_can_show() -> None:
    tasks = pools.handwritten()
    known = {(name, value) for name, values in judge.QUESTIONS.items() for value in values}
    known |= {("thing", kind) for kind in judge.KINDS}
    assert len(tasks) == len({task.text for task in tasks}) == 60
    assert all(task.names and set(task.names) <= known for task in tasks)
    assert len(set(pools.elsewhere())) == 60


def test_negatives_name_attributes_that_their_prompts_leave_open() -> None:
    pairs = negative.pairs()
    known = {(name, value) for name, values in judge.QUESTIONS.items() for value in values}
    known |= {("thing", kind) for kind in judge.KINDS}
    assert len(pairs) == len({pair.task.text for pair in pairs}) == 50
    assert all({pair.shows, *pair.task.names} <= known for pair in pairs)
    assert all(pair.shows not in pair.task.names for pair in pairs)


def test_the_effect_and_the_cost_of_negatives_are_counted(
    folder: Path, figures: dict[str, dict[str, Any]]
) -> None:
    pool = pools.filled(folder / f"pool-{TINY.pool}", SEEDS["test"][: TINY.pool])
    counted = negative.measure(pool, negative.pairs()[:2], 1)
    shares = [counted[f"{what}_{way}"] for what in ("shown", "rest") for way in ("without", "with")]
    assert all(0 <= value <= 1 for value in shares)
    assert (counted["prompts"], counted["pictures"]) == (2, 4)
    assert pool.library.status().generated == 0


def test_layouts_are_alike_where_light_and_dark_are() -> None:
    picture = draw(compose(1))
    smaller = picture.resize((64, 64), Resampling.BOX)
    assert made.coarse(picture) == pytest.approx(made.coarse(smaller), abs=2.5)


def test_every_figure_has_a_line() -> None:
    figures = {"generation": {"gain": [0.0, 0.25], "by_kind": {"land": {"named": 3, "real": 0.98765}}}}
    assert dict(quality.flat(figures)) == {
        "generation gain": "0.000, 0.250",
        "generation by_kind land": "named 3, real 0.988",
    }

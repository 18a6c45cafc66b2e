import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phosphene.errors import VectorError
from phosphene.vectors import NEGATIVE_SHARE, blend, principal_axes, slerp, steer_away, unit


def random_units(count: int, dimension: int = 8, seed: int = 0) -> np.ndarray:
    return unit(np.random.default_rng(seed).standard_normal((count, dimension)))


@given(st.integers(0, 1000), st.floats(0, 1))
def test_every_point_of_a_walk_is_a_unit_vector_in_the_plane_of_its_ends(seed: int, t: float) -> None:
    start, end = random_units(2, seed=seed)

    point = slerp(start, end, t)

    assert np.linalg.norm(point) == pytest.approx(1, abs=1e-5)
    along = np.linalg.lstsq(np.stack([start, end], axis=1), point, rcond=None)[0]
    assert np.stack([start, end], axis=1) @ along == pytest.approx(point, abs=1e-4)


def test_a_walk_starts_and_ends_at_its_ends() -> None:
    start, end = random_units(2)

    assert slerp(start, end, 0) == pytest.approx(start, abs=1e-6)
    assert slerp(start, end, 1) == pytest.approx(end, abs=1e-6)


def test_half_way_is_equally_far_from_both_ends() -> None:
    start, end = random_units(2)

    half = slerp(start, end, 0.5)

    assert half @ start == pytest.approx(float(half @ end), abs=1e-6)


def test_a_walk_between_equal_vectors_stays_there() -> None:
    [start] = random_units(1)

    assert slerp(start, start, 0.3) == pytest.approx(start, abs=1e-6)


def test_no_walk_between_opposite_vectors() -> None:
    [start] = random_units(1)

    with pytest.raises(VectorError, match="opposite"):
        slerp(start, -start, 0.5)


def test_a_zero_vector_has_no_direction() -> None:
    with pytest.raises(VectorError, match="no direction"):
        unit(np.zeros((2, 3)))


def test_a_blend_of_one_vector_is_that_vector_whatever_its_weight() -> None:
    [vector] = random_units(1)

    assert blend(vector[None], [3.0]) == pytest.approx(vector, abs=1e-6)


def test_parts_that_cancel_out_are_refused() -> None:
    [vector] = random_units(1)

    with pytest.raises(VectorError, match="cancel each other out"):
        blend(np.stack([vector, vector]), [1.0, -1.0])


def test_principal_axes_find_the_directions_of_most_variance() -> None:
    random = np.random.default_rng(0)
    points = random.standard_normal((500, 5)) * np.array([0.1, 5.0, 0.1, 2.0, 0.1])

    _, axes = principal_axes(points.astype(np.float32))

    assert abs(axes[0, 1]) > 0.99
    assert abs(axes[1, 3]) > 0.99
    assert axes @ axes.T == pytest.approx(np.eye(2), abs=1e-5)


def test_principal_axes_never_flip() -> None:
    points = random_units(50)

    _, axes = principal_axes(points)
    _, again = principal_axes(points[::-1].copy())

    assert axes == pytest.approx(again, abs=1e-4)


def test_similarity_to_a_negative_is_subtracted_by_its_share() -> None:
    target, avoided, *images = random_units(12)
    asked = steer_away(target, [avoided])
    share = np.linalg.norm(target - NEGATIVE_SHARE * avoided)
    for image in images:
        assert asked @ image * share == pytest.approx(
            image @ target - NEGATIVE_SHARE * image @ avoided, abs=1e-6
        )


def test_many_negatives_do_not_outweigh_the_target() -> None:
    target = random_units(1)[0]
    for count in (1, 2, 5, 20):
        same = steer_away(target, [unit(target + 0.5 * other) for other in random_units(count, seed=1)])
        apart = steer_away(target, list(random_units(count, seed=2)))
        assert np.linalg.norm(same) == pytest.approx(1, abs=1e-6)
        assert apart @ target > 0.7

"""The schedulers of families that were trained by flow matching."""

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np
import pytest

from phosphene.generators.diffusers.families import FAMILIES
from phosphene.generators.diffusers.generator import DiffusersGenerator
from tiny_families import Folder, a_request, apart, generator, pixels

pytestmark = pytest.mark.usefixtures("no_network")
BETTER = [("flux1", "flow-unipc"), ("sd3", "flow-unipc"), ("sd3", "flow-heun"), ("flux2-klein", "flow-unipc")]
Open = Callable[[str], DiffusersGenerator]


@pytest.fixture(scope="module")
def opened(checkpoint: Folder) -> Open:
    return cache(partial(generator, checkpoint))


def test_solvers_of_a_higher_order_are_offered_where_they_work() -> None:
    offered = {
        (family.name, name)
        for family in FAMILIES.values()
        for name in family.schedulers
        if name in ("flow-unipc", "flow-heun")
    }
    assert offered == set(BETTER)


@pytest.mark.parametrize(("family", "name"), BETTER)
def test_they_need_fewer_steps_than_euler(opened: Open, family: str, name: str) -> None:
    """All of them solve one equation, whose solution Euler reaches with many steps."""
    made = opened(family)
    request = a_request(made, references=())

    def picture(scheduler: str, steps: int) -> Any:
        asked = replace(request, num_inference_steps=steps, options={"scheduler": scheduler})
        return pixels(made, asked)[0]

    solution = picture("flow-euler", 100)
    theirs, eulers = (np.abs(picture(each, 6) - solution).mean() for each in (name, "flow-euler"))
    assert theirs < eulers


@pytest.mark.parametrize(("family", "name"), BETTER)
def test_they_work_in_every_mode_without_advice(
    opened: Open, family: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    made = opened(family)
    caplog.set_level(logging.WARNING)
    for mode in FAMILIES[family].pipelines:
        request = a_request(made, mode, num_inference_steps=4, options={"scheduler": name})
        first, second = pixels(made, request, replace(request, seed=2))
        assert apart(first, second) > 1
    assert [record.message for record in caplog.records if "config attributes" in record.message] == []

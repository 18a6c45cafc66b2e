"""The conformance suite of generators, which tests the promises of the Protocol Generator."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image as pillow
from PIL.Image import Image as Picture

from phosphene.errors import GenerationError
from phosphene.generation import Generator, Mode, Reference, Request, Step
from phosphene.generation.checks import completed
from phosphene.vectors import unit

SMALL = 4  # neighbours of a request, if the generator takes that many


def request_for(generator: Generator, mode: Mode = "text-to-image", **changes: Any) -> Request:
    """A small request that the generator allows. It fills every lane."""
    can, random = generator.capabilities, np.random.default_rng(7)
    vectors = unit(random.standard_normal((SMALL + 1, can.dimension or 8)).astype(np.float32))
    init = pillow.fromarray(random.integers(0, 256, (can.size[1], can.size[0], 3), dtype=np.uint8))
    mask = pillow.new("L", init.size, 0)
    mask.paste(255, (0, 0, init.width // 2, init.height))
    near = [
        Reference(f"n{place}", vector, 10.0, 1.0, 0.5, lambda side: init.copy())
        for place, vector in enumerate(vectors[1:])
    ]
    request = Request(
        seed=5,
        prompt="a red house",
        space=can.space,
        vector=vectors[0],
        references=tuple(near[: can.max_references]),
        init=None if mode == "text-to-image" else init,
        mask=mask if mode == "inpainting" else None,
        num_inference_steps=2,
    )
    return replace(request, **changes)


class GeneratorTests:
    """The tests of the promises that the Protocol `phosphene.generation.Generator` makes.

    The fixture `generator` returns the generator. If opening takes long, define the fixture outside of
    the class with `scope="module"`. The requests follow from the generator's capabilities.
    """

    def test_its_capabilities_agree_with_each_other(self, generator: Generator) -> None:
        can = generator.capabilities
        assert can.name and can.weights and can.reads and can.modes
        assert (can.space is None) == (can.dimension is None)
        assert (can.space is not None) == bool(can.reads & {"prompt_vector", "vectors"})
        assert can.max_references == 0 or can.reads & {"vectors", "pictures"}
        assert all(side % can.multiple == 0 for side in can.size)
        assert can.candidates >= 1 and can.num_inference_steps >= 1
        assert all(word == word.lower() for word in can.vocabulary or ())
        for name, option in can.options.items():
            assert option.checked(name, option.default) == option.default

    def test_every_mode_makes_a_picture_of_the_default_size(self, generator: Generator) -> None:
        for mode in generator.capabilities.modes:
            [made] = generator.generate([request_for(generator, mode)])
            assert made.picture().size == generator.capabilities.size, mode

    def test_the_same_request_gives_the_same_picture(self, generator: Generator) -> None:
        first, second = (_only(generator, request_for(generator)) for _ in range(2))
        assert first.tobytes() == second.tobytes()

    def test_another_seed_gives_another_picture(self, generator: Generator) -> None:
        pictures = {_only(generator, request_for(generator, seed=seed)).tobytes() for seed in range(3)}
        assert len(pictures) > 1

    def test_pictures_come_in_order_and_depend_on_their_own_request_alone(self, generator: Generator) -> None:
        """In a batch, a value may round to the next grey level."""
        requests = [request_for(generator, mode, seed=seed) for mode in _modes(generator) for seed in (1, 2)]
        together = [made.picture() for made in generator.generate(requests)]
        assert len(together) == len(requests)
        for request, picture in zip(requests, together, strict=True):
            assert _apart(picture, _only(generator, request)) <= 1

    def test_its_settings_are_data_and_make_the_picture_again(self, generator: Generator) -> None:
        [made] = generator.generate([request_for(generator)])
        settings = json.loads(json.dumps(dict(made.settings)))
        again = _only(generator, request_for(generator, options=settings))
        assert made.picture().tobytes() == again.tobytes()

    def test_a_vector_that_it_guesses_has_length_one(self, generator: Generator) -> None:
        [made] = generator.generate([request_for(generator)])
        if made.vector is not None:
            assert made.vector.shape == (generator.capabilities.dimension,)
            assert abs(float(np.linalg.norm(made.vector)) - 1) < 1e-3

    def test_progress_ends_at_one_and_can_be_previewed(self, generator: Generator) -> None:
        steps: list[Step] = []
        list(generator.generate([request_for(generator)], on_step=steps.append))
        assert [step.share for step in steps] == sorted(step.share for step in steps)
        assert steps[-1].share == pytest.approx(1)
        assert all(isinstance(picture, Picture) for picture in steps[0].preview())

    def test_on_step_that_returns_false_stops_it(self, generator: Generator) -> None:
        asked = generator.generate([request_for(generator)], on_step=lambda step: False)
        assert list(asked) == []

    @pytest.mark.parametrize(
        ("changes", "says"),
        [
            ({"options": {"no_such_option": 1}}, "no option `no_such_option`"),
            ({"num_inference_steps": 0}, "steps"),
            ({"guidance_scale": -1.0}, "guidance"),
            ({"strength": 2.0}, "strength"),
            ({"size": (7, 7)}, "7x7"),
            ({"fit": "squash"}, "squash"),
            ({"mask": pillow.new("L", (8, 8), 255)}, "mask"),
        ],
    )
    def test_wrong_requests_are_refused_before_anything_is_made(
        self, generator: Generator, changes: dict[str, Any], says: str
    ) -> None:
        steps: list[Step] = []
        requests = [request_for(generator), request_for(generator, **changes)]
        with pytest.raises(GenerationError) as raised:
            list(generator.generate(requests, on_step=steps.append))
        assert says in raised.value.message and raised.value.hint and not steps

    def test_modes_that_it_does_not_name_are_refused(self, generator: Generator) -> None:
        for mode in {"image-to-image", "inpainting"} - generator.capabilities.modes:
            with pytest.raises(GenerationError, match=mode):
                list(generator.generate([request_for(generator, mode)]))  # type: ignore[arg-type]

    def test_vectors_of_another_space_are_refused_or_not_read(self, generator: Generator) -> None:
        request = request_for(generator, space="other:1")
        if generator.capabilities.space is None:
            assert _only(generator, request).size == generator.capabilities.size
        else:
            with pytest.raises(GenerationError, match="other:1"):
                list(generator.generate([request]))

    def test_too_many_references_are_refused(self, generator: Generator) -> None:
        many = (Reference("n", np.zeros(generator.capabilities.dimension or 8, dtype=np.float32)),)
        request = request_for(generator, references=many * (generator.capabilities.max_references + 1))
        with pytest.raises(GenerationError, match="at most"):
            list(generator.generate([request]))

    def test_a_reference_of_weight_0_counts_as_left_out(self, generator: Generator) -> None:
        request = request_for(generator)
        for count in range(1, len(request.references)):
            kept, others = request.references[:count], request.references[count:]
            weightless = tuple(replace(reference, weight=0.0) for reference in others)
            alone = _only(generator, replace(request, references=kept))
            assert _apart(_only(generator, replace(request, references=kept + weightless)), alone) <= 1

    def test_defaults_fill_the_gaps_of_a_request(self, generator: Generator) -> None:
        whole = completed(request_for(generator, num_inference_steps=None), generator.capabilities)
        assert whole.size == generator.capabilities.size
        assert whole.num_inference_steps == generator.capabilities.num_inference_steps
        assert set(whole.options) == set(generator.capabilities.options)


def _modes(generator: Generator) -> list[Mode]:
    return sorted(generator.capabilities.modes)


def _only(generator: Generator, request: Request) -> Picture:
    [made] = generator.generate([request])
    return made.picture()


def _apart(first: Picture, second: Picture) -> int:
    """The largest difference between two pictures in grey levels."""
    return int(np.abs(np.asarray(first, dtype=np.int16) - np.asarray(second, dtype=np.int16)).max())

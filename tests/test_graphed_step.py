"""A step on a GPU: it learns what a step on a CPU learns, and a CUDA graph can hold it.

No GPU is needed. Tensors without content take the operations of a step, and raise an error where a step asks
one of them for its value, which is what a graph forbids.
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode

from phosphene.errors import ModelError
from phosphene.nets.autoencoder import Autoencoder
from phosphene.nets.denoiser import NEIGHBOUR, OWN, TEXT, Denoiser
from phosphene.nets.latent_encoder import LatentEncoder
from phosphene.training import autoencoder, denoiser, latent_encoder
from phosphene.training.budget import Budget, cosine
from phosphene.training.dataset import LatentDataset
from phosphene.training.denoiser import new_denoiser, train_denoiser
from phosphene.training.ema import ema_of
from phosphene.training.graphed_step import GraphedStep
from phosphene.training.lessons import DROPOUT, MAX_NEIGHBOURS, OWN_SHARE, LatentBatch, ResidentDataset, draw
from phosphene.training.optimizers import muon
from phosphene.training.run import Run
from phosphene.training.trainer import Trainer
from test_training_diffusion import TINY, colour_dataset, tiny_autoencoder, tiny_latent_encoder

CPU = torch.device("cpu")
BATCH = 8
RATES = {"muon": 0.02, "adamw": 2e-3}


@pytest.fixture(scope="module")
def dataset() -> LatentDataset:
    return colour_dataset()


def batches(dataset: LatentDataset) -> Callable[[], LatentBatch]:
    return partial(draw, dataset, np.random.default_rng(5), BATCH)


def whole(model: nn.Module) -> Tensor:
    return torch.cat([weights.detach().flatten().clone() for weights in model.parameters()])


def test_a_graphed_step_learns_what_a_shared_one_learns(tmp_path: Path, dataset: LatentDataset) -> None:
    torch.manual_seed(0)
    shared, graphed = (new_denoiser(dataset, TINY) for _ in range(2))
    graphed.load_state_dict(shared.state_dict())
    start = whole(shared)
    budget = Budget(steps=2)
    trainers: list[Trainer[Denoiser, LatentBatch]] = [
        Trainer(model, tmp_path / name, budget, {}, ends=(model.conv_in, model.conv_out))
        for name, model in (("shared", shared), ("graphed", graphed))
    ]
    loss = partial(denoiser.share_of_loss, shared, BATCH)
    for _ in trainers[0].steps(batches(dataset), loss):
        pass
    other = trainers[1]
    step = GraphedStep(
        graphed, other.ema, other.optimizers, RATES, 0.999,
        batches(dataset), partial(denoiser.share_of_loss, graphed, BATCH),
    )  # fmt: skip
    for each in other.run:
        step(each.progress)
    ways = [whole(trainers[0].model) - start, whole(trainers[0].averaged) - start]
    its = [whole(other.model) - start, whole(other.averaged) - start]
    for way, other_way in zip(ways, its, strict=True):
        assert (way - other_way).norm() < 0.01 * way.norm()  # Muon rounds to bfloat16
    assert int(other.ema.n_averaged) == 2


def fake_steps(dataset: LatentDataset) -> Iterator[tuple[nn.Module, Callable[[], Any], Callable[[Any], Any]]]:
    """Every network with the functions that draw and learn on a GPU."""
    resident = ResidentDataset.of(dataset, CPU)
    model = new_denoiser(dataset, TINY)
    yield model, partial(resident.draw, BATCH), partial(denoiser.share_of_loss, model, BATCH)
    encoder: LatentEncoder = tiny_latent_encoder()
    there = partial(latent_encoder.draw_there, resident.latents, resident.own)
    yield encoder, there, partial(latent_encoder.share_of_loss, encoder, BATCH)
    coder: Autoencoder = tiny_autoencoder()
    pictures = torch.zeros(5, 64, 64, 3, dtype=torch.uint8)
    there_too = partial(autoencoder.draw_there, pictures, 4, 4)
    yield coder, there_too, partial(autoencoder.share_of_loss, coder, BATCH)


def test_no_step_asks_for_a_value(dataset: LatentDataset) -> None:
    mode = FakeTensorMode(allow_non_fake_inputs=True)
    for model, there, loss in fake_steps(dataset):
        step = GraphedStep(model, ema_of(model), {}, {}, 0.999, there, loss)
        with mode:
            step.take()
    with mode, pytest.raises(DataDependentOutputException):
        float(torch.ones(()))  # so the mode would have told


def test_the_updates_of_a_gpu_ask_for_no_value() -> None:
    with FakeTensorMode(), torch.device("cuda"):
        weights = [nn.Parameter(torch.randn(shape)) for shape in ((8, 8), (8, 4, 3, 3), (2, 8), (8,))]
        rate = torch.zeros(())
        optimizers = [
            muon(weights[:3], capturable=True),
            torch.optim.AdamW(weights[3:], betas=(0.9, 0.99), capturable=True),
        ]
        for each in weights:
            each.grad = torch.randn(each.shape)
        for optimizer in optimizers:
            optimizer.param_groups[0]["lr"] = rate
            optimizer.step()
            optimizer.step()


def test_a_gpu_draws_from_the_distribution_of_a_cpu(dataset: LatentDataset) -> None:
    torch.manual_seed(0)
    there, here = ResidentDataset.of(dataset, CPU).draw(8000), draw(dataset, np.random.default_rng(0), 8000)
    for name in ("clean", "noisy", "sigma", "vectors", "weights"):
        mine, its = (getattr(batch, name).float().flatten(1) if name != "sigma" else batch.sigma[:, None]
                     for batch in (there, here))  # fmt: skip
        torch.testing.assert_close(mine.mean(0), its.mean(0), rtol=0, atol=0.05)
        torch.testing.assert_close(mine.std(0), its.std(0), rtol=0, atol=0.05)
    assert abs(float((there.kinds[:, 0] == OWN).float().mean()) - OWN_SHARE) < 0.03
    assert set(there.kinds[:, 0].tolist()) == {OWN, TEXT}
    assert set(there.kinds[:, 1:].flatten().tolist()) == {NEIGHBOUR}
    told = there.weights > 0
    assert abs(float((~told.any(1)).float().mean()) - DROPOUT * (1 + 2 / (MAX_NEIGHBOURS + 1))) < 0.03


def test_a_gpu_draws_captions_and_neighbours_of_the_right_pictures(dataset: LatentDataset) -> None:
    resident = ResidentDataset.of(dataset, CPU)
    chosen = torch.arange(len(dataset))
    vectors, kinds, weights = resident.tokens(chosen)
    for row in range(len(dataset)):
        said = [dataset.texts[place] for place in dataset.captions_of(row)]
        own = np.array_equal(vectors[row, 0], dataset.own[row])
        assert own if kinds[row, 0] == OWN else any(np.array_equal(vectors[row, 0], each) for each in said)
        near = vectors[row, 1:][weights[row, 1:] > 0].numpy()
        assert np.allclose(np.linalg.norm(near, axis=1), 1, atol=1e-5)
        if len(near) and kinds[row, 0] == OWN:
            allowed = dataset.own[dataset.near_own[row]]
            assert np.all((near @ allowed.T).max(1) > 0.9)
    assert not vectors[:, 1:][weights[:, 1:].cumsum(1) == 0].isnan().any()


def test_pictures_without_captions_are_drawn_with_their_own_vectors(dataset: LatentDataset) -> None:
    bare = LatentDataset(
        dataset.latents, dataset.own, dataset.texts[:0], np.zeros(len(dataset) + 1, np.int64),
        dataset.near_own, dataset.near_texts[:0],
    )  # fmt: skip
    batch = ResidentDataset.of(bare, CPU).draw(64)
    assert set(batch.kinds[:, 0].tolist()) == {OWN}
    assert batch.noisy.isfinite().all()


def test_the_learning_rate_falls_to_zero_by_the_clock(tmp_path: Path) -> None:
    seconds = (3.0 * number for number in count())
    run = Run(tmp_path, {}, Budget(minutes=2), clock=lambda: next(seconds), save_every=1e9)
    rates = [cosine(step.progress, 0.02) for step in run]
    assert len(rates) == 40
    assert max(rates) == pytest.approx(0.02, rel=0.01)
    assert rates[-1] < 0.001
    assert all(before > after for before, after in pairwise(rates[2:]))


def test_losses_are_those_of_the_trainings_before_there_was_a_gpu(
    tmp_path: Path, dataset: LatentDataset
) -> None:
    """On one machine they were the same to the bit. Others differ a little, because Muon is in bfloat16."""
    losses: list[float] = []
    train_denoiser(
        dataset, tmp_path / "denoiser", Budget(steps=12), TINY, seed=3,
        on_step=lambda progress: losses.append(progress.loss),
    )  # fmt: skip
    assert losses[:4] == pytest.approx([1.07058, 2.03023, 1.62767, 1.38107], rel=0.05)
    losses.clear()
    latent_encoder.train_latent_encoder(
        dataset, tmp_path / "encoder", Budget(steps=12), seed=3,
        on_step=lambda progress: losses.append(progress.loss),
    )  # fmt: skip
    assert losses[:4] == pytest.approx([0.784413, 0.726075, 0.217444, 0.146453], rel=0.05)


def test_a_smaller_rate_stays_nearer_to_the_start(tmp_path: Path, dataset: LatentDataset) -> None:
    torch.manual_seed(0)
    start = new_denoiser(dataset, TINY)
    near, far = (
        train_denoiser(dataset, tmp_path / str(rate), Budget(steps=3), TINY, start=start, rate=rate)
        for rate in (0.01, 1.0)
    )
    assert 0 < (whole(near) - whole(start)).norm() < 0.05 * (whole(far) - whole(start)).norm()
    with pytest.raises(ModelError, match=r"rate is 0\.01, not 0\.1"):
        train_denoiser(dataset, tmp_path / "0.01", Budget(steps=3), TINY, start=start, rate=0.1)

"""Threads that share a training step learn the same as one thread."""

import torch
from torch import Tensor, nn

from phosphene.training.workers import LossAndGradients, Workers


def test_two_workers_train_like_one() -> None:
    torch.manual_seed(0)
    model, batch = nn.Linear(3, 2), torch.randn(8, 3)
    weights = list(model.parameters())

    def work(part: Tensor) -> LossAndGradients:
        loss = model(part).square().sum() / len(batch)
        return float(loss.detach()), torch.autograd.grad(loss, weights)

    learnt = []
    for count in (1, 2):
        workers = Workers(count)
        loss = workers.learn(weights, work, batch.tensor_split(2))
        workers.close()
        learnt.append((loss, [weight.grad.clone() for weight in weights if weight.grad is not None]))
    (alone, gradients), (together, shared) = learnt
    assert len(gradients) == len(shared) == 2
    torch.testing.assert_close(together, alone)
    torch.testing.assert_close(shared, gradients)

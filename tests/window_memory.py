"""Peak memory of one look back: python window_memory.py WINDOW TRAJECTORY METHOD.

Prints how far it rose above the student's own, and the size of the parameters, in megabytes.

A student that is nearly all parameters (40 MB of them), so that copies of them show.
"""

import resource
import sys

import torch
from torch import nn

from fairseq_l2rw.meta import MetaGradient
from fairseq_l2rw.metagradient import Batch, functional

WIDTH, DEPTH = 1024, 10


def main(window: int, trajectory: str, method: str) -> None:
    """Train for some updates, look back once, and print how far memory rose above the student's."""
    torch.manual_seed(0)
    layers = [m for _ in range(DEPTH) for m in (nn.Linear(WIDTH, WIDTH), nn.Tanh())]
    model = nn.Sequential(*layers)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
    meta = MetaGradient(model, method=method, average=0.9, window=window, trajectory=trajectory)
    x = torch.randn(4, WIDTH)

    def losses(parameters):
        return functional.call(model, parameters, x).square().mean(1)

    def update(watched):
        optimizer.zero_grad()
        losses(dict(model.named_parameters())).mean().backward()
        if watched:
            meta.before_step(optimizer)
        optimizer.step()
        if watched:
            meta.after_step(optimizer, [Batch(losses, torch.ones(4), torch.ones(4))])

    for _ in range(3):
        update(watched=False)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(window):
        update(watched=True)
    meta.dev_gradient(lambda parameters: losses(parameters).mean())
    meta.look_back(optimizer)
    assert meta.reached == window
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    parameters = sum(p.numel() * p.element_size() for p in model.parameters())
    print((after - before) / 1024, parameters / 2**20)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3])

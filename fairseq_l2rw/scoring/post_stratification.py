"""Post-stratification: training pairs counted so that they are as long as the trusted pairs are.

How odd a good pair looks may depend on something that says nothing of whether it is good, such as
its length. Trusted pairs tell how many good pairs look odd, but only among pairs that are as long.
So each training pair counts as often as makes its stratum, such as lengths from 5 to 7, as frequent
as among the trusted pairs (Holt and Smith, 1979, "Post Stratification").
"""

import torch
from torch import Tensor

#: Training pairs as long as trusted ones, at least, by which these can be compared with.
COMPARABLE = 20
_STRATA = 10
# Few trusted pairs are outside, and of what is there they would not know enough.
_INSIDE = (0.02, 0.98)


def post_stratified(train: Tensor, counts: Tensor, trusted: Tensor) -> Tensor:
    """How often each training pair counts, shape (N,), 0 where no trusted pair is like it.

    Together they count as so many pairs as say as much: (sum c)^2 / sum c^2 (Kish, 1965, "Survey
    Sampling").

    Args:
        train: what the strata are of, such as lengths, shape (N,).
        counts: how often each training pair is there, shape (N,).
        trusted: the same of M trusted pairs, shape (M,); if there is none, nothing changes.
    """
    if not len(trusted):
        return counts
    steps = torch.linspace(*_INSIDE, _STRATA + 1, dtype=torch.double) * (len(trusted) - 1)
    bounds = trusted.to(train).sort().values[steps.round().long()]
    inside = counts * ((train >= bounds[0]) & (train <= bounds[-1]))
    strata = bounds[1:-1].unique()
    place = torch.bucketize(train.contiguous(), strata)
    there = torch.bincount(place, inside, minlength=len(strata) + 1)
    wanted = torch.bincount(
        torch.bucketize(trusted.to(train).contiguous(), strata), minlength=len(there)
    )
    found = inside * (wanted / there.clamp(min=1e-30))[place]
    return found * (found.sum() / found.square().sum().clamp(min=1e-300))

"""Meta-gradients: pure functions of losses, parameters and directions.

Nothing in here knows fairseq, translation or teachers. The pieces of one exact step back
(``docs/mathematics.md``), for weights w, losses l and an optimizer step theta' = theta - U(g):

1. ``r``, the gradient of the dev loss at theta', by ordinary reverse mode;
2. ``p``, the adjoint of the optimizer's update applied to ``r`` (:mod:`.updates`);
3. ``a_i``, the inner product of ``p`` and the gradient of loss i at theta, for all i at once
   (:mod:`.forward` or :mod:`.reverse`, one signature);
4. the derivative of the dev loss by every weight (:mod:`.weights`).
"""

from collections.abc import Callable, Mapping

from torch import Tensor

from fairseq_l2rw.metagradient import forward, reverse

Parameters = Mapping[str, Tensor]
Losses = Callable[[Parameters], Tensor]
Method = Callable[[Losses, Parameters, Parameters], Tensor]

METHODS: dict[str, Method] = {"forward": forward.products, "reverse": reverse.products}

__all__ = ["METHODS", "Losses", "Method", "Parameters"]

"""Meta-gradients: pure functions of losses, parameters and directions or optimizer states.

Nothing in here imports fairseq, or knows translation or teachers; it knows some names of fairseq's
models and optimizers. How the dev loss depends on the weights w of the last updates
theta' = theta - U(g), g = sum_i w_i grad l_i / S (``docs/mathematics.md``):

1. the gradient of the dev loss after the updates, by ordinary reverse mode;
2. its pull-back through each update: ``.updates`` (optimizers), ``.clipping``;
3. the inner products of what arrives at g with the gradient of every loss, all at once:
   ``.forward``, ``.reverse`` or ``.difference``, one signature (``.signature``), or
   ``.ghost``, which has them from the student's own pass;
4. from one update to the one before it: ``.window``, over a stored trajectory or over one that
   is rewound (``.trajectory``);
5. from inner products to the derivative by every weight: ``.weights``.

In half precision the optimizer steps copies of the parameters: ``.masters``.

Losses are in nats, and their derivatives in nats per unit of what they are taken by.
"""

from fairseq_l2rw.metagradient.clipping import Clipping
from fairseq_l2rw.metagradient.engine import MetaGradient
from fairseq_l2rw.metagradient.ghost import (
    LEAST_WEIGHT,
    LEAST_WEIGHT_HALF,
    PassRecord,
    PassRecorder,
)
from fairseq_l2rw.metagradient.masters import Master, upcast
from fairseq_l2rw.metagradient.method_choice import METHODS, MethodChoice
from fairseq_l2rw.metagradient.signature import Curvature, Losses, Method, Parameters
from fairseq_l2rw.metagradient.trajectory import (
    TRAJECTORIES,
    Batch,
    OffloadedSteps,
    RewoundSteps,
    Step,
    Trace,
    moved,
    update_sums,
)
from fairseq_l2rw.metagradient.updates import (
    ADJOINTS,
    WITHOUT_PARAMETER,
    Adjoint,
    Update,
    adjoint_of,
)
from fairseq_l2rw.metagradient.weights import normaliser, weight_gradient

__all__ = [
    "ADJOINTS",
    "LEAST_WEIGHT",
    "LEAST_WEIGHT_HALF",
    "METHODS",
    "TRAJECTORIES",
    "WITHOUT_PARAMETER",
    "Adjoint",
    "Batch",
    "Clipping",
    "Curvature",
    "Losses",
    "Master",
    "MetaGradient",
    "Method",
    "MethodChoice",
    "OffloadedSteps",
    "Parameters",
    "PassRecord",
    "PassRecorder",
    "RewoundSteps",
    "Step",
    "Trace",
    "Update",
    "adjoint_of",
    "moved",
    "normaliser",
    "upcast",
    "update_sums",
    "weight_gradient",
]

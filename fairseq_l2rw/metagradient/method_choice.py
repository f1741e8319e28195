"""A method by its name, and the choice where the name is ``auto``."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from fairseq_l2rw.metagradient import difference, forward, reverse
from fairseq_l2rw.metagradient.signature import Curvature, Losses, Method, Parameters
from fairseq_l2rw.metagradient.trajectory import Batch
from fairseq_l2rw.utils.memory import release_free_memory

logger = logging.getLogger(__name__)

METHODS: dict[str, Method] = {"forward": forward, "reverse": reverse, "difference": difference}
# Ghost products further off than this are of a model that has other layers, too; in half precision.
_ROUNDING, _ROUNDING_HALF = 1e-3, 0.1


class MethodChoice:
    """The method of ``--meta-method``.

    ``auto`` takes products in forward mode where the model allows it, else in reverse, and
    Hessian-vector products in reverse, which holds no gradients beside their tangents. ``ghost``
    is ``auto`` wherever nothing was recorded, and for good if the first ghost products are not the
    same.

    Args:
        name: of the method.
        half: whether passes are in half precision, which holds no direction that is very small.

    Attributes:
        name: the method of products in use; ``auto`` until the first pass has decided.
        ghost: whether what was recorded of the student's own pass is used.
        error: relative error that ``difference`` found at its last products, 0 for the exact ones.
    """

    def __init__(self, name: str, half: bool = False) -> None:
        self.half, self._asked = half, name
        self.ghost = name == "ghost"
        self.name = "auto" if self.ghost else name
        self.error = 0.0
        self._curvature = METHODS["reverse" if self.name == "auto" else name]
        self._compared = False

    def state_dict(self) -> dict[str, Any]:
        """What was found out, so that a run that is resumed does not decide anew."""
        return {
            "asked": self._asked,
            "name": self.name,
            "ghost": self.ghost,
            "compared": self._compared,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore ``state_dict``, if it is of the same method."""
        if state["asked"] == self._asked:
            self.name, self.ghost = state["name"], state["ghost"]
            self._compared = state["compared"]

    @property
    def needs_pass(self) -> bool:
        """Whether first-order products take a pass, if only one to compare what was recorded."""
        return not (self.ghost and self._compared)

    def passes(self, batches: Sequence[Batch]) -> bool:
        """Whether first-order products of these batches take a pass, and so all parameters."""
        records = [b.record for b in batches]
        known = records and all(r is not None and r.layout_known for r in records)
        return self.needs_pass or not known

    def first_order(self, batch: Batch, parameters: Parameters, direction: Parameters) -> Tensor:
        """Products of a batch that the student trained on, shape (N,), the cheapest way.

        Args:
            batch: of the student's.
            parameters: all parameters before its update, by name.
            direction: tensors by parameter name; a name left out counts as zero.
        """
        record = batch.record
        if not self.ghost or record is None or not record.layout_known:
            return self.products(batch.losses, parameters, direction)
        found = record.products(direction, batch.weights)
        if self._compared:
            return found
        # A pass is made now: what it does not need goes first, with the batch's hold on it.
        batch.record = record = None
        release_free_memory()
        expected = self.products(batch.losses, parameters, direction)
        told = batch.weights > 0
        size = (expected * told).norm()
        # As at a learning rate of 0, or a first loss scale that is too large: nothing to compare.
        if size == 0 or not bool(size.isfinite()):
            return expected
        error = float(((found - expected) * told).norm() / size)
        self._compared = True
        if not error <= (_ROUNDING_HALF if self.half else _ROUNDING):  # also if it is not a number
            self.ghost = False
            logger.info(
                f"meta-gradient method: {self.name} (ghost does not know all layers of this model: "
                f"its products are off by {error:.2g} of their size)"
            )
            return expected
        logger.info(f"meta-gradient method: ghost (compared with {self.name}: {error:.1g})")
        return found

    def products(self, losses: Losses, parameters: Parameters, direction: Parameters) -> Tensor:
        """Inner products of ``direction`` with the gradient of every loss, of the losses' shape.

        In half precision the direction goes through the pass divided by its largest entry. See
        ``fairseq_l2rw.metagradient.Method``.
        """
        if not self.half:
            return self._products(losses, parameters, direction)
        peak = torch.stack([d.abs().amax() for d in direction.values()]).amax().clamp(min=1e-30)
        direction = {n: (d / peak).to(parameters[n]) for n, d in direction.items()}
        return self._products(losses, parameters, direction) * peak

    def _products(self, losses: Losses, parameters: Parameters, direction: Parameters) -> Tensor:
        if self.name == "difference":
            found, error = difference.estimate(losses, parameters, direction)
            self.error = float(error.norm() / found.norm().clamp(min=1e-300))
            return found
        if self.name == "auto":
            return self._first_products(losses, parameters, direction)
        return METHODS[self.name].products(losses, parameters, direction)

    def curvature(
        self, losses: Losses, parameters: Parameters, direction: Parameters, weights: Tensor
    ) -> Curvature:
        """Products and the weighted Hessian times ``direction``; weights: (N,).

        See ``fairseq_l2rw.metagradient.Method``.
        """
        return self._curvature.curvature(losses, parameters, direction, weights)

    def _first_products(
        self, losses: Losses, parameters: Parameters, direction: Parameters
    ) -> Tensor:
        try:
            result = METHODS["forward"].products(losses, parameters, direction)
        except (RuntimeError, NotImplementedError) as error:
            if "out of memory" in str(error):
                raise
            reason = str(error).splitlines()[0]
            logger.info(f"meta-gradient method: reverse (no forward mode for this model: {reason})")
            self.name = "reverse"
            return METHODS["reverse"].products(losses, parameters, direction)
        logger.info("meta-gradient method: forward")
        self.name = "forward"
        return result

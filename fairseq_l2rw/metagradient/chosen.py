"""A method by its name, and the choice where the name is ``auto``."""

import logging

from torch import Tensor

from fairseq_l2rw.metagradient import difference, forward, reverse
from fairseq_l2rw.metagradient.signature import Curvature, Losses, Method, Parameters

logger = logging.getLogger(__name__)

METHODS: dict[str, Method] = {"forward": forward, "reverse": reverse, "difference": difference}


class Chosen:
    """The method of ``--meta-method``.

    ``auto`` takes products in forward mode where the model allows it, else in reverse, and
    Hessian-vector products in reverse, which holds no gradients beside their tangents.

    Attributes:
        name: the method of products in use; ``auto`` until the first pass has decided.
        error: relative error that ``difference`` found at its last products, 0 for the exact ones.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.error = 0.0
        self._curvature = METHODS["reverse" if name == "auto" else name]

    def products(self, losses: Losses, parameters: Parameters, direction: Parameters) -> Tensor:
        """See :class:`fairseq_l2rw.metagradient.Method`."""
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
        """See :class:`fairseq_l2rw.metagradient.Method`."""
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

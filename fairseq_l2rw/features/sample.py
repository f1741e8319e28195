"""What a batch of fairseq's says of its sentences beside their tokens: the keys of both numbers.

They are put there before fairseq moves the batch to a GPU, so that nothing waits for it.
"""

from torch import Tensor

#: 1 / the probability with which the epoch holds each sentence, shape (N,);
#: see ``fairseq_l2rw.sampling.importance_sampler``.
IMPORTANCE_WEIGHT = "importance_weight"
#: A sentence counts for at most as many, for the student as for its teacher. Where it is there with
#: a probability of 0.05 and its weight is 1 all of a sudden, it would count for 20: few such
#: sentences halve what a batch says.
MOST_SENTENCES = 2.0
#: Its weight before training, shape (N,); see ``fairseq_l2rw.initial_weights``. Where tokens have
#: weights, those of its target tokens, shape (N, T).
INITIAL_WEIGHT = "initial_weight"


def in_places(values: Tensor, target: Tensor, padding: int) -> Tensor:
    """Numbers of the target tokens of a batch, each where its token is, and 1 at padding.

    Args:
        values: of one sentence after another, flat, shape (all tokens,).
        target: the batch's, shape (N, T).
        padding: number of the padding type.

    Returns:
        Shape (N, T).
    """
    found = values.new_ones(target.shape)
    found[target != padding] = values
    return found

"""What a batch of fairseq's says of its sentences beside their tokens: the keys of both numbers.

They are put there before fairseq moves the batch to a GPU, so that nothing waits for it.
"""

#: 1 / the probability with which the epoch holds each sentence, shape (N,);
#: see ``fairseq_l2rw.sampling.importance_sampler``.
IMPORTANCE_WEIGHT = "importance_weight"
#: Its weight before training, shape (N,); see ``fairseq_l2rw.initial_weights``.
INITIAL_WEIGHT = "initial_weight"

"""The task with its data, without training, as fairseq's commands and trainer drive it."""

from corpora import pairs, translated, write

from fairseq_l2rw.config import L2RWTranslationConfig
from fairseq_l2rw.tasks.l2rw_translation import L2RWTranslationTask
from fairseq_l2rw.utils.weight_bytes import from_bytes

TRAIN, TRUSTED, VALID = pairs(120, 1, misaligned=40), pairs(60, 2), pairs(10, 3)


def long_pair(words):
    sentence = [f"w{n % 20}" for n in range(words)]
    return sentence, translated(sentence)


def with_splits(folder, **splits):
    return write(folder, **{"train": TRAIN, "meta": TRUSTED, "valid": VALID, **splits})


def task(data, **options):
    """The task with the training split loaded."""
    cfg = L2RWTranslationConfig(data=str(data), meta_subset="meta")
    cfg.train_subset, cfg.valid_subset, cfg.dataset_impl = "train", "valid", None
    cfg.required_seq_len_multiple, cfg.seed, cfg.max_tokens = 1, 1, 200
    cfg.lr_scheduler, cfg.lr_scheduler_options, cfg.lr = "fixed", None, [0.1]
    cfg.update_freq, cfg.skip_remainder_batch = [1], False
    cfg.max_epoch, cfg.patience, cfg.save_interval, cfg.validate_interval = 0, 0, 1, 1
    cfg.combine_valid_subsets = cfg.disable_validation = False
    for name, value in options.items():
        setattr(cfg, name, value)
    found = L2RWTranslationTask.setup_task(cfg)
    found.load_dataset("train", combine=True)
    return found


def batches(task, longest=200, **options):
    return task.get_batch_iterator(
        task.dataset("train"),
        max_tokens=200,
        max_positions=(longest, longest),
        ignore_invalid_inputs=True,
        **options,
    )


def training(task, multiple=1, longest=200):
    """Its batches, as fairseq's trainer asks for them."""
    how = {"grouped_shuffling": False, "update_epoch_batch_itr": False}
    return batches(task, longest, required_batch_size_multiple=multiple, **how)


def by_line(sampler, what="initial_weights"):
    """That, or "weights" or "probabilities", by line of the training text."""
    return from_bytes(sampler.state_dict()[what])

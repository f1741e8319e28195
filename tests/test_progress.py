"""Promise: what is kept by update has the run's own numbers, and the log has fairseq's."""

from fairseq_l2rw.training.progress import Progress


def test_after_fairseq_has_begun_to_count_anew_the_run_goes_on_counting():
    progress = Progress(warmup=0, max_update=100, max_epoch=0)
    progress.updates, progress.first = 100, 10
    assert progress.begin(0, restored=True) == 100
    assert progress.logged(progress.number(7)) == 7
    assert progress.state(progress.number(50)).progress == 0.5
    assert progress.age(107) == 97


def test_a_weighting_that_starts_afresh_does_so_at_the_runs_own_number():
    progress = Progress(warmup=5, max_update=100, max_epoch=0)
    progress.updates = 100
    assert progress.begin(20, restored=False) == 100
    assert progress.first == progress.updates == 100 and progress.in_warmup(104)
    assert not progress.in_warmup(105)


def test_a_new_run_counts_as_fairseq_does():
    progress = Progress(warmup=5, max_update=100, max_epoch=0)
    assert progress.begin(20, restored=False) == 20
    assert progress.first == 20 and progress.logged(30) == 30

"""``python -m fairseq_l2rw``: the folder for ``--user-dir``; ``--help`` lists the task's options.

fairseq's own ``--help`` stops before it comes to the options of tasks.
"""

import argparse
from pathlib import Path

from fairseq.dataclass.utils import gen_parser_from_dataclass

from fairseq_l2rw.config import MetaConfig, TeacherConfig, WeightingConfig


def parser() -> argparse.ArgumentParser:
    """All options that the task adds to fairseq's translation task."""
    result = argparse.ArgumentParser(
        prog="python -m fairseq_l2rw",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        usage="fairseq-train DATA --user-dir FOLDER --task l2rw_translation\n"
        "           --criterion l2rw_label_smoothed_cross_entropy [OPTIONS] ...",
        description="Without arguments, prints the FOLDER to give to --user-dir.",
    )
    for concern in (WeightingConfig, MetaConfig, TeacherConfig):
        group = result.add_argument_group((concern.__doc__ or "").rstrip("."))
        gen_parser_from_dataclass(group, concern())
    return result


if __name__ == "__main__":
    parser().parse_args()
    print(Path(__file__).resolve().parent)

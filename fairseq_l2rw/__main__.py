"""``python -m fairseq_l2rw``: the folder for ``--user-dir``; ``--help`` lists the task's options.

fairseq's own ``--help`` stops before it comes to the options of tasks.
"""

import argparse
from dataclasses import fields
from pathlib import Path

from fairseq.dataclass.utils import gen_parser_from_dataclass

from fairseq_l2rw.config import MetaConfig, WeightingConfig
from fairseq_l2rw.weighting import find, names


class _Formatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Defaults beside every option; the lists at the end as they are."""


def parser() -> argparse.ArgumentParser:
    """All options that the task adds to fairseq's translation task."""
    result = argparse.ArgumentParser(
        prog="python -m fairseq_l2rw",
        formatter_class=_Formatter,
        usage="fairseq-train DATA --user-dir FOLDER --task l2rw_translation\n"
        "           --criterion l2rw_label_smoothed_cross_entropy [OPTIONS] ...",
        description="Without arguments, prints the FOLDER to give to --user-dir.",
        epilog=weighting_options(),
    )
    for concern in (WeightingConfig, MetaConfig):
        group = result.add_argument_group((concern.__doc__ or "").rstrip("."))
        gen_parser_from_dataclass(group, concern())
    return result


def weighting_options() -> str:
    """What ``--weighting-options`` may hold, by weighting."""
    lines = ["NAME=VALUE for --weighting-options:"]
    for name in names():
        for field in fields(find(name).Options):
            about = field.metadata.get("help", "")
            lines.append(f"  --weighting {name}: {field.name}={field.default}  {about}")
    return "\n".join(lines)


if __name__ == "__main__":
    parser().parse_args()
    print(Path(__file__).resolve().parent)

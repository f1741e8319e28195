"""``fairseq-l2rw options``: what the task adds to fairseq-train.

fairseq's own ``--help`` stops before it comes to the options of tasks.
"""

import argparse
from dataclasses import fields

from fairseq.dataclass.utils import gen_parser_from_dataclass

from fairseq_l2rw.commands.user_dir import load_user_dir
from fairseq_l2rw.config import MetaConfig, WeightingConfig
from fairseq_l2rw.weighting import find, names

HELP = "list the options that --task l2rw_translation adds to fairseq-train"
DESCRIPTION = "List the options that --task l2rw_translation adds to fairseq-train."
EXAMPLE = """example, with the options of a weighting of your own:
  fairseq-l2rw options --user-dir my_plugin"""


class _Formatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Defaults beside every option; the lists at the end as they are."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument(
        "--user-dir", metavar="FOLDER", help="a folder of your own that has a weighting"
    )


def run(args: argparse.Namespace) -> None:
    """Print them."""
    load_user_dir(args)
    print(listing().format_help())


def listing() -> argparse.ArgumentParser:
    """All options that the task adds to fairseq's translation task."""
    result = argparse.ArgumentParser(
        formatter_class=_Formatter,
        add_help=False,
        usage='fairseq-train DATA --user-dir "$(fairseq-l2rw user-dir)" --task l2rw_translation\n'
        "           --criterion l2rw_label_smoothed_cross_entropy [OPTIONS] ...",
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

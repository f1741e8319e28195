"""The command line ``fairseq-l2rw``."""

import argparse
import logging
import sys
import warnings
from collections.abc import Sequence
from types import ModuleType

import shtab

from fairseq_l2rw.commands import compare, export, options, prepare, report, score, user_dir, watch
from fairseq_l2rw.utils.errors import InputError
from fairseq_l2rw.version import __version__

_COMMANDS: dict[str, ModuleType] = {
    "prepare": prepare,
    "score": score,
    "export": export,
    "report": report,
    "compare": compare,
    "watch": watch,
    "options": options,
    "user-dir": user_dir,
}


def parser() -> argparse.ArgumentParser:
    """All sub-commands and what they take."""
    result = argparse.ArgumentParser(
        prog="fairseq-l2rw",
        description="Find out which sentence pairs are worth learning from, and use that.",
        epilog="`fairseq-l2rw COMMAND --help` says more of each.",
    )
    result.add_argument("--version", action="version", version=__version__)
    shtab.add_argument_to(result, help="print what makes the shell complete this command")
    commands = result.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, module in _COMMANDS.items():
        sub = commands.add_parser(
            name,
            help=module.HELP,
            description=module.DESCRIPTION,
            epilog=module.EXAMPLE,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(sub)
        sub.set_defaults(function=module.run)
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; a mistake of the user's is one line and exit status 1."""
    args = parser().parse_args(arguments)
    warnings.filterwarnings("ignore", "Support for mismatched key_padding_mask")  # of fairseq's
    logging.getLogger().setLevel(logging.WARNING)  # which fairseq lowers on import
    try:
        args.function(args)
    except BrokenPipeError:  # as of `| head`
        sys.stderr.close()
        return 1
    except OSError as error:  # a disk that is full, a file where a folder is asked for
        raise InputError(str(error)) from None
    except KeyboardInterrupt:
        return 130
    return 0

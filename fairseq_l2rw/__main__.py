"""``python -m fairseq_l2rw``: the command ``fairseq-l2rw``."""

import sys

from fairseq_l2rw.commands.main import main

if __name__ == "__main__":
    sys.exit(main())

"""What a run's weights look like: numbers, pictures, and a page with both."""

import logging

# fairseq lets every package log at every level, and matplotlib has much to say.
logging.getLogger("matplotlib").setLevel(logging.WARNING)

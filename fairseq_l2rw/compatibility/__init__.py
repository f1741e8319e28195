"""What of fairseq goes with reweighting, what is refused, and what is mended."""

import logging

# fairseq asks for tensorboardX whenever it is imported, also where nobody wants it.
logging.getLogger("fairseq.tasks.text_to_speech").setLevel(logging.WARNING)

"""What of fairseq goes with reweighting, what is refused, and what is mended."""

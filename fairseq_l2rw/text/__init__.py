"""Parallel text in files: reading, writing, columns, pieces; needs neither torch nor fairseq."""

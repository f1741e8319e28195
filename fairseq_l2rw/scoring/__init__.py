"""Statistics that turn scores of pairs into weights; without fairseq."""

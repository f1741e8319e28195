"""Statistics that turn scores of pairs into weights; torch only."""

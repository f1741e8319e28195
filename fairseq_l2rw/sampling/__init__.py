"""Which sentences an epoch holds."""

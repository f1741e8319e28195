"""What may be read of a training batch, all detached; torch only."""

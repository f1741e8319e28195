"""What a finished run says of other text."""

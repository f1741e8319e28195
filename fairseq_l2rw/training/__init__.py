"""One update of the student, and what reweighting adds to it."""

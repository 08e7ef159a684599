"""What tells which scenario a call is: marks that a capture shows or lacks, by family."""

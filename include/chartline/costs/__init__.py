"""What work costs before it is done."""

"""What followed charts lack, and how it is healed."""

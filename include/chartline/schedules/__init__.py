"""Which charts are followed, and how."""

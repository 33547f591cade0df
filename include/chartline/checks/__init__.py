"""Whether what is stored looks right: checks, each with what it means and what to do."""

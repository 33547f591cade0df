"""What people ask of the warehouse: nothing here writes."""

"""From the core to DAGs: one file a kind of DAG, called as it is."""

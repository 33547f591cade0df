"""What people and programs are shown of Chartline: needed by REST and pages alike. No Airflow, no SQL."""

"""What lives inside Airflow. Imported by name; the plugin scanner must not load these files (see .airflowignore)."""

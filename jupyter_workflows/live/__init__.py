"""What a live view asks and is told, whoever hosts it: a kernel through anywidget, or the Jupyter server."""

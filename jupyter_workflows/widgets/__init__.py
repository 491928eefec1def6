"""The live view in notebook hosts: what the shared components are told, and the anywidget that tells it."""

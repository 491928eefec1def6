"""The live view in notebook hosts without our extension: the anywidget that carries `live` over a kernel's comm."""

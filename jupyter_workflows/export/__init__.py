"""Export: the code that ran becomes a package that others install, run and test.

`export(...)` of `jupyter_workflows` is in `exporting`. What it writes is decided in `project`, how texts of a user may
stand in a file in `rendering`, which names are allowed in `names`, and what happens to files that were changed by hand
in `writing`.
"""

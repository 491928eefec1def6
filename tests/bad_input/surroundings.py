"""Kernels in surroundings where nothing can work."""

from __future__ import annotations

from .mistake import mistake

FLOW = "@workflow\nasync def flow(): ..."

NOT_LOADED = [
    mistake("start without the extension", f"from jupyter_workflows import workflow\n{FLOW}", "flow.start()"),
]

# Each leaves the kernel unusable for what comes after it.
LOADED_WRONGLY = [
    mistake(
        "start with a server that is not there",
        "import os\nos.environ['TEMPORAL_ADDRESS'] = '127.0.0.1:9'\n%unload_ext jupyter_workflows",
        "%load_ext jupyter_workflows",
        FLOW,
        "flow.start()",
    ),
    mistake(
        "home that is a file",
        "del os.environ['TEMPORAL_ADDRESS']\nopen('file', 'w').close()",
        "os.environ['JUPYTER_WORKFLOWS_HOME'] = os.path.abspath('file')\n%unload_ext jupyter_workflows",
        "%load_ext jupyter_workflows",
        FLOW,
        "flow.start()",
    ),
]

"""Replay: does code agree with what a run did, and where do they part?

    bundle = load_bundle(path)                                    # of `worker`: the code, in this process
    replayed = await replay(history, bundle, client.data_converter)
    replayed.compatible                                           # whether a run on the code could go on from here
    replayed.agreed_until                                         # last completed workflow task both agree in, or None
    replayed.divergence.task_event_id                             # the first one in which they part
    replayed.divergence.step_id, .location, .message              # what the run did there, and where the code leads

`history` is a `temporalio.client.WorkflowHistory`, whole, of an open or a closed run. A reset to `task_event_id` drops
what the run did in that workflow task and lets the code go its own way from there: it is the latest point at which the
run can go on with this code. `remarks` name what Temporal lets pass: steps that would get another input, waits of
another duration.

A replay runs workflow code and so belongs into a process that may: a kernel, a terminal, a worker host; not the Jupyter
server. No activity runs, no server is asked, the code is in Temporal's sandbox, in modules of its own: a worker of the
same bundle in the same process is not disturbed. It may be awaited on any loop; several may run at once.
"""

from __future__ import annotations

from .replaying import replay

__all__ = ["replay"]

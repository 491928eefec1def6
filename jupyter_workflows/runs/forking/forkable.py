"""What a run offers where another branch of it can be run beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from ...connection import loop_thread
from .carrying import BRANCH, start_fork
from .planning import Fork, ForkWish, plan_fork

if TYPE_CHECKING:
    from ..handle import Run
    from ..lists import RunList


class Forking:
    """What forking a run would do; made by `run.plan_fork()`.

    Args:
        run: The run.
        prepared: What is kept, what runs again, and what the new run is started with.
    """

    def __init__(self, run: Run[Any], prepared: Fork) -> None:
        self.run = run
        self.prepared = prepared
        self.plan = prepared.plan

    def fork(self) -> Run[Any]:
        """Does it, and gives the new run at once; see `Run.fork`."""
        from ..handle import Run
        from ..resuming.workshop import workshop_in_force

        run = self.run
        name, run_id = loop_thread().run(start_fork(run.new_reader(), workshop_in_force(), self.prepared))
        return Run(run.access, name, run_id, result_type=run.result_type)

    def __repr__(self) -> str:
        from ..resuming.display import plan_text

        return plan_text(self.plan)

    def _repr_html_(self) -> str:
        from ..resuming.display import plan_html

        return plan_html(self.plan)


class Forkable:
    """Other branches of a run."""

    def plan_fork(
        self,
        from_step: str | None = None,
        *,
        input_override: Any = None,
        results: Mapping[str, Any] | None = None,
        **changes: Any,
    ) -> Forking:
        """What `fork` would do: what is kept, what runs again, which effects outside happen twice. Starts nothing.

        Displayed, it is a table; its `fork()` does what it says. It takes what `fork` takes.

        Raises:
            ResumeRefused: It can't be done as wished; says why.
            ArgumentsError: A changed argument does not fit.
            ClosureError: The code as it is now can't run outside the notebook.
            RunNotFound: There is no such run.
        """
        from ..resuming.workshop import workshop_in_force

        run = cast("Run[Any]", self)
        wish = ForkWish(
            from_step=from_step, input_override=input_override, results=dict(results or {}), changes=dict(changes)
        )
        return Forking(run, loop_thread().run(plan_fork(run.new_reader(), workshop_in_force(), wish)))

    def fork(
        self,
        from_step: str | None = None,
        *,
        input_override: Any = None,
        results: Mapping[str, Any] | None = None,
        **changes: Any,
    ) -> Run[Any]:
        """Runs another branch beside this run, with other values or the code as it is now; gives it at once.

        This run is left as it is, open or closed. The new one is a run of its own, with an id that begins with this
        one's, and begins with the workflow's first line; steps that are kept are answered from this run's record. With
        `from_step`, these are the steps that had finished before it, and beside it those with the same code. Without,
        they are all that have the same code. Either way a step is kept only where it is asked with the same input;
        every other one runs, and costs, anew. So it is with child runs, whose code is all that they run. People are
        asked again, and timers wait again. A kept step's effect is this run's: the fork does not undo it.

        Args:
            from_step: The step from which things run again.
            input_override: The arguments that step is given instead of the workflow's: a list, or the only one.
            results: Values in the place of recorded results, by the id of the step. They are recorded as such.
            **changes: Other values of the workflow's parameters, or, in its notebook, of constants that its code
                reads: `run.fork(MODEL="small")`.

        Raises:
            ResumeRefused: It can't be done as wished; says why.
            ArgumentsError: A changed argument does not fit.
            ClosureError: The code as it is now can't run outside the notebook.
            WorkerUnavailable: It can't be served.
            RunNotFound: There is no such run.
        """
        return self.plan_fork(from_step, input_override=input_override, results=results, **changes).fork()

    def forks(self) -> RunList:
        """The runs that were forked from this one, newest first; of at most 200.

        Raises:
            ConnectionFailed: The server is out of reach.
        """
        from ..handle import Run
        from ..listing import fetch_forks
        from ..lists import ListSource, RunList

        run = cast("Run[Any]", self)
        records = loop_thread().run(fetch_forks(run.access, run.id, BRANCH))
        found = [Run[Any](run.access, record.id, record.run_id) for record in records]
        return RunList(found, records, ListSource(run.access, 200))

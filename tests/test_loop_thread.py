"""The loop thread: runs for everybody, waits for nobody, and leaves without a word."""

from __future__ import annotations

import asyncio
import concurrent.futures
import signal
import time
from datetime import timedelta

import pytest

from jupyter_workflows.connection import LoopThread, loop_thread
from tests.conftest import eventually
from tests.payloads import conftest as payloads
from tests.processes import in_process

server = payloads.server


async def after(seconds: float, value: str, events: list[str] | None = None) -> str:
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        if events is not None:
            events.append("cancelled")
        raise
    if events is not None:
        events.append("done")
    return value


class TestLoopThread:
    def test_runs_from_plain_code_and_from_a_running_loop(self):
        assert loop_thread().run(after(0, "a")) == "a"

        async def inside() -> str:
            return loop_thread().run(after(0, "b")) + await loop_thread().wrap(after(0, "c"))

        assert asyncio.run(inside()) == "bc"

    def test_is_one_for_all_threads(self):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda _: loop_thread(), range(32)))
        assert len(set(map(id, found))) == 1

    def test_exceptions_arrive(self):
        async def fail() -> None:
            raise KeyError("x")

        with pytest.raises(KeyError):
            loop_thread().run(fail())

    def test_own_timeout_error_is_not_a_timeout_of_the_wait(self):
        async def fail() -> None:
            raise TimeoutError("mine")

        with pytest.raises(TimeoutError, match="mine"):
            loop_thread().run(fail(), timeout=5)

    @pytest.mark.parametrize("timeout", [0.05, timedelta(milliseconds=50)])
    def test_timeout_cancels(self, timeout: float | timedelta):
        events: list[str] = []
        with pytest.raises(TimeoutError):
            loop_thread().run(after(30, "x", events), timeout=timeout)
        assert eventually(lambda: events == ["cancelled"])

    def test_cancelling_what_wrap_gave_cancels_the_coroutine(self):
        events: list[str] = []

        async def impatient() -> None:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(loop_thread().wrap(after(30, "x", events)), 0.05)

        asyncio.run(impatient())
        assert eventually(lambda: events == ["cancelled"])

    def test_wait_for_itself_is_refused(self):
        async def nested() -> str:
            return loop_thread().run(after(0, "x"))

        with pytest.raises(RuntimeError, match="would wait for itself; await the coroutine instead"):
            loop_thread().run(nested())

        async def wrapped() -> str:
            return await loop_thread().wrap(after(0, "x"))

        assert loop_thread().run(wrapped()) == "x"

    def test_closed_one_says_so_and_is_replaced(self):
        one = LoopThread()
        events: list[str] = []
        tasks: list[asyncio.Task[str]] = []

        async def begin() -> None:
            tasks.append(asyncio.create_task(after(30, "x", events)))
            await asyncio.sleep(0)

        one.run(begin())
        one.close()
        assert events == ["cancelled"]
        assert not one.is_usable
        with pytest.raises(RuntimeError, match=r"this LoopThread was closed; call loop_thread\(\) for a new one"):
            one.run(after(0, "x"))

    @pytest.mark.parametrize("cancel", [False, True])
    def test_interrupt_ends_the_wait_and_leaves_the_coroutine_unless_told_otherwise(self, cancel: bool):
        done = in_process(
            f"""
            import asyncio, os, signal, threading, time
            from jupyter_workflows.connection import loop_thread
            events = []
            async def work():
                try:
                    await asyncio.sleep(2.0)
                    events.append("done")
                except asyncio.CancelledError:
                    events.append("cancelled")
                    raise
            threading.Timer(0.3, os.kill, (os.getpid(), {int(signal.SIGINT)})).start()
            began = time.monotonic()
            try:
                loop_thread().run(work(), cancel_on_interrupt={cancel})
            except KeyboardInterrupt:
                events.append("interrupted" if time.monotonic() - began < 1.9 else "late")
            time.sleep(2.0)
            print(sorted(events))
            """
        )
        assert done == (["cancelled", "interrupted"] if cancel else ["done", "interrupted"]).__repr__()

    def test_exit_in_the_middle_of_work_is_silent(self):
        assert (
            in_process(
                """
            import asyncio
            from jupyter_workflows.connection import loop_thread
            async def endless():
                asyncio.get_running_loop().create_task(asyncio.sleep(1000))
                while True:
                    await asyncio.sleep(0.01)
            async def begin():
                asyncio.get_running_loop().create_task(endless())
            loop_thread().run(begin())
            print("leaving")
            """
            )
            == "leaving"
        )

    def test_exit_does_not_wait_for_code_that_blocks_the_loop(self):
        began = time.monotonic()
        assert (
            in_process(
                """
            import time
            from jupyter_workflows.connection import loop_thread
            async def block():
                time.sleep(1000)
            try:
                loop_thread().run(block(), timeout=0.2)
            except TimeoutError:
                print("leaving")
            """
            )
            == "leaving"
        )
        assert time.monotonic() - began < 10

    def test_forked_child_gets_a_loop_of_its_own(self):
        assert (
            in_process(
                """
            import asyncio, os, warnings
            warnings.simplefilter("ignore", DeprecationWarning)  # that threads and fork do not mix is the point
            from jupyter_workflows.connection import loop_thread
            async def one():
                return 1
            before = loop_thread()
            assert before.run(one()) == 1
            child = os.fork()
            if child == 0:
                assert loop_thread() is not before
                assert loop_thread().run(one()) == 1
                try:
                    before.run(one())
                except RuntimeError as error:
                    assert "belongs to the process this one was forked from" in str(error), error
                    os._exit(7)
                os._exit(1)
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), before.run(one()))
            """
            )
            == "7 1"
        )

    def test_exit_with_an_open_client_is_silent(self, server: str):
        assert (
            in_process(
                f"""
            from jupyter_workflows.connection import Settings, connect, loop_thread
            client = loop_thread().run(connect(Settings({server!r})))
            async def tail():
                handle = client.get_workflow_handle("none")
                try:
                    await handle.result()
                except Exception:
                    print("none")
            loop_thread().run(tail())
            """
            )
            == "none"
        )

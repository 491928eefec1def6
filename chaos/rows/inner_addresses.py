"""Row S7: addresses that lead inside, as model server, document and tool server; nothing there is ever connected to."""

from __future__ import annotations

import contextlib
import socket
from collections import Counter
from collections.abc import Iterator

from jupyter_workflows.testing import ModelServer

from ..stage import Stage
from ..verdicts import Outcome
from .plan import Row

REACHABLE = """
    http://127.0.0.1:{port}/
    http://127.1:{port}/
    http://2130706433:{port}/
    http://0x7f.0.0.1:{port}/
    http://0177.0.0.1:{port}/
    http://0.0.0.0:{port}/
    http://[::1]:{port}/
    http://[::]:{port}/
    http://[::ffff:127.0.0.1]:{port}/
    http://localhost:{port}/v1
    http://LOCALHOST.:{port}/
    https://localhost:{port}/v1
    gopher://127.0.0.1:{port}/_INFO
    http://user:hunter2@127.0.0.1:{port}/
""".split()
"""Ways to write this machine; `{port}` is one that listens."""
ELSEWHERE = """
    http://169.254.169.254/latest/meta-data/
    http://[::ffff:169.254.169.254]/
    http://[64:ff9b::7f00:1]/
    http://[2002:7f00:1::]/
    http://[fe80::1]/
    http://[fc00::1]/
    http://[fd00:ec2::254]/
    http://10.0.0.1/
    http://172.16.0.1/
    http://192.168.1.1/
    http://100.64.0.1/
    http://198.18.0.1/
    http://224.0.0.1/
    http://255.255.255.255/
    http://240.0.0.1/
    http://192.0.2.1/
    file:///etc/passwd
    ftp://example.com/
    unix:///var/run/docker.sock
    http:///nohost
    http://127.0.0.1:99999/
    http://[::1
""".split()
"""Metadata services, private networks, and what is no address on the web."""
INSIDE = (*REACHABLE, *ELSEWHERE)
WAYS = ("model", "document", "tools")
CELL = """
from jupyter_workflows import RetryPolicy, ai
from jupyter_workflows.errors import ModelCallFailed

ONCE = RetryPolicy(max_attempts=1)

@workflow
async def reach(way: str, url: str | None) -> str:
    limit = timedelta(seconds=10)
    try:
        if way == "model":
            await ai.chat("Go", server=url, model="m", retry=ONCE, first_token_timeout=limit)
        elif way == "document":
            await ai.ocr(url, retry=ONCE, timeout=limit)
        else:
            agent = ai.Agent("reader", tools=[ai.McpServer("inner", url=url, timeout=limit, retry=ONCE)])
            await agent.run("Go")
    except ModelCallFailed as error:
        return f"{error.kind}: {error}"
    return "reached"
"""


def play(stage: Stage, count: int, outcome: Outcome) -> None:
    """Name each address in each of the ways to a worker that has a key; count who knocks at this machine."""
    with listening() as (port, sockets), ModelServer() as server:
        stage.variables |= server.environment
        kernel = stage.kernel()
        kernel.run(CELL)
        cases = [(way, url.replace("{port}", str(port))) for url in INSIDE for way in WAYS]
        ends: Counter[str] = Counter()
        for number, (way, url) in enumerate(stage.random.sample(cases, min(count, len(cases)))):
            end = kernel.value(f"reach.options(id='reach-{number}').start({way!r}, {url!r}).result(timeout=60)")
            ends[end.partition(":")[0]] += 1
            outcome.demand(is_refused(end), f"{url} as {way}: {end}")
            outcome.demand("hunter2" not in end, f"{url} as {way}: the password is shown")
        server.fault("redirect", location=f"http://127.0.0.1:{port}/")
        end = kernel.value("reach.options(id='redirect').start('model', None).result(timeout=60)")
        outcome.demand(end.startswith("redirect: "), f"a redirect to this machine: {end}")
        outcome.demand(server.count == 1, f"the model server was asked {server.count} times, wanted once")
        knocks = sum(knocked(each) for each in sockets)
        outcome.demand(not knocks, f"{knocks} connections came to this machine")
        stage.conclude(outcome)
    outcome.notes.append(", ".join(f"{end} ({number})" for end, number in ends.most_common()) + "; 0 connections")


def is_refused(end: str) -> bool:
    """Whether an address was refused before anything was sent, or is no server's for anybody."""
    return end.startswith(("blocked_address: ", "no_server: "))


@contextlib.contextmanager
def listening() -> Iterator[tuple[int, list[socket.socket]]]:
    """A port of this machine at which every connection is noticed, over IPv4 and IPv6 where there is that."""
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        port = first.getsockname()[1]
        found = [first]
        with contextlib.suppress(OSError):
            found.append(stack.enter_context(socket.create_server(("::1", port), family=socket.AF_INET6)))
        yield port, found


def knocked(at: socket.socket) -> int:
    """How many connections wait at a socket; nobody has taken any."""
    at.setblocking(False)
    count = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            at.accept()[0].close()
            count += 1
    return count


ROW = Row(
    "S7",
    "addresses that lead inside, as model server, document and tool server of a workflow, and a redirect there",
    30,
    len(INSIDE) * len(WAYS),
    play,
)

"""What a scripted model server does instead of answering: every way in which real ones have failed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FaultKind = Literal[
    "rate_limited",
    "server_error",
    "status",
    "refused",
    "reset",
    "redirect",
    "error_body",
    "slow_first_token",
    "stall",
    "slow_tokens",
    "cut_stream",
    "garbage",
    "wrong_json",
    "cut_json",
    "duplicate_chunks",
    "long_line",
    "no_blank_line",
    "cut_utf8",
    "never_ending",
    "empty",
    "raw",
]


@dataclass(frozen=True)
class Fault:
    """One scripted failure.

    | kind | what the server does |
    |---|---|
    | `rate_limited` | 429, with `Retry-After` where `retry_after` is given |
    | `server_error` | 500 |
    | `status` | the `status` given |
    | `refused` | hangs up before it answers |
    | `reset` | begins an answer and resets the connection |
    | `redirect` | 307 to `location` |
    | `error_body` | 200 with an error as its body |
    | `slow_first_token` | waits `seconds` before the first token |
    | `stall` | falls silent after some tokens and keeps the line open |
    | `slow_tokens` | `seconds` between tokens |
    | `cut_stream` | ends the stream in the middle, as if it were whole |
    | `garbage` | events that are no JSON |
    | `wrong_json` | a well-formed answer whose content does not obey the schema |
    | `cut_json` | an answer whose JSON ends in the middle |
    | `duplicate_chunks` | every event twice, with one event id |
    | `long_line` | one event of 10 MB |
    | `no_blank_line` | events that are never closed by a blank line |
    | `cut_utf8` | a character cut in half |
    | `never_ending` | tokens without end |
    | `empty` | a whole answer with nothing in it |
    | `raw` | exactly the bytes of `data`, as a stream |

    Args:
        kind: Which one.
        status: The status, for `status`.
        retry_after: Seconds, or an HTTP date, for the header `Retry-After`.
        seconds: How long it takes, for the slow ones.
        after_tokens: How many tokens come before it.
        location: Where `redirect` leads.
        body: The body of `status` and `error_body`.
        data: What `raw` sends.
    """

    kind: FaultKind
    status: int = 500
    retry_after: float | str | None = None
    seconds: float = 60.0
    after_tokens: int = 2
    location: str = "http://169.254.169.254/latest/meta-data/"
    body: str = '{"object": "error", "message": "scripted", "type": "scripted", "code": "1000"}'
    data: bytes = b""

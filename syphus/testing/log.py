"""What a scripted server saw, countable while it runs."""

from __future__ import annotations

import os
import threading
import time
from array import array
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from syphus.testing.batch_log import BatchLog

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class QuerySeen:
    """One query: `key` is SHA-256 of its canonical messages, `text` its last user message.

    `seen` counts its arrivals, alone and as a line of a batch (not those whose key, model or
    parameters were refused), `answered` whole answers with no fault in them, `faults` names those
    played, in order.
    """

    key: str
    text: str
    seen: int = 0
    answered: int = 0
    images: int = 0
    faults: tuple[str, ...] = ()


class QueryCount:
    """The server's own tally of one query; `admitted` counts what the limits let through."""

    __slots__ = ("admitted", "answered", "faults", "images", "key", "seen", "text")

    def __init__(self, key: str, text: str, images: int) -> None:
        self.key = key
        self.text = text
        self.images = images
        self.seen = 0
        self.admitted = 0
        self.answered = 0
        self.faults: tuple[str, ...] = ()


class Log:
    """Counts of chat requests. The server writes; any thread may read. Times are monotonic, in s.

    `requests` arrived, `successes` were answered whole and without a fault, `in_flight` are being
    answered and `most_in_flight` were at once; `first_arrival` and `last_arrival` are None before
    there was one. A file, if given, gets one JSON line a request: key, Unix time and fault ("limit"
    where the limits refused it). Keys and tokens are never kept.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._lock = threading.Lock()
        self._file = (
            None if file is None else os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        )
        self._queries: dict[str, QueryCount] = {}
        self._statuses: Counter[int] = Counter()
        self._faults: Counter[str] = Counter()
        self._user_agents: Counter[str] = Counter()
        self._admitted_at = array("d")
        self._admitted_tokens = array("q")
        self.batches = BatchLog()
        self.requests = 0
        self.successes = 0
        self.images = 0
        self.in_flight = 0
        self.most_in_flight = 0
        self.first_arrival: float | None = None
        self.last_arrival: float | None = None
        self.script_error: Exception | None = None

    @property
    def rate_limited(self) -> int:
        """Answers of status 429, by limits and by faults."""
        return self._statuses[429]

    @property
    def statuses(self) -> Mapping[int, int]:
        """How often each status was answered."""
        with self._lock:
            return dict(self._statuses)

    @property
    def faults(self) -> Mapping[str, int]:
        """How often each fault was played."""
        with self._lock:
            return dict(self._faults)

    @property
    def user_agents(self) -> Mapping[str, int]:
        """How often each User-Agent was seen."""
        with self._lock:
            return dict(self._user_agents)

    def queries(self) -> tuple[QuerySeen, ...]:
        """Every query, in order of first arrival."""
        with self._lock:
            counts = list(self._queries.values())
        return tuple(_freeze(count) for count in counts)

    def query(self, text: str) -> QuerySeen:
        """What was seen of the queries whose last user message is `text`, taken together."""
        matching = [query for query in self.queries() if query.text == text]
        return QuerySeen(
            key=matching[0].key if matching else "",
            text=text,
            seen=sum(query.seen for query in matching),
            answered=sum(query.answered for query in matching),
            images=sum(query.images for query in matching),
            faults=tuple(fault for query in matching for fault in query.faults),
        )

    def windows(self, seconds: float) -> tuple[tuple[int, int], ...]:
        """Requests and tokens let through in consecutive windows from the first of them.

        A limit's utilisation is their sum over what it allows in as many windows.
        """
        times, tokens = self._admissions()
        counted: list[list[int]] = []
        for at, amount in zip(times, tokens, strict=True):
            number = int((at - times[0]) / seconds)
            while len(counted) <= number:
                counted.append([0, 0])
            counted[number][0] += 1
            counted[number][1] += amount
        return tuple((requests, amount) for requests, amount in counted)

    def busiest(self, seconds: float) -> tuple[int, int]:
        """The most requests, and the most tokens, let through in any `seconds` on end."""
        times, tokens = self._admissions()
        requests = most_tokens = amount = start = 0
        for end, at in enumerate(times):
            amount += tokens[end]
            while times[start] + seconds <= at:
                amount -= tokens[start]
                start += 1
            requests = max(requests, end - start + 1)
            most_tokens = max(most_tokens, amount)
        return requests, most_tokens

    def as_json(self, *, each_query: bool = False) -> dict[str, Any]:
        """All counts as JSON values; `each_query` adds a list with every query."""
        with self._lock:
            counts = list(self._queries.values())
        windows = self.windows(1.0)
        value: dict[str, Any] = {
            "requests": self.requests,
            "successes": self.successes,
            "images": self.images,
            "rate_limited": self.rate_limited,
            "in_flight": self.in_flight,
            "most_in_flight": self.most_in_flight,
            "first_arrival": self.first_arrival,
            "last_arrival": self.last_arrival,
            "statuses": {str(status): count for status, count in self.statuses.items()},
            "faults": self.faults,
            "user_agents": self.user_agents,
            "queries": len(counts),
            "queries_seen_again": sum(query.seen > 1 for query in counts),
            "queries_answered": sum(query.answered > 0 for query in counts),
            "queries_answered_again": sum(query.answered > 1 for query in counts),
            "admitted_each_second": [requests for requests, _ in windows],
            "tokens_admitted_each_second": [tokens for _, tokens in windows],
            "batches": self.batches.as_json(each=each_query),
        }
        if each_query:
            value["each_query"] = [
                {
                    "key": query.key,
                    "text": query.text,
                    "seen": query.seen,
                    "answered": query.answered,
                    "faults": query.faults,
                }
                for query in counts
            ]
        return value

    def arrive(self, user_agent: str) -> None:
        """Counts a request that has begun."""
        now = time.monotonic()
        with self._lock:
            self.requests += 1
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
            if self.first_arrival is None:
                self.first_arrival = now
            self.last_arrival = now
            self._user_agents[user_agent] += 1

    def leave(self) -> None:
        """Counts a request that has ended, however it did."""
        with self._lock:
            self.in_flight -= 1

    def recognise(self, key: str, text: str, images: int = 0) -> QueryCount:
        """Counts an arrival of a query and gives its tally."""
        with self._lock:
            count = self._queries.get(key)
            if count is None:
                count = self._queries[key] = QueryCount(key, text, images)
            count.seen += 1
            self.images += images
            return count

    def take_line(self, key: str, text: str, images: int = 0) -> QueryCount:
        """Counts a query that came in a batch, which no limit holds back, and gives its tally."""
        count = self.recognise(key, text, images)
        with self._lock:
            count.admitted += 1
        return count

    def answer_line(self, count: QueryCount) -> None:
        """Counts a good answer in a batch."""
        with self._lock:
            count.answered += 1

    def admit(self, count: QueryCount, now: float, tokens: int) -> None:
        """Counts a request that the limits let through."""
        with self._lock:
            count.admitted += 1
            self._admitted_at.append(now)
            self._admitted_tokens.append(tokens)

    def spoil(self, count: QueryCount, fault: str) -> None:
        """Counts a fault that is about to be played."""
        with self._lock:
            count.faults += (fault,)
            self._faults[fault] += 1

    def answer(self, status: int, count: QueryCount | None = None) -> None:
        """Counts an answer that was handed to the kernel; `count` if it was a good one."""
        with self._lock:
            self._statuses[status] += 1
            if count is not None:
                count.answered += 1
                self.successes += 1

    def note(self, key: str, fault: str | None) -> None:
        """Adds a line to the file."""
        if self._file is not None:
            line = orjson.dumps({"key": key, "time": time.time(), "fault": fault})
            os.write(self._file, line + b"\n")

    def close(self) -> None:
        """Closes the file; the counts stay."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _admissions(self) -> tuple[array[float], array[int]]:
        with self._lock:
            return self._admitted_at[:], self._admitted_tokens[:]


def _freeze(count: QueryCount) -> QuerySeen:
    return QuerySeen(
        key=count.key,
        text=count.text,
        seen=count.seen,
        answered=count.answered,
        images=count.images,
        faults=count.faults,
    )

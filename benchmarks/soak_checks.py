"""What the soak reads from the disk and from the server, and how it judges a run by it.

The journal is parsed here by its own few lines, not by `syphus.journal`: a mistake there must not
hide itself.
"""

from __future__ import annotations

import json
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import orjson
from soak_script import PASSING, STOPPING, TURNS, final_state

from syphus.testing import FAULT_KINDS
from syphus.testing.judging import read_judge_request
from syphus.testing.translating import read_translation_request

if TYPE_CHECKING:
    from pathlib import Path

    from soak import Soak

# ("generate", query, turn), ("translate", query, pair, language, whether it is asked again), or
# ("judge", query, pair, whether it is asked again).
Unit: TypeAlias = tuple[Any, ...]

NOT_COMPARED = ("run.json", "meta.json")
OWN_TO_A_RUN = ("time", "cost", "perhaps_billed", "perhaps_cost")
OUTCOMES = ("reply", "truncated", "failed")


@dataclass(slots=True)
class JournalTail:
    """One journal, read on from where the last reading ended; a torn last line isn't read.

    `late` counts attempts that were begun although their outcome stood before them. Only the first
    stage's journal tells that: the requests for a query's translations share one key.
    """

    path: Path
    offset: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    units: Counter[Unit] = field(default_factory=Counter)
    last_kind: dict[str, str] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    late: int = 0

    @property
    def outcomes(self) -> int:
        """Lines that end a request."""
        return sum(self.kinds[kind] for kind in OUTCOMES)

    def read_on(self) -> None:
        """Reads the whole lines that came since."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(self.offset)
            new = file.read()
        whole = new[: new.rfind(b"\n") + 1]
        self.offset += len(whole)
        for line in whole.split(b"\n")[:-1]:
            self._take(json.loads(line))

    def _take(self, line: dict[str, Any]) -> None:
        kind = line["kind"]
        self.kinds[kind] += 1
        if kind not in OUTCOMES:
            self.late += kind == "sent" and line["key"] in self.ended
            return
        query, turn = line["query"], line["turn"]
        if "pairs" not in line:
            self.units["generate", query, turn] += 1
            self.last_kind[query] = kind
            self.ended.add(line["key"])
            return
        for pair in line["pairs"]:
            if not line["languages"]:
                self.units["judge", query, pair, turn > 0] += 1
            for code in line["languages"]:
                self.units["translate", query, pair, code, turn > 0] += 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What arrived at the server: requests in all, faults by kind, arrivals by unit."""

    requests: int
    faults: Counter[str]
    units: Counter[Unit]


def fetch_seen(base_url: str, names: dict[str, str], folder: Path) -> Seen:
    """Asks the server in `folder`; `names` are the queries' ids by their texts."""
    address = base_url.removesuffix("/v1") + "/_seen?each_query"
    with urllib.request.urlopen(address, timeout=60) as response:  # noqa: S310 - loopback
        seen = orjson.loads(response.read())
    turns = {}
    if (folder / TURNS).exists():
        lines = map(orjson.loads, (folder / TURNS).read_bytes().splitlines())
        turns = {line["key"]: (names[line["asked"]], line["turn"]) for line in lines}
    by_photo = {text.removeprefix("Photo number ").partition(".")[0]: text for text in names}
    units: Counter[Unit] = Counter()
    faults: Counter[str] = Counter()
    requests = 0
    for query in seen["each_query"]:
        requests += query["seen"]
        faults.update(query["faults"])
        text = query["text"]
        if text in names:
            units["generate", names[text], 0] += query["seen"]
        elif query["key"] in turns:
            units["generate", *turns[query["key"]]] += query["seen"]
        elif (request := read_translation_request(text)) is not None:
            for unit in _translations(request, by_photo, names):
                units[unit] += query["seen"]
        elif (request := read_judge_request(text)) is not None:
            for unit in _judgements(request, names):
                units[unit] += query["seen"]
    return Seen(requests=requests, faults=faults, units=units)


def _translations(
    request: dict[str, Any], by_photo: dict[str, str], names: dict[str, str]
) -> list[Unit]:
    units: list[Unit] = []
    for place, asked in request["pairs"].items():
        number, photo = _numbers(asked["instruction"])
        query = names[by_photo[photo]]
        again = request.get("rejected", {}).get(place, {})
        units += [
            ("translate", query, number, code, code in again) for code in request["languages"]
        ]
    return units


def _judgements(request: dict[str, Any], names: dict[str, str]) -> list[Unit]:
    query, again = names[request["annotation"]], request.get("rejected", {})
    return [
        ("judge", query, _numbers(asked["question"])[0], place in again)
        for place, asked in request["pairs"].items()
    ]


def _numbers(question: str) -> tuple[int, str]:
    # What is thing 2 of photo 17?
    words = "".join(mark if mark.isascii() else " " for mark in question).split()
    return int(words[3]), words[-1].rstrip("?")


def read_states(folder: Path, tail: JournalTail) -> tuple[dict[str, str], int]:
    """The final state of each query, by the output files, and how many have more than one.

    A query is `truncated` if its last reply was cut off, whatever pairs were found in it.
    """
    ids = {
        name: {record["id"] for record in json.loads((folder / f"{name}.json").read_bytes())}
        for name in ("valid_output", "invalid_output", "error_messages")
    }
    valid, failed = ids["valid_output"], ids["error_messages"]
    # The parts of a reply that gave no pair stand beside those that did.
    invalid = ids["invalid_output"] - valid
    states = dict.fromkeys(valid, "valid") | dict.fromkeys(invalid, "invalid")
    cut = {query for query, kind in tail.last_kind.items() if kind == "truncated"}
    states |= dict.fromkeys(cut & states.keys(), "truncated") | dict.fromkeys(failed, "failed")
    return states, len(failed & (valid | invalid))


def read_outputs(folder: Path) -> dict[str, bytes]:
    """The output files as they are, but for the moment at which the run began."""
    files = {
        path.name: path.read_bytes()
        for path in sorted(folder.glob("*.json"))
        if path.name not in NOT_COMPARED
    }
    for name, content in files.items():
        if "_instructions" in name:
            began = orjson.dumps(orjson.loads(content)["meta"]["time"])
            files[name] = content.replace(began, b'""', 1)
    return files


def read_summary(folder: Path) -> dict[str, Any]:
    """`meta.json`."""
    summary: dict[str, Any] = json.loads((folder / "meta.json").read_bytes())
    return summary


def count_broken_ids(folder: Path) -> tuple[int, int]:
    """Instructions in all files, and ids that stand twice or are named and don't exist."""
    instructions = broken = 0
    english: set[str] = set()
    for path in sorted(folder.glob("*_instructions*.json"), key=lambda path: path.name):
        entries = _entries(path)
        ids = {key for key, _ in entries}
        english = english or ids
        instructions += len(entries)
        broken += len(entries) - len(ids) + len(ids - english)
        broken += sum(related not in ids for _, entry in entries for related in entry)
    queries = json.loads((folder / "query_input.json").read_bytes())
    broken += len(queries) - len({query["id"] for query in queries})
    return instructions, broken


def _entries(path: Path) -> list[tuple[str, list[str]]]:
    """Ids and their related ids; a dict would swallow an id that stands twice."""

    def keep(pairs: list[tuple[str, Any]]) -> Any:
        names = {name for name, _ in pairs}
        return dict(pairs) if names & {"meta", "instruction", "author"} else pairs

    data = json.loads(path.read_bytes(), object_pairs_hook=keep)["data"]
    return [(key, entry["rel_ins_ids"]) for key, entry in data]


def count_unreadable(folder: Path) -> int:
    """Output files that aren't whole JSON; a killed run must leave none."""
    unreadable = 0
    for path in folder.glob("*.json"):
        try:
            orjson.loads(path.read_bytes())
        except orjson.JSONDecodeError:
            unreadable += 1
    return unreadable


@dataclass(slots=True)
class Report:
    """The table, and whether all of it is as it must be."""

    rows: list[tuple[str, str, str]] = field(default_factory=list)

    def add(self, what: str, figure: str, *, good: bool | None = None) -> None:
        """Adds a line; `good` is None for what can't be wrong."""
        self.rows.append((what, figure, {None: "", True: "ok", False: "FAILED"}[good]))

    def print(self) -> bool:
        """Prints the table; whether nothing failed."""
        width = max(len(what) for what, _, _ in self.rows)
        for what, figure, verdict in self.rows:
            print(f"{what:{width}}  {verdict:6}  {figure}")
        return all(verdict != "FAILED" for _, _, verdict in self.rows)


def check_run(
    report: Report, soak: Soak, texts: dict[str, str], *, planned: int, rate: float
) -> None:
    """What the journals, the server and the files say of the killed run; `texts` by query id."""
    kills, units = sum(soak.kills.values()), soak.units
    phases = ", ".join(f"{count} {phase}" for phase, count in sorted(soak.kills.items()))
    report.add("SIGKILLs", f"{kills} of {planned}: {phases}", good=kills == planned)
    report.add("stopped by a fault, typed again", f"{soak.stops} times")

    seen = soak.fetch_seen()
    met = seen.faults.total()
    missing = sorted(set(FAULT_KINDS) - seen.faults.keys())
    report.add(
        "faults",
        f"{met:,} of {seen.requests:,} attempts ({met / seen.requests:.1%}), "
        f"{len(seen.faults)} of {len(FAULT_KINDS)} kinds {' '.join(missing)}",
        good=not missing and met >= 0.9 * rate * seen.requests,
    )
    again = sum(seen.units[unit] != count for unit, count in soak.kept.items())
    unknown = sum(not count for count in soak.kept.values())
    late = soak.tails[0].late
    report.add(
        "in a journal and sent again",
        f"{again:,} of {len(soak.kept):,} by the server's count, {late:,} by the journal's order",
        good=not again and not unknown and not late and soak.kept.keys() == units.keys(),
    )
    twice = units.total() - len(units)
    report.add("journalled twice", f"{twice:,}", good=not twice)

    states, doubtful = read_states(soak.output, soak.tails[0])
    wrong = sum(states.get(query) != final_state(text) for query, text in texts.items())
    counted = Counter(states.values())
    report.add(
        "final states",
        f"{len(states):,} of {len(texts):,}: "
        + ", ".join(f"{count:,} {state}" for state, count in sorted(counted.items())),
        good=states.keys() == texts.keys() and not doubtful,
    )
    report.add("of these other than scripted", f"{wrong:,}", good=not wrong)

    outcomes, told = soak.count(*OUTCOMES), soak.count("sent")
    passed = sum(seen.faults[kind] for kind in (*PASSING, *STOPPING))
    lost = seen.requests - outcomes - passed
    most = kills * soak.threads
    report.add(
        "sent",
        f"{seen.requests:,}: {outcomes:,} ended, {passed:,} met what passes by, "
        f"{lost:,} lost to kills (at most {most:,})",
        good=0 <= lost <= most,
    )
    report.add("told in the journal before", f"{told:,}", good=told >= seen.requests)
    uncertain = told - soak.count("not_billed", "reply", "truncated")
    said = read_summary(soak.output)["perhaps_billed"]
    report.add("said to be perhaps billed", f"{said:,} of {uncertain:,}", good=said == uncertain)

    parts = sum(1 for _ in soak.output.rglob("*.part"))
    report.add(
        "files torn, or left over",
        f"{soak.unreadable} after {soak.sittings} sittings, {parts} at the end",
        good=not soak.unreadable and not parts,
    )
    instructions, broken = count_broken_ids(soak.output)
    report.add("ids twice, or of nothing", f"{broken} of {instructions:,}", good=not broken)


def check_outputs(report: Report, killed: Path, calm: Path, *, idle: bool) -> None:
    """Whether both runs left the same; `idle` says that the finished run sent nothing more."""
    ours, theirs = read_outputs(killed), read_outputs(calm)
    names = sorted(ours.keys() | theirs.keys())
    other = [name for name in names if ours.get(name) != theirs.get(name)]
    size = sum(map(len, ours.values())) / 1e6
    report.add(
        "outputs byte-identical to the calm run's",
        f"{len(names) - len(other)} of {len(names)} files, {size:.1f} MB {' '.join(other)}",
        good=not other,
    )
    sums = [read_summary(folder) for folder in (killed, calm)]
    names = [name for name in sums[1] if name not in OWN_TO_A_RUN]
    other = [name for name in names if sums[0].get(name) != sums[1][name]]
    report.add(
        "figures of meta.json alike",
        f"{len(names) - len(other)} of {len(names)} {' '.join(other)}",
        good=not other,
    )
    report.add("typed once more, sends", "nothing" if idle else "something", good=idle)

"""A month of hourly runs in processes of their own, with faults at random: what is lost?

    python -m benchmarks.soak [--days 30] [--clusters 60] [--seed 15] [--folder FOLDER] [--write]

Every hour a process takes a snapshot over real HTTP, and every night another one builds, reports
and mails. One run in five gets a fault of ``FAULTS``, of the nights two in three. After each
process every stored snapshot is compared with what it was, after each fault ``check`` reads the
store, and at the end the ledger is derived again from the same snapshots in an empty store.
``--write`` keeps the result in ``benchmarks/results/soak.json`` and docs/reliability.md.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.soak_world import COMMANDS, NOWHERE, Ran, World, world
from pipeline.errors import Exit
from pipeline.simulator.failed_responses import dropped, status
from pipeline.simulator.faults import Fault as ApiFault
from pipeline.store import Store
from pipeline.store.check import Severity, check

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

ROOT = Path(__file__).parents[1]
RESULT = Path(__file__).with_name("results") / "soak.json"
PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- soak: written by benchmarks/soak.py -->\n", "<!-- end of soak -->\n"
START = datetime(2026, 3, 2, tzinfo=UTC)
NIGHT = timedelta(hours=2, minutes=20)
HOUR = timedelta(hours=1)
FAULT_SHARE, NIGHT_FAULT_SHARE = 0.2, 0.7
NEVER = (
    "lost_or_changed", "codes_not_promised", "tracebacks", "damaged_files", "mails_sent_twice",
    "ledger_files_that_differ", "runs_without_record", "temporary_files_left", "broken",
)  # fmt: skip
"""The parts of a result that are 0 or empty if every promise was kept."""
PAGES = 4
"""Requests of a walk: three pages of 20 clusters, and the closing check."""


@dataclass(frozen=True)
class Fault:
    """What happens to a run, and the exit codes that docs/exit-codes.md promises for it."""

    name: str
    promised: frozenset[int]
    run: Callable[[World, str, datetime], list[Ran]]
    commands: Sequence[str] = COMMANDS
    is_repeated: bool = False
    """Whether a night is run again, as a user would after it was ended."""


def plainly(world: World, command: str, at: datetime, **options: Any) -> list[Ran]:  # noqa: ANN401
    return [world.run(at, command, **options)]


def api(*, always: ApiFault | None = None, once: ApiFault | None = None) -> Callable[..., Any]:
    """The API answers with a fault: in every response, or in one at random."""

    def run(world: World, command: str, at: datetime) -> list[Ran]:
        world.faults.always = [always] if always else []
        world.faults.then = [None] * world.dice.randrange(PAGES)
        world.faults.then += [once] if once else []
        try:
            return plainly(world, command, at)
        finally:
            world.faults.clear()

    return run


def unreachable(world: World, command: str, at: datetime) -> list[Ran]:
    return plainly(world, command, at, url=NOWHERE)


def refused_key(world: World, command: str, at: datetime) -> list[Ran]:
    return plainly(world, command, at, key="another-key")


def full_disk(world: World, command: str, at: datetime) -> list[Ran]:
    """A limit on the size of files, which root cannot pass either: a snapshot or a report fails."""
    limits = (2, 4, 8) if command == "extract" else (2, 8, 100)
    return plainly(world, command, at, file_kib=world.dice.choice(limits))


def ended_by(number: signal.Signals) -> Callable[[World, str, datetime], list[Ran]]:
    """A signal at a random moment of the run."""

    def run(world: World, command: str, at: datetime) -> list[Ran]:
        world.inbox.is_sender_ended = True
        running = world.start(at, command)
        time.sleep(world.dice.uniform(0, 0.9) * world.usual_seconds[command])
        with suppress(ProcessLookupError):
            running.process.send_signal(number)
        ran = running.end()
        world.inbox.is_sender_ended = False
        return [ran]

    return run


def clock_back(by: timedelta) -> Callable[[World, str, datetime], list[Ran]]:
    """The machine's clock is behind; the API's is right."""
    return lambda world, command, at: plainly(world, command, at - by)


def two_at_once(world: World, command: str, at: datetime) -> list[Ran]:
    """Two processes, and an API that is slow enough for both to meet."""
    slow = ApiFault("slow", on_reply=lambda reply, _: replace(reply, delay_seconds=0.2))
    world.faults.always = [slow]
    try:
        started = [world.start(at, command) for _ in range(2)]
        ran = [running.end() for running in started]
    finally:
        world.faults.clear()
    if min(each.code for each in ran) not in {Exit.DONE, Exit.WARNINGS}:
        world.fail(f"two {command} at once: neither was done: {[each.code for each in ran]}")
    return ran


def damaged_snapshot(world: World, command: str, at: datetime) -> list[Ran]:
    """A flipped bit or a truncation in one of the newest snapshots; afterwards it is restored."""
    victim = world.dice.choice(sorted(world.stored, key=lambda path: path.name)[-3:])
    return with_damage(world, command, at, victim)


def damaged_ledger(world: World, command: str, at: datetime) -> list[Ran]:
    """The same in the ledger of a closed day."""
    days = sorted((world.data / "ledger").rglob("*.parquet"), key=lambda path: path.parent.name)
    return with_damage(world, command, at, days[0])


def with_damage(world: World, command: str, at: datetime, victim: Path) -> list[Ran]:
    """Run on the damaged file; ``check`` must name this file and no other."""
    content, mode = victim.read_bytes(), victim.stat().st_mode
    if world.dice.random() < 0.5:  # noqa: PLR2004
        damaged = content[: world.dice.randrange(len(content))]
    else:
        place = world.dice.randrange(len(content))
        damaged = content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :]
    kept = world.stored.pop(victim, None)
    victim.chmod(0o600)
    victim.write_bytes(damaged)
    ran = plainly(world, command, at)
    named = damage(world, at)
    if named != {victim.relative_to(world.data).as_posix()}:
        world.fail(f"check names {named or 'nothing'}, damaged is {victim}")
    if not any(victim.name in each.err for each in ran):
        world.fail(f"{command} does not name the damaged {victim.name}: {ran[0].err}")
    victim.write_bytes(content)
    victim.chmod(mode)
    if kept:
        world.stored[victim] = kept
    return ran


def mail_down(world: World, command: str, at: datetime) -> list[Ran]:
    before = len(world.inbox.mails)
    ran = plainly(world, command, at, mail="down")
    if len(world.inbox.mails) != before:
        world.fail("a mail arrived though the mail server was down")
    return ran


def codes(*values: int) -> frozenset[int]:
    return frozenset(map(int, values))


DONE = codes(Exit.DONE)
WARNED = codes(Exit.DONE, Exit.WARNINGS)
NOTHING = Fault("none", DONE, plainly)
DOWN = codes(Exit.API_UNAVAILABLE)
FAULTS = (
    Fault("mail server down", codes(Exit.NOT_DELIVERED), mail_down, ("nightly",)),
    Fault("connection refused", DOWN, unreachable),
    Fault("503 to every request", DOWN, api(always=status(503))),
    Fault("every connection reset in the middle of a page", DOWN, api(always=dropped())),
    Fault("one 503", DONE, api(once=status(503))),
    Fault("one 429 with Retry-After", DONE, api(once=status(429, retry_after=1))),
    Fault("one connection reset in the middle of a page", DONE, api(once=dropped())),
    Fault("key refused", codes(Exit.KEY_REFUSED), refused_key),
    Fault("disk full", codes(Exit.STORAGE), full_disk, is_repeated=True),
    Fault("SIGKILL", codes(-signal.SIGKILL, *WARNED), ended_by(signal.SIGKILL), is_repeated=True),
    Fault("SIGTERM", codes(-signal.SIGTERM, *WARNED), ended_by(signal.SIGTERM), is_repeated=True),
    Fault("clock set back by 10 minutes", DONE, clock_back(timedelta(minutes=10))),
    Fault("clock set back by 2 hours", codes(Exit.WARNINGS), clock_back(timedelta(hours=2))),
    Fault("two at once", codes(Exit.DONE, Exit.LOCKED), two_at_once),
    Fault("damaged snapshot", codes(Exit.WARNINGS), damaged_snapshot, ("nightly",)),
    Fault("damaged ledger day", codes(Exit.WARNINGS), damaged_ledger, ("nightly",)),
)


@dataclass(frozen=True)
class Run:
    """A run of the plan."""

    at: datetime
    command: str
    fault: Fault = NOTHING


def of(command: str) -> list[Fault]:
    return [fault for fault in FAULTS if command in fault.commands]


def month(days: int, seed: int) -> list[Run]:
    """Hourly snapshots at random seconds and a night per day, with faults at random.

    The first two days have none: memory is compared with the second. There are few nights, so each
    fault has its turn before one is repeated.
    """
    dice = random.Random(seed)  # noqa: S311
    night_faults: list[Fault] = []
    runs = []
    for hour in range(days * 24):
        at = START + hour * HOUR + timedelta(minutes=30, seconds=dice.randrange(1200))
        is_faulty = hour >= 48 and dice.random() < FAULT_SHARE  # noqa: PLR2004
        runs.append(Run(at, "extract", dice.choice(of("extract")) if is_faulty else NOTHING))
    for day in range(1, days):
        at = START + day * 24 * HOUR + NIGHT
        is_faulty = day > 2 and dice.random() < NIGHT_FAULT_SHARE  # noqa: PLR2004
        if is_faulty and not night_faults:
            night_faults = dice.sample(of("nightly"), len(of("nightly")))
        runs.append(Run(at, "nightly", night_faults.pop() if is_faulty else NOTHING))
    runs.append(Run(START + days * 24 * HOUR + NIGHT, "nightly"))
    return sorted(runs, key=lambda run: run.at)


def every_fault_once() -> list[Run]:
    """Two days of snapshots and, on the second, every fault once.

    What ends a run in the middle is done to both commands; other faults of both alternate.
    """
    both = [fault for fault in FAULTS if len(fault.commands) > 1 and not fault.is_repeated]
    ends = [fault for fault in FAULTS if fault.is_repeated]
    only_nights = [fault for fault in FAULTS if len(fault.commands) == 1]
    extracts = [*[NOTHING] * 5, *ends, *both[::2]]
    nights = [*only_nights, *ends, *both[1::2], NOTHING]
    runs = [Run(START + n * 6 * HOUR, "extract") for n in range(4)]
    runs += [Run(START + (24 + n) * HOUR, "extract", fault) for n, fault in enumerate(extracts)]
    first = START + 25 * HOUR + NIGHT
    runs += [Run(first + n * HOUR, "nightly", fault) for n, fault in enumerate(nights)]
    return sorted(runs, key=lambda run: run.at)


@dataclass
class Seen:
    """What was measured: exit codes by fault, peak memory of runs without a fault by day."""

    codes: dict[tuple[str, str], Counter[int]] = field(default_factory=dict)
    not_promised: Counter[tuple[str, str]] = field(default_factory=Counter)
    memory: dict[tuple[str, int], list[float]] = field(default_factory=dict)


def soak(here: World, plan: Iterable[Run], seen: Seen) -> None:
    """Do all runs of the plan, and check after each."""
    for run in plan:
        step(here, run, seen)
        if run.command == "nightly" and run.fault.is_repeated:
            step(here, Run(run.at + timedelta(minutes=10), "nightly"), seen)


def step(here: World, run: Run, seen: Seen) -> None:
    """One run, its exit code, and the store after it."""
    here.clock.set(run.at)
    fault, row = run.fault, (run.command, run.fault.name)
    promised = fault.promised
    is_night = run.command == "nightly"
    if is_night and here.may_warn and promised & DONE:
        promised |= WARNED
    for ran in fault.run(here, run.command, run.at):
        seen.codes.setdefault(row, Counter())[ran.code] += 1
        if ran.code not in promised:
            seen.not_promised[row] += 1
            here.fail(f"{run.at:%d %H:%M} {row}: exit {ran.code}, not {set(promised)}: {ran.err}")
        if fault is NOTHING and ran.peak_mb is not None:
            day = (run.at - START).days + 1
            seen.memory.setdefault((run.command, day), []).append(ran.peak_mb)
            here.usual_seconds[run.command] = ran.seconds
    if fault is not NOTHING:
        here.may_warn = True
        for key in damaged_files(here):
            here.fail(f"{key} is damaged after {row}")
    elif is_night:
        here.may_warn = False


def damaged_files(here: World) -> set[str]:
    """The files of which ``check`` reads every bit and finds one wrong, without a process."""
    checked = check(Store(str(here.data)).files, read_data=True)
    return {each.key for each in checked.problems if each.severity is Severity.DAMAGE}


def damage(here: World, at: datetime) -> set[str]:
    """The files that ``check --read-data`` calls damaged."""
    ran = here.run(at, "check", "--read-data", "--json")
    if ran.code not in {Exit.DONE, Exit.WARNINGS, Exit.DAMAGE}:
        here.fail(f"check ended with {ran.code}: {ran.err}")
        return set()
    problems = json.loads(ran.out)["problems"]
    return {problem["key"] for problem in problems if problem["severity"] == "damage"}


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def differing_ledger_files(here: World, at: datetime) -> tuple[int, int]:
    """The ledger beside one that an empty store derives from the same snapshots: files, differing.

    Raises:
        SystemExit: one of them cannot be built.
    """
    clean = here.home / "clean"
    shutil.copytree(here.data / "snapshots", clean / "snapshots")
    for data in (here.data, clean):
        ran = here.run(at, "ledger", data=data)
        if ran.code not in WARNED:
            raise SystemExit(f"ledger ended with {ran.code}: {ran.err}")
    ours, theirs = files_of(here.data / "ledger"), files_of(clean / "ledger")
    return len(theirs), sum(ours.get(key) != theirs.get(key) for key in {*ours, *theirs})


def runs_without_record(here: World) -> int:
    """Runs that ended by themselves, of which the store has no record."""
    records = Counter((r.command, r.exit_code) for r in Store(str(here.data)).runs(10**6))
    ended = Counter(
        {
            (command, code): times
            for (command, code), times in here.ended.items()
            if command in COMMANDS and code >= 0
        }
    )
    return (ended - records).total()


def memory(seen: Seen) -> dict[str, dict[str, float]]:
    """Of each command, the median peak in MB by day, from the second one on."""
    return {
        command: {
            str(day): round(statistics.median(peaks), 1)
            for (name, day), peaks in sorted(seen.memory.items())
            if name == command and day > 1
        }
        for command in COMMANDS
    }


def verdict(here: World, plan: Sequence[Run], seen: Seen) -> dict[str, Any]:
    """Everything that was promised, and how often it was not kept."""
    at = max(run.at for run in plan) + HOUR
    files, differing = differing_ledger_files(here, at)
    without_record = runs_without_record(here)
    damaged = damage(here, at)
    temporary = [path for path in here.data.rglob("*") if path.name.startswith(".tmp-")]
    return {
        "processes": here.ended.total(),
        "snapshots": len(here.stored),
        "acknowledged": len(here.acknowledged),
        "lost_or_changed": len([text for text in here.broken if "lost or changed" in text])
        + len(here.acknowledged - set(here.stored)),
        "codes_not_promised": seen.not_promised.total(),
        "tracebacks": len([text for text in here.broken if "traceback" in text]),
        "damaged_files": len(damaged),
        "mails": len(here.inbox.mails),
        "mails_sent_twice": len(here.inbox.sent_twice()),
        "ledger_files": files,
        "ledger_files_that_differ": differing,
        "runs_without_record": without_record,
        "temporary_files_left": len(temporary),
        "lock_files": len(list((here.data / "locks").glob("*"))),
        "memory": memory(seen),
        "rows": [
            {
                "command": command,
                "fault": name,
                "runs": counted.total(),
                "codes": {str(code): counted[code] for code in sorted(counted)},
                "not_promised": seen.not_promised[command, name],
            }
            for (command, name), counted in sorted(seen.codes.items(), key=_place)
        ],
        "broken": here.broken,
    }


def _place(entry: tuple[tuple[str, str], object]) -> tuple[str, int]:
    command, name = entry[0]
    return command, ["none", *[fault.name for fault in FAULTS]].index(name)


def run_plan(
    home: Path, plan: Sequence[Run], *, seed: int, clusters: int, days: int
) -> dict[str, Any]:
    """Do the plan in a folder; the verdict."""
    began, seen = time.monotonic(), Seen()
    with world(home, seed, clusters, START, days) as here:
        soak(here, plan, seen)
        result = verdict(here, plan, seen)
    head = {"seed": seed, "days": days, "clusters": clusters, "cores": os.cpu_count()}
    return head | {"minutes": round((time.monotonic() - began) / 60, 1)} | result


def broken(result: dict[str, Any]) -> dict[str, Any]:
    """The promises that were not kept."""
    return {name: result[name] for name in NEVER if result[name]}


def code_text(code: str, times: int) -> str:
    name = signal.Signals(-int(code)).name if int(code) < 0 else code
    return f"{name} ({times})"


def memory_text(command: str, by_day: dict[str, float]) -> str:
    """The peaks of the second, a middle and the last day."""
    days = list(by_day)
    shown = list(dict.fromkeys([days[0], days[len(days) // 2], days[-1]]))
    peaks = ", ".join(f"{by_day[day]} MB on day {day}" for day in shown)
    return f"`{command}` {peaks} ({by_day[days[-1]] / by_day[days[0]]:.2f} times)"


def table(result: dict[str, Any]) -> str:
    """The section of docs/reliability.md: Markdown."""
    rows = [
        f"| `{row['command']}` | {row['fault']} | {row['runs']} | "
        + ", ".join(code_text(code, times) for code, times in row["codes"].items())
        + f" | {row['not_promised']} |"
        for row in result["rows"]
    ]
    grown = "; ".join(memory_text(*used) for used in result["memory"].items())
    promises = [
        ("snapshots stored, lost or changed", result["snapshots"], result["lost_or_changed"]),
        ("exit codes, not promised", sum(row["runs"] for row in result["rows"]),
         result["codes_not_promised"]),
        ("processes, with a traceback", result["processes"], result["tracebacks"]),
        ("runs that ended by themselves, without a record", sum_ended(result),
         result["runs_without_record"]),
        ("mails, sent twice", result["mails"], result["mails_sent_twice"]),
        ("ledger files, not those of an empty store with the same snapshots",
         result["ledger_files"], result["ledger_files_that_differ"]),
        ("damaged files at the end (`check --read-data`)", "",
         result["damaged_files"]),
        ("temporary files left", "", result["temporary_files_left"]),
    ]  # fmt: skip
    return "\n".join(
        [
            (
                f"{result['days']} days of {result['clusters']} clusters, {result['processes']} "
                f"processes, seed {result['seed']}, {result['minutes']} minutes on "
                f"{result['cores']} cores."
            ),
            "",
            "| run | fault | runs | exit codes (times) | not promised |",
            "| --- | --- | --- | --- | --- |",
            *rows,
            "",
            "| promise | checked | broken |",
            "| --- | --- | --- |",
            *(f"| {text} | {checked} | {broken} |" for text, checked, broken in promises),
            "",
            f"Peak memory of a process, median of the day: {grown}.",
            "",
        ]
    )


def sum_ended(result: dict[str, Any]) -> int:
    return sum(
        times for row in result["rows"] for code, times in row["codes"].items() if int(code) >= 0
    )


def with_table(page: str, result: dict[str, Any]) -> str:
    """``page`` with the table of ``result`` in its place."""
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    return before + BEGIN + table(result) + END + after


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--clusters", type=int, default=60)
    parser.add_argument("--seed", type=int, default=15)
    parser.add_argument("--short", action="store_true", help="every fault once, in two days")
    parser.add_argument("--folder", type=Path, help="an empty folder to keep; by default none")
    parser.add_argument("--write", action="store_true", help="keep the result in the documents")
    args = parser.parse_args()
    days = 2 if args.short else args.days
    plan = every_fault_once() if args.short else month(days, args.seed)
    with tempfile.TemporaryDirectory() as temporary:
        home = args.folder or Path(temporary)
        home.mkdir(exist_ok=True)
        print(f"seed {args.seed}, {len(plan)} runs, in {home}", flush=True)
        result = run_plan(home, plan, seed=args.seed, clusters=args.clusters, days=days)
    print(table(result))
    if args.write:
        RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        PAGE.write_text(with_table(PAGE.read_text("utf-8"), result), encoding="utf-8")
    sys.exit(1 if broken(result) else 0)


if __name__ == "__main__":
    main()

"""The command reconcile: the ledger against what the account was billed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.options import Command, print_result
from pipeline.cli.output import format_option, print_rows
from pipeline.cli.param_types import Day
from pipeline.cli.run import run
from pipeline.errors import SettingsError
from pipeline.terminal.amounts import money
from pipeline.terminal.text import count_of

if TYPE_CHECKING:
    from datetime import date

    import pandas as pd

    from pipeline.jobs import Job
    from pipeline.jobs.reconcile import Reconciled
    from pipeline.transform.reconcile import Sums

SHOWN = (
    "date", "billed_micros", "spend_micros", "matched_micros", "unobserved_micros",
    "residual_micros", "estimated_micros", "is_within_bounds",
)  # fmt: skip
STAYS = ("billed_micros", "residual_micros")


@click.command(cls=Command)
@click.option("--billing", metavar="FILE", help="The bill: JSON of /v2/billing/usage, or CSV.")
@click.option("--live", is_flag=True, help="Ask the API for the bill of the month to date.")
@click.option("--account", metavar="NAME", help="Whose bill it is, if there are several accounts.")
@click.option("--from", "first", type=Day(), help="The first day. [default: the bill's]")
@click.option("--to", "last", type=Day(), help="The last day. [default: the bill's]")
@format_option
def reconcile(
    billing: str | None, live: bool, account: str | None, first: date | None, last: date | None,  # noqa: FBT001 - a flag of click
    output_format: str,
) -> None:  # fmt: skip
    """Compare the ledger with what the account was billed.

    A CSV file has the columns date and amount, and may have currency. What was billed is kept, and
    the data quality of later reports has the comparison. No spend is changed.
    """
    if (billing is None) is not live:
        raise SettingsError("give one of --billing FILE, --live")
    if first is not None and last is not None and first > last:
        raise SettingsError(f"--from {first} is after --to {last}: swap them")
    data = b"" if billing is None else _read(billing)

    def action(job: Job) -> dict[str, object]:
        from pipeline.jobs.reconcile import reconcile_file, reconcile_live
        from pipeline.terminal.tables import records
        from pipeline.transform.reconcile import sums

        name = _account(job, account)
        done = (
            reconcile_live(job, name, first, last)
            if billing is None
            else reconcile_file(job, name, data, f"--billing {billing}", first, last)
        )
        rows, currency = done.rows, job.settings.currency
        print_rows(rows, output_format, SHOWN, f"bill of {name} in {currency}", STAYS)
        total = sums(rows)
        if output_format == "table":
            print_result(_in_words(total, rows, currency))
            if done.others:
                print_result(_others(done))
        return {
            "account": name,
            "currency": currency,
            "days": records(rows),
            "total": {
                "billed_micros": total.billed,
                "spend_micros": total.spend,
                "matched_micros": total.matched,
                "unobserved_micros": total.unobserved,
                "residual_micros": total.residual,
                "residual_above_micros": total.above,
                "residual_below_micros": total.below,
                "days_outside_bounds": total.outside_bounds,
            },
            "left_out": {
                "days": [
                    {"date": day, "billed_micros": micros} for day, micros in done.left_out.items()
                ],
                "billed_micros": sum(done.left_out.values()),
            },
            "not_compared": {
                f"{resource}_micros": micros for resource, micros in done.others.items()
            },
        }

    run("reconcile", action, needs_data=True)


def _read(path: str) -> bytes:
    try:
        file = Path(path).expanduser()
        # Reading a pipe without a writer, or a device without an end, never returns.
        if file.exists() and not file.is_file():
            raise SettingsError(f"--billing {path}: not a regular file; give a readable file")
        return file.read_bytes()
    except (OSError, RuntimeError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise SettingsError(f"--billing {path}: {reason}; give a readable file") from error


def _account(job: Job, asked: str | None) -> str:
    """The account that was asked for, or the only one."""
    from pipeline.jobs.extract import check_account

    known = list(job.settings.all_accounts)
    if asked is None and len(known) > 1:
        raise SettingsError(f"give --account, whose bill it is: {', '.join(known)}")
    return check_account(job, asked or known[0])


def _in_words(total: Sums, rows: pd.DataFrame, currency: str) -> str:
    billed = f"billed on {count_of(len(rows), 'day')}: {money(total.billed)} {currency}"
    lines = [
        f"{billed}; matched {money(total.matched)}, unobserved {money(total.unobserved)}",
        f"residual above 0: {money(total.above)} was billed and is in no snapshot",
        f"residual below 0: {money(-total.below)} of the ledger was not billed",
    ]
    if total.outside_bounds:
        lines.append(
            f"outside the bounds of spend: the bill on {total.outside_bounds} of "
            f"{count_of(total.with_bounds, 'day')} observed in full"
        )
    return "\n".join(lines)


def _others(done: Reconciled) -> str:
    listed = ", ".join(f"{name} {money(micros)}" for name, micros in done.others.items())
    return f"not compared, since the ledger has clusters only: {listed}"


COMMANDS = (reconcile,)

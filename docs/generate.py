"""Generates the pages of docs/ that follow from the code: ``python -m docs.generate [--check]``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from benchmarks import page as benchmarks
from pipeline import rules, schema, settings_reference
from pipeline.cli.options import GLOBAL_OPTIONS, OPTION_KEYS
from pipeline.focus.columns import VERSIONS, table_of
from pipeline.report.output.csv_files import FINDINGS_COLUMNS

HERE = Path(__file__).parent


def columns() -> str:
    """docs/columns.md: every table and column, from ``pipeline/schema.py``."""
    parts = [
        "# Columns",
        "",
        "Generated from `pipeline/schema.py` by `make docs`. Null means unknown; zero means zero.",
        "Money is in micros: 1,000,000 of them are one unit of the account's currency.",
    ]
    for table in schema.TABLES:
        parts += ["", f"## {table.name}", "", f"One row is {table.row}.", ""]
        parts += [table.note, ""] if table.note else []
        parts += ["| column | type | null? | meaning |", "| --- | --- | --- | --- |"]
        for column in table.columns:
            null = "yes" if column.nullable else ""
            place = " *(in the path)*" if column.in_path else ""
            kind = str(column.type).split("<", maxsplit=1)[0].split("[", maxsplit=1)[0]
            parts.append(f"| `{column.name}` | {kind} | {null} | {column.meaning}{place} |")
    parts += ["", "## findings.csv", "", "One row is one finding, open or of the last 30 days."]
    parts += ["Money is in the account's currency.", "", "| column | meaning |", "| --- | --- |"]
    parts += [f"| `{name}` | {meaning} |" for name, meaning in FINDINGS_COLUMNS.items()]
    tables = "spend.csv, utilization.csv and idle.csv"
    parts += ["", f"{tables} have the columns of their tables above, and the `owner`."]
    return "\n".join(parts) + "\n"


def focus_columns() -> str:
    """docs/focus-columns.md: the columns of the export, from ``pipeline/focus/columns.py``."""
    tables = {version: table_of(version) for version in VERSIONS}
    every = {column.name: column for table in tables.values() for column in table.columns}
    parts = [
        "# Columns of the FOCUS export",
        "",
        "Generated from `pipeline/focus/columns.py` by `make docs`. One row is",
        f"{tables['1.2'].row}.",
        "[What the export lacks](focus-conformance.md).",
        "",
        "| column | version | type | null? | value |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name in sorted(every):
        column = every[name]
        versions = [version for version, table in tables.items() if name in table.names]
        null = "yes" if column.nullable else ""
        kind = str(column.type).replace("128", "").replace("[us, tz=UTC]", "")
        parts.append(f"| `{name}` | {', '.join(versions)} | {kind} | {null} | {column.meaning} |")
    return "\n".join(parts) + "\n"


SETTINGS = """# Settings

Generated from `pipeline/settings.py` by `make docs`. All settings are optional. `fleetledger init`
writes a commented file, `fleetledger config show` prints each value in force and where it came
from, and `fleetledger doctor` checks that the set-up works. An unknown key is an error that names
the nearest valid key.

## Where a value comes from

The first of these that has it:

1. an option, such as `--api-url`;
2. its environment variable, such as `FLEETLEDGER_API_URL`;
3. the settings file (TOML);
4. the default.

The settings file is the first of these; it is used alone, and no other is merged into it:

1. `--config FILE`;
2. `FLEETLEDGER_CONFIG`;
3. `settings.toml` in the data directory (a local one: `--data-dir`, `FLEETLEDGER_DATA_DIR`, else
   `data` in the folder the program is started in);
4. `settings.toml` in the platform's config folder: `~/.config/fleetledger`
   (`$XDG_CONFIG_HOME/fleetledger`); on macOS `~/Library/Application Support/fleetledger`.

A file in one of the last two places is refused if another user can change it: it could send the API
key elsewhere. Relative paths in a settings file begin at the folder the program is started in.

| option | variable | setting |
| --- | --- | --- |
OPTIONS

The API key of an account is the first of: its `accounts.NAME.key_file`; its
`accounts.NAME.key_env`; `tensorone_api_key` in `$CREDENTIALS_DIRECTORY` (systemd);
`--api-key-file`, `FLEETLEDGER_API_KEY_FILE` or `api.key_file`; `TENSORONE_API_KEY_FILE`;
`TENSORONE_API_KEY`. A key or a password itself is in no setting.

## In an editor

[settings.schema.json](settings.schema.json) is the JSON Schema of the file
(`fleetledger config schema` prints it). An editor with a TOML language server (Taplo, Tombi, Even
Better TOML) checks and completes the settings with this first line:

```toml
#:schema ./settings.schema.json
```

## An example

```toml
currency = "USD"            # ISO 4217; the API names no currency

exclusions_file = "exclusions.toml"   # findings with a known reason
owners_file = "owners.toml"           # the owners of clusters

[accounts.research]         # with more than one account, each has its own key and history; at most
                            # 56 letters, digits, '_', '-', '.'
key_env = "RESEARCH_KEY"
[accounts.production]
key_file = "~/.production_key"
billing_account_id = "acct-4711"   # for `fleetledger focus`: the API names no account

[extract]
clock = "server"            # dates snapshots by the API's clock; "local": by this machine's
max_clock_skew_hours = 0.5  # beyond this difference the API's clock is not used
fresh_minutes = 30          # nightly uses a snapshot younger than this

[mail]
to = ["gpu-owners@example.org"]
sender = "fleetledger@example.org"
host = "smtp.example.org"   # STARTTLS on port 587; certificates are always verified
username = "fleetledger"
password_file = "~/.smtp_password"
attach = "html"             # the page without its script, and findings.csv; "none": no files
per_owner = true            # also mail each owner their own part, and only that

[webhooks.ops]              # channels.md: Slack, Teams, JSON; also ping, metrics, retention
kind = "slack"
url_file = "~/.slack_webhook"

[retention]                 # nightly prunes by it; the ledger keeps every amount
thin_after_days = 90

[rules]
idle_window_days = 14       # findings.md has all rules and thresholds

[report]
hide_names = false          # true: pseudonyms of clusters, projects and owners, in mails too

[mcp]
hide_names = false          # true: the same for assistants

[budgets.fleet]             # alerts at 50, 80 and 100 %, for the forecast and for the pace
amount = 400000             # per calendar month

[rate_card]                 # per GPU-hour, where the API has no price (v2)
H100 = 2.99
```

The exclusions file lists findings with a known reason. FleetLedger still judges them and shows
their cost, but counts no saving. After its date an exclusion has no effect, and the report names
it.

```toml
[[exclude]]
match = "prod-*"            # a cluster's id, name, project or template; * and ? match anything
rule = "idle"               # a rule id of findings.md; "*" (the default) for all
owner = "ml-serving"
reason = "standby for failover"
expires = 2027-03-31
```

The owners file uses the same patterns; the first matching entry counts.

```toml
[[owner]]
match = "proj-vision"
owner = "vision team"
mail = "vision@example.org"
```
"""


def settings_page() -> str:
    """docs/settings.md: every setting, and where values come from."""
    options = [option for option in GLOBAL_OPTIONS if isinstance(option, click.Option)]
    rows = [
        f"| `{option.opts[-1]}` | `{option.envvar}` | {_setting(option)} |" for option in options
    ]
    head = SETTINGS.replace("OPTIONS", "\n".join(rows))
    return f"{head}\n{settings_reference.to_markdown()}".rstrip("\n") + "\n"


def _setting(option: click.Option) -> str:
    key = OPTION_KEYS.get(str(option.name))
    return f"`{key}`" if key else ""


PAGES = {
    "columns.md": columns,
    "findings.md": rules.to_markdown,
    "focus-columns.md": focus_columns,
    "benchmarks.md": benchmarks.page,
    "settings.md": settings_page,
    "settings.schema.json": settings_reference.json_schema,
}


def main() -> int:
    """Write the pages; with ``--check``, only print which of them are stale."""
    is_check = "--check" in sys.argv[1:]
    stale = []
    for name, page in PAGES.items():
        path = HERE / name
        text = page()
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if not is_check:
            path.write_text(text, encoding="utf-8")
    if is_check and stale:
        print(f"docs/{', docs/'.join(stale)}: stale; run `make docs`")  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

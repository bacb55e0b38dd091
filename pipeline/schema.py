"""Every column once: type, unit, nullability, meaning.

The Parquet schemas, the dtypes of every DataFrame and docs/columns.md come from here. Units are in
the names: ``_micros`` (1 unit of the account's currency = 1,000,000), ``_seconds``, ``_pct``
(0-100), ``_gb``, ``_at`` (UTC timestamp). Null means unknown; zero means zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pyarrow as pa  # noqa: TID253 - every column has one of its types

if TYPE_CHECKING:
    import pandas as pd

MICROS_PER_UNIT = 1_000_000

BUSY_ABOVE_PCT = 5.0
"""A GPU with a reading above this is busy. A constant of the schema, so that old days stay
comparable (AWS Compute Optimizer's limit between an active and an inactive GPU)."""

CLUSTER_KEY = ["account", "cluster_id"]
"""The columns that identify a cluster; a list, as pandas selects columns."""

BAND_EDGES_PCT = (1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100)
"""Upper edges, inclusive, of the GPU utilization bands; the lowest band starts at 0."""

BAND_COLUMNS = tuple(
    f"band_{low}_{high}_seconds"
    for low, high in zip((0, *BAND_EDGES_PCT), BAND_EDGES_PCT, strict=False)
)
"""Running seconds per utilization band, lowest first."""

TEXT = pa.string()
CODE = pa.dictionary(pa.int32(), pa.string())
"""Text with few distinct values: stored once per file, a pandas category in frames."""
INT = pa.int64()
REAL = pa.float64()
FLAG = pa.bool_()
AT = pa.timestamp("us", tz="UTC")
DAY = pa.timestamp("us")
"""Midnight of a UTC day, without a zone: a label, not an instant."""
DATE = pa.date32()
"""A UTC day inside a file; in frames it is a :data:`DAY`."""


@dataclass(frozen=True)
class Column:
    """One column: its name, type and meaning."""

    name: str
    type: pa.DataType
    meaning: str
    nullable: bool = False
    in_path: bool = False
    """Stored in the file's path (``account=``, ``date=``), not in the file."""


@dataclass(frozen=True)
class Table:
    """One kind of table: its name, what a row is, and its columns in order."""

    name: str
    row: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    """The columns that make a row unique."""
    note: str = ""
    """For docs/columns.md: how to read it."""

    @cached_property
    def arrow(self) -> pa.Schema:
        """All columns, those of the path included."""
        return pa.schema([pa.field(c.name, c.type, c.nullable) for c in self.columns])

    @cached_property
    def stored(self) -> pa.Schema:
        """The columns inside a file."""
        inside = [c for c in self.columns if not c.in_path]
        return pa.schema([pa.field(c.name, c.type, c.nullable) for c in inside])

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The column names, in order."""
        return tuple(c.name for c in self.columns)

    def to_pandas(self, table: pa.Table) -> pd.DataFrame:
        """The frame of ``table`` (any subset of the columns) with the product's dtypes.

        Nullable integers and booleans become pandas' masked types, so that money never passes
        through a float; codes become categories; timestamps stay UTC.
        """
        import pandas as pd

        types = {INT: pd.Int64Dtype(), FLAG: pd.BooleanDtype()}
        masked = {c.name: types[c.type] for c in self.columns if c.nullable and c.type in types}
        series = {
            name: column.to_pandas(types_mapper={column.type: masked[name]}.get)
            if name in masked
            else _text_categories(column.to_pandas())
            for name, column in zip(
                table.column_names, _with_days(table.unify_dictionaries()).columns, strict=True
            )
        }
        return pd.DataFrame(series, copy=False)

    def from_pandas(self, frame: pd.DataFrame) -> pa.Table:
        """The stored table of ``frame``: every column, this order, these types.

        Raises:
            KeyError: a column is missing.
            pyarrow.ArrowInvalid: a value does not fit its column, or a null where none may be.
        """
        return self._to_arrow(frame, self.arrow)

    def _to_arrow(self, frame: pd.DataFrame, schema: pa.Schema) -> pa.Table:
        table = pa.Table.from_pandas(
            frame[schema.names], schema=schema, preserve_index=False, safe=True
        ).replace_schema_metadata(None)
        for field, column in zip(schema, table.columns, strict=True):
            if not field.nullable and column.null_count:
                raise pa.ArrowInvalid(f"{self.name}.{field.name}: null where none may be")
        return table

    def enforce(self, frame: pd.DataFrame) -> pd.DataFrame:
        """``frame`` with exactly these columns and dtypes: the last step of every transform.

        Raises:
            KeyError: a column is missing.
            pyarrow.ArrowInvalid: a value does not fit its column, or a null where none may be.
        """
        out = frame[list(self.names)].reset_index(drop=True)
        # Most columns are right already; to convert them all took as long as the transforms.
        others = [field for field in self.arrow if not _is_right(out[field.name], field)]
        if others:
            converted = self.to_pandas(self._to_arrow(out, pa.schema(others)))
            for name in converted.columns:
                out[name] = converted[name]
        return out

    def empty(self) -> pd.DataFrame:
        """No rows, right dtypes."""
        return self._no_rows.copy()

    @cached_property
    def _no_rows(self) -> pd.DataFrame:
        return self.to_pandas(self.arrow.empty_table())


_DTYPES = {TEXT: "str", AT: "datetime64[us, UTC]", DAY: "datetime64[us]", REAL: "float64"}


def _is_right(series: pd.Series[Any], field: pa.Field) -> bool:
    """Whether ``series`` surely is what a conversion to Arrow and back would make of it."""
    dtype = series.dtype
    if field.type in (INT, FLAG):
        masked, plain = ("Int64", "int64") if field.type == INT else ("boolean", "bool")
        return dtype == (masked if field.nullable else plain)
    if field.type == CODE:
        is_right = _is_code(dtype)
    else:
        is_right = field.type in _DTYPES and dtype == _DTYPES[field.type]
    return is_right and (field.nullable or not series.hasnans)


def _is_code(dtype: object) -> bool:
    import pandas as pd

    return (
        isinstance(dtype, pd.CategoricalDtype)
        and len(dtype.categories) > 0
        and dtype.categories.dtype == "str"
        and not dtype.ordered
    )


def _with_days(table: pa.Table) -> pa.Table:
    """``table`` with days as frames have them."""
    columns = [c.cast(DAY) if c.type == DATE else c for c in table.columns]
    return pa.table(columns, names=table.column_names)


def _text_categories(series: pd.Series[Any]) -> pd.Series[Any]:
    """``series``, whose categories are texts even if it has no values: others unite with none."""
    import pandas as pd

    if isinstance(series.dtype, pd.CategoricalDtype) and not len(series.cat.categories):
        return series.astype(pd.CategoricalDtype(pd.Index([], dtype="str")))
    return series


_ACCOUNT = Column("account", CODE, "The account's name in the settings.", in_path=True)
_DATE = Column("date", DAY, "The UTC day.", in_path=True)

_DIMENSIONS = (
    Column("name", TEXT, "The cluster's name.", nullable=True),
    Column("project_id", CODE, "The project it belongs to.", nullable=True),
    Column("region", CODE, "Where it runs.", nullable=True),
    Column("gpu_type", CODE, "GPU model, as the API spells it.", nullable=True),
    Column(
        "gpu_count", INT, "GPUs in the cluster; null in v2, which does not give it.", nullable=True
    ),
    Column("template_id", CODE, "The template it was made from.", nullable=True),
    Column("status", CODE, "Status as the API spells it, unknown ones too.", nullable=True),
)

SNAPSHOT = Table(
    "snapshot",
    "one cluster in one snapshot",
    (
        _ACCOUNT,
        Column("cluster_id", TEXT, "The cluster's id, an opaque text."),
        Column("observed_at", AT, "When its page was answered, by the server's clock."),
        *_DIMENSIONS,
        Column("description", TEXT, "What its owner wrote about it.", nullable=True),
        Column("cpu_cores", INT, "CPU cores.", nullable=True),
        Column("memory_gb", INT, "RAM.", nullable=True),
        Column("storage_gb", INT, "Persistent storage (`volumeSize` in v2).", nullable=True),
        Column("container_disk_gb", INT, "Container disk; only in v2.", nullable=True),
        Column("ssh_enabled", FLAG, "Whether SSH is on.", nullable=True),
        Column("gpu_utilization_pct", REAL, "GPU use in the snapshot.", nullable=True),
        Column(
            "memory_utilization_pct",
            REAL,
            "Memory use; the API does not say of which memory.",
            nullable=True,
        ),
        Column("cpu_utilization_pct", REAL, "CPU use in the snapshot.", nullable=True),
        Column("hourly_rate_micros", INT, "Price of the whole cluster per hour.", nullable=True),
        Column(
            "current_session_cost_micros",
            INT,
            "Cost since the current session began.",
            nullable=True,
        ),
        Column("total_cost_micros", INT, "Lifetime cost counter.", nullable=True),
        Column("created_at", AT, "When it was created.", nullable=True),
        Column("updated_at", AT, "When it was last changed.", nullable=True),
        Column("expires_at", AT, "When it ends by itself, if set.", nullable=True),
        Column("port_mappings", TEXT, "JSON; only if connection details are kept.", nullable=True),
        Column("proxy_url", TEXT, "Only if connection details are kept.", nullable=True),
        Column("ssh_connection", TEXT, "JSON; only if connection details are kept.", nullable=True),
        Column("extra", TEXT, "JSON of fields this version does not know.", nullable=True),
        Column(
            "bad_fields",
            TEXT,
            "Comma-separated fields whose value was unusable, hence null.",
            nullable=True,
        ),
    ),
    ("account", "cluster_id"),
)

_MONEY_OF_A_WINDOW = (
    Column("spend_micros", INT, "Spend; null where nothing could be priced.", nullable=True),
    Column("spend_low_micros", INT, "The lowest possible spend.", nullable=True),
    Column("spend_high_micros", INT, "The highest possible spend; null if unknown.", nullable=True),
    Column(
        "metered_micros",
        INT,
        "The part of spend read from the cost counter; the rest is estimated.",
    ),
    Column("stopped_spend_micros", INT, "The part of spend charged while stopped (storage)."),
    Column("unpriced_seconds", INT, "Seconds that have neither a counter nor a rate."),
)

_SECONDS = (
    Column("observed_seconds", INT, "running + stopped + transition + error seconds."),
    Column("running_seconds", INT, "Time it ran (from money where metered)."),
    Column("stopped_seconds", INT, "Time observed stopped."),
    Column("transition_seconds", INT, "Time observed starting, stopping or pending."),
    Column("error_seconds", INT, "Time observed in error."),
    Column("gap_seconds", INT, "Time with unknown status: too far from any observation."),
)

_BANDS = (
    *(
        Column(
            name,
            INT,
            f"Running seconds at GPU use {'from 0' if low == 0 else f'above {low}'} to {high} %.",
        )
        for name, low, high in zip(BAND_COLUMNS, (0, *BAND_EDGES_PCT), BAND_EDGES_PCT, strict=False)
    ),
    Column(
        "band_no_metrics_seconds",
        INT,
        "Running seconds near an observation without a GPU reading.",
    ),
    Column(
        "band_unseen_seconds",
        INT,
        "Running seconds more than 30 minutes from any running observation.",
    ),
)

LEDGER = Table(
    "ledger",
    "one cluster on one UTC day",
    (
        _ACCOUNT,
        _DATE,
        Column("cluster_id", TEXT, "The cluster's id."),
        *_DIMENSIONS,
        Column(
            "expires_at",
            AT,
            "When it ends by itself, as of the day's last observation.",
            nullable=True,
        ),
        Column("created_at", AT, "When it was created.", nullable=True),
        Column("hourly_rate_micros", INT, "Rate as of the day's last observation.", nullable=True),
        Column("has_moved", FLAG, "A dimension changed during the day."),
        *_MONEY_OF_A_WINDOW,
        Column(
            "carried_in_micros",
            INT,
            "Lifetime cost it had when first observed: never this day's spend.",
        ),
        Column(
            "cut_start_micros",
            INT,
            "Money of the interval across the day's first midnight that may lie on its other side.",
        ),
        Column("cut_end_micros", INT, "The same for the day's last midnight."),
        *_SECONDS,
        *_BANDS,
        Column("gpu_weight_seconds", INT, "Running seconds with a GPU reading."),
        Column("gpu_sum_mpct_seconds", INT, "GPU use in thousandths of a percent, times seconds."),
        Column("gpu_max_pct", REAL, "Highest GPU reading while running.", nullable=True),
        Column("memory_weight_seconds", INT, "Running seconds with a memory reading."),
        Column(
            "memory_sum_mpct_seconds", INT, "Memory use in thousandths of a percent, times seconds."
        ),
        Column("memory_max_pct", REAL, "Highest memory reading while running.", nullable=True),
        Column("cpu_weight_seconds", INT, "Running seconds with a CPU reading."),
        Column("cpu_sum_mpct_seconds", INT, "CPU use in thousandths of a percent, times seconds."),
        Column("cpu_max_pct", REAL, "Highest CPU reading while running.", nullable=True),
        Column("looks", INT, "Observations of the cluster on the day."),
        Column(
            "hours_observed",
            INT,
            "24-bit mask: UTC hours with a running observation that has a GPU reading.",
        ),
        Column("hours_busy", INT, "24-bit mask: those hours with GPU use above 5 %."),
        Column(
            "random_samples",
            INT,
            "Observations at the random instant of an interval (`extract --spread`) that show what "
            "the cluster did: a GPU reading while running, or a known status that is not running.",
        ),
        Column("random_busy_samples", INT, "Those of them with GPU use above 5 %."),
        Column("random_seconds", INT, "Time of the day that lies in their intervals."),
        Column("random_interval_seconds", INT, "The longest of their intervals."),
        Column(
            "last_busy_at", AT, "Last observation of the day with GPU use above 5 %.", nullable=True
        ),
        Column("first_observed_at", AT, "First observation of the day.", nullable=True),
        Column("last_observed_at", AT, "Last observation of the day.", nullable=True),
        Column(
            "flags",
            CODE,
            "Comma-separated: reset, vanished, carried, created, replaced, rate_card, bad_fields.",
        ),
    ),
    ("account", "date", "cluster_id"),
)

SPEND = Table(
    "spend",
    "one cluster on one UTC day, with the columns that money is grouped by",
    (
        _DATE,
        _ACCOUNT,
        Column("cluster_id", TEXT, "The cluster's id."),
        *_DIMENSIONS,
        *_MONEY_OF_A_WINDOW,
        Column(
            "cut_start_micros",
            INT,
            "Money around the day's first midnight that may lie on its other side.",
        ),
        Column("cut_end_micros", INT, "The same for the day's last midnight."),
        Column("running_seconds", INT, "Time it ran."),
        Column(
            "gpu_seconds",
            INT,
            "Running seconds times GPUs; null where the count is unknown.",
            nullable=True,
        ),
    ),
    ("account", "date", "cluster_id"),
)

_WINDOW_FACTS = (
    Column("account", CODE, "The account's name in the settings."),
    Column("cluster_id", TEXT, "The cluster's id."),
    *_DIMENSIONS,
    Column("expires_at", AT, "When it ends by itself.", nullable=True),
    Column("created_at", AT, "When it was created.", nullable=True),
    Column("hourly_rate_micros", INT, "Latest known rate.", nullable=True),
)

_EVIDENCE = (
    Column(
        "samples",
        INT,
        "n: distinct clock hours with a running observation that has a GPU reading.",
    ),
    Column("busy_samples", INT, "k: those of them with GPU use above 5 %."),
    Column(
        "busy_share_bound",
        REAL,
        "The highest share of its running time that may have been busy (95 %), 0-1; running time "
        "without a sample counts as busy.",
        nullable=True,
    ),
    Column(
        "has_random_samples",
        FLAG,
        "Whether the bound rests on random instants (`extract --spread`); else it assumes that "
        "snapshots fall independently of the work.",
    ),
    Column("hour_of_week_coverage", REAL, "Share of the 168 hours of the week with a sample, 0-1."),
    Column("last_busy_at", AT, "Last observation with GPU use above 5 %.", nullable=True),
    Column("first_observed_at", AT, "First observation in the window.", nullable=True),
    Column("last_observed_at", AT, "Last observation in the window.", nullable=True),
)

UTILIZATION = Table(
    "utilization",
    "one cluster over the report's window (30 days unless set), most unused money first",
    (
        *_WINDOW_FACTS,
        *_MONEY_OF_A_WINDOW,
        *_SECONDS,
        Column("gpu_seconds", INT, "Running seconds times GPUs.", nullable=True),
        Column(
            "gpu_mean_pct", REAL, "Mean GPU use over running time with a reading.", nullable=True
        ),
        Column(
            "gpu_p95_pct",
            REAL,
            "Upper edge of the band that holds the 95th percentile.",
            nullable=True,
        ),
        Column("gpu_max_pct", REAL, "Highest reading.", nullable=True),
        Column("memory_mean_pct", REAL, "Mean memory use.", nullable=True),
        Column("memory_max_pct", REAL, "Highest memory reading.", nullable=True),
        Column("cpu_mean_pct", REAL, "Mean CPU use.", nullable=True),
        Column("cpu_max_pct", REAL, "Highest CPU reading.", nullable=True),
        Column(
            "idle_share_pct",
            REAL,
            "Share of running time with a reading at or below 5 %.",
            nullable=True,
        ),
        *_BANDS,
        *_EVIDENCE,
        Column(
            "is_present",
            FLAG,
            "Still listed at the end of the window, or of the last day its account is observed.",
        ),
        Column(
            "unused_micros",
            INT,
            "Spend times the unused share of the GPU: a ranking key, never a saving.",
            nullable=True,
        ),
    ),
    ("account", "cluster_id"),
)

PROVABLE_WASTE = (
    "Money of the rules' window (14 days unless set) that was spent without work, as far as the "
    "evidence excludes work. It is proven waste where grade is proven or empty (a rule without "
    "grades). Where grade is likely or suspected, this much may have been wasted: no claim is made."
)

IDLE = Table(
    "idle",
    "one idle candidate over the rules' window (14 days unless set), most provable waste first",
    (
        *_WINDOW_FACTS,
        Column("window_spend_micros", INT, "Spend of the rules' window.", nullable=True),
        Column("running_seconds", INT, "Time it ran."),
        Column("gpu_mean_pct", REAL, "Mean GPU use.", nullable=True),
        Column("gpu_max_pct", REAL, "Highest GPU reading.", nullable=True),
        Column("memory_max_pct", REAL, "Highest memory reading.", nullable=True),
        Column("cpu_mean_pct", REAL, "Mean CPU use.", nullable=True),
        Column(
            "idle_share_pct",
            REAL,
            "Share of running time with a reading at or below 5 %.",
            nullable=True,
        ),
        *_EVIDENCE,
        Column("grade", CODE, "suspected, likely or proven."),
        Column(
            "provable_waste_micros",
            INT,
            f"{PROVABLE_WASTE} Candidates are ranked by it.",
        ),
    ),
    ("account", "cluster_id"),
)

_LIFECYCLE = (
    Column(
        "state",
        CODE,
        "new, open, reopened, unjudged, excluded or gone; null without a finding.",
        nullable=True,
    ),
    Column("found_on", DATE, "The first date it was found on.", nullable=True),
    Column("gone_on", DATE, "The date it was gone.", nullable=True),
    Column(
        "gone_reason",
        CODE,
        "terminated, stopped, cheaper, expired, ended by itself, resumed work, rule changed or no "
        "longer holds.",
        nullable=True,
    ),
    Column("baseline_micros", INT, "Expected spend of 30 days while it was open.", nullable=True),
    Column("promised_micros", INT, "Counted saving of 30 days while it was open.", nullable=True),
    Column(
        "realised_micros",
        INT,
        "Spend avoided on up to 30 days after it is gone, each day at most its promise; on one "
        "finding of a cluster.",
        nullable=True,
    ),
    Column(
        "waiting_cost_micros",
        INT,
        "What the cluster has cost on the days since it was first found and while it was open.",
        nullable=True,
    ),
)

FINDINGS = Table(
    "findings",
    "the outcome of one rule for one cluster on the report's date",
    (
        Column("account", CODE, "The account's name in the settings."),
        Column("cluster_id", TEXT, "The cluster's id."),
        Column("name", TEXT, "The cluster's name.", nullable=True),
        Column("project_id", CODE, "Its project.", nullable=True),
        Column("rule_id", CODE, "The rule, by its stable id."),
        Column("rule_version", INT, "The rule's version."),
        Column(
            "rule_digest",
            CODE,
            "Fingerprint of the rule and of the thresholds that decide.",
            nullable=True,
        ),
        Column("outcome", CODE, "FINDING, CLEAR, INSUFFICIENT_DATA or NOT_APPLICABLE."),
        Column(
            "decided_by",
            CODE,
            "The condition that decided, and its list: `applies:`, `needs:` or `when:`; "
            "`account:observed_until` where the account is not observed. Null for a FINDING: all "
            "conditions hold, and `evidence` has their values.",
            nullable=True,
        ),
        Column(
            "decided_limit",
            CODE,
            "JSON of the limit in force: a number in the measure's unit (money in micros), a flag, "
            "a date, or an array of texts.",
            nullable=True,
        ),
        Column(
            "decided_value",
            TEXT,
            'JSON of the value that was compared with it; null: unknown, "inf": infinite.',
            nullable=True,
        ),
        Column(
            "grade",
            CODE,
            "suspected, likely or proven; null where a rule does not grade.",
            nullable=True,
        ),
        Column("samples", INT, "n: distinct clock hours with a GPU reading while it ran."),
        Column(
            "busy_share_bound",
            REAL,
            "Highest share of running time that may have been busy (95 %), 0-1.",
            nullable=True,
        ),
        Column("spend_micros", INT, "Spend of the trailing 30 days.", nullable=True),
        Column(
            "provable_waste_micros",
            INT,
            PROVABLE_WASTE,
            nullable=True,
        ),
        Column(
            "action",
            CODE,
            "What to do: terminate, stop, schedule, resize, move, review.",
            nullable=True,
        ),
        Column(
            "counted_saving_micros",
            INT,
            "Its share of the fleet's saving over the next 30 days; 0 where an alternative counts.",
            nullable=True,
        ),
        Column(
            "since_at",
            AT,
            "Where the evidence begins: last busy, else first seen, in the rules' window.",
            nullable=True,
        ),
        Column("hourly_rate_micros", INT, "Latest known rate.", nullable=True),
        Column("owner", CODE, "The cluster's owner, by the owners file.", nullable=True),
        Column(
            "evidence",
            TEXT,
            "JSON of the measures that the rule read; findings only.",
            nullable=True,
        ),
        Column("gross_saving_micros", INT, "What the action ends, over 30 days.", nullable=True),
        Column("remaining_micros", INT, "What stays charged, such as storage.", nullable=True),
        Column("net_saving_micros", INT, "Gross less remaining.", nullable=True),
        Column(
            "run_rate_saving_micros",
            INT,
            "The net saving at its recent cost: not limited by what it has cost so far.",
            nullable=True,
        ),
        Column(
            "suspected_saving_micros",
            INT,
            "What a suspicion may save over 30 days, where nothing of its cluster is counted.",
            nullable=True,
        ),
        Column("exclusion", TEXT, "The exclusion in force, with its reason.", nullable=True),
        *_LIFECYCLE,
    ),
    ("account", "cluster_id", "rule_id"),
    note="The reason of an outcome in words follows from three columns: `needs:samples>="
    'idle_min_samples`, `5` and `3` read "Number of hours with a GPU reading is 3, below 5" '
    '(the labels of measures are those of docs/findings.md); without a value it "is unknown". '
    "findings.csv, unjudged.csv and `fleetledger findings` have it in words, as `reason`.",
)

RECONCILIATION = Table(
    "reconciliation",
    "one account on one UTC day of a bill",
    (
        _DATE,
        _ACCOUNT,
        Column("billed_micros", INT, "What the account was billed for clusters."),
        Column(
            "spend_micros", INT, "The ledger's spend; null without a ledger day.", nullable=True
        ),
        Column("spend_low_micros", INT, "The lowest possible spend.", nullable=True),
        Column("spend_high_micros", INT, "The highest possible spend.", nullable=True),
        Column("estimated_micros", INT, "The part of spend that no counter shows.", nullable=True),
        Column("matched_micros", INT, "What both have: the smaller of billed and spend."),
        Column(
            "unobserved_micros",
            INT,
            "Billed beyond the ledger on a day that was not observed in full.",
        ),
        Column(
            "residual_micros",
            INT,
            "Billed less spend, where unobserved time does not explain it: above 0, no snapshot "
            "shows it; below 0, it was not billed.",
        ),
        Column(
            "is_within_bounds",
            FLAG,
            "Whether the bill lies between the lowest and the highest spend; null if unknown.",
            nullable=True,
        ),
    ),
    ("account", "date"),
    note="Made by `fleetledger reconcile`. Billed = spend + unobserved + residual.",
)

TABLES = (SNAPSHOT, LEDGER, SPEND, UTILIZATION, IDLE, FINDINGS, RECONCILIATION)

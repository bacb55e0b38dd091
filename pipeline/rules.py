"""Finding rules as data: what each applies to, needs, looks for, says, and why that threshold.

A rule is four lists of clauses over documented measures, so one small engine judges every cluster:

- ``applies``: a false clause means NOT_APPLICABLE;
- ``needs``: a false or unknown clause means INSUFFICIENT_DATA;
- ``when``: all true is a FINDING, one false is CLEAR, else INSUFFICIENT_DATA (unknown is not 0);
- ``grades``: the first whose clauses are all true says how sure the finding is.

Thresholds are names of settings (``[rules]``), so a report can print the one that spoke.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline import settings

FINDING = "FINDING"
CLEAR = "CLEAR"
INSUFFICIENT_DATA = "INSUFFICIENT_DATA"
NOT_APPLICABLE = "NOT_APPLICABLE"
OUTCOMES = (FINDING, CLEAR, INSUFFICIENT_DATA, NOT_APPLICABLE)

PROVEN, LIKELY, SUSPECTED = "proven", "likely", "suspected"
GRADES = (PROVEN, LIKELY, SUSPECTED)


@dataclass(frozen=True)
class Measure:
    """A column that a clause may speak of."""

    name: str
    label: str
    unit: str
    """pct (0-100), share (0-1), hours, days, count, money (micros), times, text, flag."""
    meaning: str


MEASURES = {
    m.name: m
    for m in (
        Measure("status", "status", "text", "Status at its latest look."),
        Measure("name", "name", "text", "Its name."),
        Measure("project_id", "project", "text", "Its project."),
        Measure("region", "region", "text", "Its region."),
        Measure("gpu_type", "GPU type", "text", "Its GPU model."),
        Measure("template_id", "template", "text", "The template it was made from."),
        Measure("gpu_count", "GPU count", "count", "Its GPUs."),
        Measure("is_present", "still listed", "flag", "Still listed at the end of the date."),
        Measure("hourly_rate_micros", "hourly rate", "money", "Latest known rate of the cluster."),
        Measure("spend_micros", "spend", "money", "Spend in the rules' window."),
        Measure(
            "spend_share_of_mean",
            "spend against the fleet's mean",
            "share",
            "Spend over the mean spend of the clusters that spent anything in the window.",
        ),
        Measure("running_hours", "running time", "hours", "Time it ran in the window."),
        Measure("observed_days", "days listed", "days", "Days of the window it was listed on."),
        Measure(
            "gpu_mean_pct", "mean GPU use", "pct", "Mean of its readings, weighted by running time."
        ),
        Measure(
            "gpu_p95_pct",
            "95th percentile of GPU use",
            "pct",
            "Upper edge of the band that holds it: the true value is that or less.",
        ),
        Measure("gpu_max_pct", "highest GPU use", "pct", "Highest reading."),
        Measure("memory_mean_pct", "mean memory use", "pct", "The API does not say whose memory."),
        Measure("memory_max_pct", "highest memory use", "pct", "Highest reading."),
        Measure("cpu_mean_pct", "mean CPU use", "pct", "Mean of its readings."),
        Measure("cpu_max_pct", "highest CPU use", "pct", "Highest reading."),
        Measure(
            "idle_share_pct",
            "share of running time with the GPU at or below 5 %",
            "pct",
            "Of the running time that has a reading.",
        ),
        Measure(
            "samples",
            "number of hours with a GPU reading",
            "count",
            "Distinct clock hours with a reading.",
        ),
        Measure(
            "busy_samples", "number of busy hours", "count", "Those of them with GPU use above 5 %."
        ),
        Measure(
            "busy_share_bound",
            "highest busy share the samples leave possible",
            "share",
            "One-sided 95 % Clopper-Pearson bound.",
        ),
        Measure(
            "week_coverage",
            "share of its running hours of the week that were looked at",
            "share",
            "Distinct hours of the week with a sample, over its running hours per week.",
        ),
        Measure("found_idle", "found idle", "flag", "Whether the rule `idle` found it."),
        Measure(
            "found_idle_loaded",
            "found idle but loaded",
            "flag",
            "Whether the rule `idle_loaded` found it.",
        ),
    )
}


@dataclass(frozen=True)
class Clause:
    """``measure op limit``; the limit is a number, a flag, texts, or the name of a setting.

    Limits on money are written in the account's currency.
    """

    measure: str
    op: str
    limit: float | bool | str | tuple[str, ...]
    otherwise: str = ""
    """Said instead of the numbers when the clause is false."""

    def value(self, thresholds: settings.Rules) -> float | bool | tuple[str, ...]:
        """The limit in force."""
        if isinstance(self.limit, str):
            return float(getattr(thresholds, self.limit))
        return self.limit


@dataclass(frozen=True)
class Rule:
    """One rule. Its id is stable; a change of meaning raises its version."""

    id: str
    version: int
    title: str
    applies: tuple[Clause, ...]
    needs: tuple[Clause, ...]
    when: tuple[Clause, ...]
    says: str
    """The sentence of a finding; ``{measure}`` is that cluster's value."""
    actions: tuple[tuple[str | None, str], ...]
    """What to do, by grade (None: any other)."""
    source: str
    """Where the thresholds come from."""
    comment: str
    grades: tuple[tuple[str, tuple[Clause, ...]], ...] = ()
    proves_waste: bool = False
    """Whether a finding's money is waste that the evidence proves."""

    def action(self, grade: str | None) -> str:
        """What to do about a finding of ``grade``."""
        actions = dict(self.actions)
        return actions.get(grade, actions[None])


_LISTED = Clause("is_present", "is", True, "it is no longer listed")  # noqa: FBT003
_RUNS = Clause("status", "in", ("running",))
_RAN_ENOUGH = Clause("running_hours", ">=", "idle_min_running_hours")
_LOOKED_AT = Clause("samples", ">=", "idle_min_samples")
_QUIET = (
    Clause("idle_share_pct", ">=", "idle_suspected_share_pct"),
    Clause("cpu_mean_pct", "<", "idle_max_cpu_mean_pct"),
)
_IDLE_GRADES = (
    (
        PROVEN,
        (
            Clause("idle_share_pct", ">=", "idle_share_pct"),
            Clause("busy_share_bound", "<=", "idle_proven_bound"),
            Clause("week_coverage", ">=", "idle_proven_coverage"),
            Clause("observed_days", ">=", "idle_proven_days"),
        ),
    ),
    (
        LIKELY,
        (
            Clause("idle_share_pct", ">=", "idle_likely_share_pct"),
            Clause("busy_share_bound", "<=", "idle_likely_bound"),
            Clause("week_coverage", ">=", "idle_likely_coverage"),
        ),
    ),
    (SUSPECTED, ()),
)
_SEEN = (
    "{busy_samples} of {samples} looked-at hours were busy, which leaves at most "
    "{busy_share_bound} busy time possible"
)

IDLE = Rule(
    id="idle",
    version=1,
    title="Idle",
    applies=(_LISTED, _RUNS),
    needs=(_RAN_ENOUGH, _LOOKED_AT),
    when=(*_QUIET, Clause("memory_mean_pct", "<", "idle_loaded_memory_pct")),
    grades=_IDLE_GRADES,
    says=(
        "GPU at or below 5 % for {idle_share_pct} of the seen part of {running_hours} running, "
        f"CPU {{cpu_mean_pct}} on average; {_SEEN}"
    ),
    actions=((PROVEN, "terminate"), (LIKELY, "stop"), (None, "review")),
    source=(
        "AWS Compute Optimizer's idle rule for GPU instances: GPU not active for more than 99 % of "
        "the look-back, CPU below 5 % at most, 14 days, 30 hours of metrics. Its CPU line is a "
        "maximum; a sampled maximum misses peaks, so ours is a mean of 10 %."
    ),
    comment=(
        "A grade needs both few possible busy hours (the bound) and looks at enough of the hours "
        "of the week it ran in: nights alone say nothing about days."
    ),
    proves_waste=True,
)

IDLE_LOADED = Rule(
    id="idle_loaded",
    version=1,
    title="Idle but loaded",
    applies=(_LISTED, _RUNS),
    needs=(_RAN_ENOUGH, _LOOKED_AT),
    when=(*_QUIET, Clause("memory_mean_pct", ">=", "idle_loaded_memory_pct")),
    grades=_IDLE_GRADES,
    says=(
        "GPU at or below 5 % for {idle_share_pct} of the seen part of {running_hours} running, "
        f"but memory at {{memory_mean_pct}}: a model may be waiting for requests; {_SEEN}"
    ),
    actions=((None, "review"),),
    source="Princeton's Job Defense Shield excludes jobs with high GPU memory for this reason.",
    comment=(
        "The API does not say whose memory it reports. Low memory proves nothing; high memory "
        "makes an idle GPU a question for its owner, so no saving is counted."
    ),
)

UNDERUTILIZED = Rule(
    id="underutilized",
    version=1,
    title="Underutilized",
    applies=(
        _LISTED,
        _RUNS,
        Clause("found_idle", "is", False, "already judged idle"),  # noqa: FBT003
        Clause("found_idle_loaded", "is", False, "already judged idle but loaded"),  # noqa: FBT003
    ),
    needs=(_RAN_ENOUGH, Clause("samples", ">=", "underutilized_min_samples")),
    when=(
        Clause("gpu_mean_pct", "<=", "underutilized_mean_pct"),
        Clause("gpu_p95_pct", "<", "underutilized_p95_pct"),
        Clause("spend_share_of_mean", ">=", "underutilized_min_spend_share"),
    ),
    grades=(
        (
            PROVEN,
            (
                Clause("samples", ">=", "underutilized_proven_samples"),
                Clause("week_coverage", ">=", "idle_proven_coverage"),
                Clause("observed_days", ">=", "idle_proven_days"),
            ),
        ),
        (LIKELY, (Clause("week_coverage", ">=", "idle_likely_coverage"),)),
        (SUSPECTED, ()),
    ),
    says=(
        "mean GPU use {gpu_mean_pct}, 95 % of its seen running time at or below {gpu_p95_pct}, "
        "over {running_hours} running and {samples} looked-at hours"
    ),
    actions=((PROVEN, "resize"), (LIKELY, "resize"), (None, "review")),
    source=(
        "Princeton's Job Defense Shield (mean at most 25 %, and material); the 95th percentile "
        "keeps bursts out. 59 samples without one above a line exclude 5 % of time above it."
    ),
    comment=(
        "One number per cluster stands for all its GPUs: a mean of 25 % may be one busy GPU of "
        "four, which fewer GPUs help, or four quarter-busy ones, which they may not."
    ),
)

SEED_CANDIDATE = Rule(
    id="seed_candidate",
    version=1,
    title="Expensive and little used",
    applies=(_LISTED, _RUNS),
    needs=(),
    when=(
        Clause("hourly_rate_micros", ">", "seed_hourly_rate"),
        Clause("gpu_mean_pct", "<", "seed_utilization_pct"),
    ),
    says="{hourly_rate_micros} an hour at a mean GPU use of {gpu_mean_pct}",
    actions=((None, "review"),),
    source="The vendor's own example of cost optimisation on the List Clusters page.",
    comment=(
        "The example judges one reading at one moment; here the mean of the window is judged. It "
        "asks for a look, and counts no saving."
    ),
)

RULES = (IDLE, IDLE_LOADED, UNDERUTILIZED, SEED_CANDIDATE)

_OPS = {
    "<": "below",
    "<=": "at most",
    ">": "above",
    ">=": "at least",
    "==": "equal to",
    "in": "one of",
    "is": "",
}


def describe(clause: Clause) -> str:
    """The clause in words, with its threshold's setting."""
    measure = MEASURES[clause.measure]
    if isinstance(clause.limit, bool):
        return measure.label if clause.limit else f"not {measure.label}"
    if isinstance(clause.limit, tuple):
        return f"{measure.label} {_OPS[clause.op]} {', '.join(clause.limit)}"
    limit = f"`{clause.limit}`" if isinstance(clause.limit, str) else f"{clause.limit:g}"
    return f"{measure.label} {_OPS[clause.op]} {limit}"

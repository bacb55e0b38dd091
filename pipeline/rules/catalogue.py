"""The rules: ids, versions, thresholds by name, the sentences they say, and their sources."""

from __future__ import annotations

from pipeline.rules.clauses import LIKELY, LISTED, PROVEN, SUSPECTED, Clause, Rule

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
    subject="use",
    is_idle=True,
    tag="idle",
    applies=(LISTED, _RUNS),
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
        "of the week it ran in: nights alone say nothing about days. Known limit: a cluster "
        "younger than a week is judged by the days it has shown. An office box made on a Friday "
        "can look likely idle until Monday; it is not proven before a week has passed."
    ),
    waste="provable_waste_micros",
)

IDLE_LOADED = Rule(
    id="idle_loaded",
    version=1,
    title="Idle but loaded",
    subject="use",
    is_idle=True,
    tag="loaded",
    applies=(LISTED, _RUNS),
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

_NOT_IDLE = (
    Clause("found_idle", "is", False),  # noqa: FBT003 - the limit of a flag
    Clause("found_idle_loaded", "is", False),  # noqa: FBT003
)

UNDERUTILIZED = Rule(
    id="underutilized",
    version=1,
    title="Underutilized",
    subject="use",
    applies=(
        LISTED,
        _RUNS,
        *_NOT_IDLE,
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
        "four, which fewer GPUs help, or four quarter-busy ones, which they may not. A cluster "
        "that reports no GPU use is not judged: nothing is known of its use."
    ),
)

SEED_CANDIDATE = Rule(
    id="seed_candidate",
    version=1,
    title="Expensive and little used",
    subject="price",
    applies=(LISTED, _RUNS),
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

OFF_HOURS = Rule(
    id="off_hours",
    version=1,
    title="Runs in off-hours",
    subject="use",
    applies=(LISTED, _RUNS, *_NOT_IDLE),
    needs=(
        Clause("observed_days", ">=", "off_hours_min_days"),
        Clause("week_coverage", ">=", "off_hours_min_coverage"),
    ),
    when=(Clause("off_hours_per_week", ">=", "off_hours_min_per_week"),),
    grades=(
        (LIKELY, (Clause("off_hours_samples", ">=", "underutilized_proven_samples"),)),
        (SUSPECTED, ()),
    ),
    says=(
        "{off_hours_per_week} of the 168 hours of the week, in runs of at least 12, were never "
        "busy in {observed_days} ({off_hours_samples} looked-at hours)"
    ),
    actions=((LIKELY, "schedule"), (None, "review")),
    source=(
        "OptScale's off-schedule report: the 168 hours of the week over 14 days, two samples each."
    ),
    comment=(
        "An hour nobody looked at counts as busy. Only runs of 12 hours count, so that chance gaps "
        "between bursts do not add up to a schedule. Never proven: two weeks are two Mondays. "
        "Known limits: a younger cluster is not judged, nor one that reports its use in half of "
        "the hours, nor any if `idle_window_days` is less than two weeks."
    ),
)

STUCK_PAID = Rule(
    id="stuck_paid",
    version=1,
    title="Stuck, and paid for",
    applies=(LISTED, Clause("status", "in", ("starting", "stopping", "pending", "error"))),
    needs=(),
    when=(
        Clause("stuck_hours", ">=", "stuck_min_hours"),
        Clause("stuck_spend_micros", ">", 0.0),
    ),
    says=(
        "{status} for at least {stuck_hours} without running, charged at least {stuck_spend_micros}"
    ),
    actions=((None, "stop"),),
    source="Datadog's stuck node and OptScale's stuck-in-state checks.",
    comment=(
        "Only whole days without any running or stopped time count, so a cluster that restarts "
        "often is not stuck; a fresh case is found a day later."
    ),
    waste="stuck_spend_micros",
    basis=("stuck_spend_micros", "stuck_hours"),
)

STOPPED_CHARGED = Rule(
    id="stopped_charged",
    version=1,
    title="Stopped, but charged",
    applies=(LISTED, Clause("status", "in", ("stopped",))),
    needs=(),
    when=(
        Clause("stopped_hours", ">=", "stopped_min_hours"),
        Clause("stopped_spend_micros", ">=", "stopped_min_spend"),
    ),
    says="stopped for {stopped_hours}, and charged {stopped_spend_micros} in that time",
    actions=((None, "terminate"),),
    source="AWS Trusted Advisor reports stopped instances after 30 days, OptScale after one.",
    comment="The price is that of its storage: keep the data elsewhere, then delete the cluster.",
    basis=("stopped_spend_micros", "stopped_hours"),
)

NO_EXPIRY = Rule(
    id="no_expiry",
    version=1,
    title="Runs without an end",
    applies=(LISTED, _RUNS),
    needs=(),
    when=(
        Clause("has_expiry", "is", False),  # noqa: FBT003 - the limit of a flag
        Clause("age_days", ">=", "no_expiry_min_days"),
    ),
    says="runs for {age_days} at {hourly_rate_micros} an hour, and nothing ends it",
    actions=((None, "review"),),
    source="Forgotten clusters are the most frequent complaint of people who rent GPUs.",
    comment="A question of hygiene: it counts no saving.",
)

PRICE_OUTLIER = Rule(
    id="price_outlier",
    version=1,
    title="Dearer than its peers",
    subject="price",
    applies=(LISTED, _RUNS),
    needs=(Clause("peers", ">=", "price_min_peers"),),
    when=(Clause("price_ratio", ">=", "price_ratio"),),
    says=(
        "{rate_per_gpu_micros} per GPU-hour, {price_ratio} the {peer_rate_micros} that is the "
        "median of {peers} running clusters of the same GPU type and region"
    ),
    actions=((None, "move"),),
    source="The fleet's own prices: no price list is needed, and discounts are included.",
    comment="The same GPU type may be sold with different memory or links: compare before moving.",
)

SPEND_ANOMALY = Rule(
    id="spend_anomaly",
    version=2,
    title="Unusual spend",
    applies=(LISTED,),
    needs=(
        Clause("earlier_days", ">=", "anomaly_min_days"),
        Clause("history_days", ">=", "anomaly_min_history"),
    ),
    when=(
        Clause("anomaly_score", ">", "anomaly_score"),
        Clause("deviation_micros", ">=", "anomaly_min_money"),
    ),
    says=(
        "{day_spend_micros} on the day against a usual {usual_spend_micros}: {deviation_micros} "
        "away, {anomaly_score} the usual spread over {history_days} comparable days"
    ),
    actions=((None, "review"),),
    source=(
        "Median and median absolute deviation stay clean when an old spike is in the history, "
        "where mean and standard deviation hide the new one; 3.5 is the customary line."
    ),
    comment=(
        "Both directions: a sudden fall may be a job that died. Usual is the same weekday's share "
        "of the level of the week before, so a fleet that grows is not unusual every day."
    ),
)

RULES = (
    IDLE,
    IDLE_LOADED,
    UNDERUTILIZED,
    OFF_HOURS,
    STUCK_PAID,
    STOPPED_CHARGED,
    PRICE_OUTLIER,
    NO_EXPIRY,
    SPEND_ANOMALY,
    SEED_CANDIDATE,
)
"""In the order in which they are judged: a later rule may speak of an earlier one's finding."""

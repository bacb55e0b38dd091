"""The built-in rules: ids, versions, thresholds by name, sentences, and sources."""

from __future__ import annotations

from pipeline.rules.clauses import LIKELY, LISTED, PROVEN, SUSPECTED, Basis, Clause, Rule

_RUNS = Clause("status", "in", ("running",))
_RAN_ENOUGH = Clause("running_hours", ">=", "idle_min_running_hours")
_ENOUGH_SAMPLES = Clause("samples", ">=", "idle_min_samples")
_LITTLE_USED = (
    Clause("idle_share_pct", ">=", "idle_suspected_share_pct"),
    Clause("cpu_mean_pct", "<", "idle_max_cpu_mean_pct"),
)
_IDLE_GRADES = (
    (
        PROVEN,
        (
            Clause("idle_share_pct", ">=", "idle_share_pct"),
            Clause("has_random_samples", "is", True),  # noqa: FBT003 - the limit of a flag
            Clause("busy_share_bound", "<=", "idle_proven_bound"),
            Clause("observed_days", ">=", "idle_proven_days"),
        ),
    ),
    (
        LIKELY,
        (
            Clause("idle_share_pct", ">=", "idle_likely_share_pct"),
            Clause("busy_share_bound", "<=", "idle_likely_bound"),
        ),
    ),
    (SUSPECTED, ()),
)
_USE = (
    "It ran for {running_hours}; its GPU use was at or below 5 % for {idle_share_pct} of the part "
    "that was sampled"
)

IDLE = Rule(
    id="idle",
    version=2,
    title="Idle",
    subject="use",
    is_idle=True,
    tag="idle",
    applies=(LISTED, _RUNS),
    needs=(_RAN_ENOUGH, _ENOUGH_SAMPLES),
    when=(*_LITTLE_USED, Clause("memory_mean_pct", "<", "idle_loaded_memory_pct")),
    grades=_IDLE_GRADES,
    sentence=(
        "Its GPU was seen busy in {busy_samples} of {samples} sampled hours, so it was busy for at "
        "most {busy_share_bound} of its running time (95 % confidence)"
    ),
    detail=f"{_USE}. Mean CPU use was {{cpu_mean_pct}}",
    actions=((PROVEN, "terminate"), (LIKELY, "stop"), (None, "review")),
    terminate_if=(Clause("idle_streak_days", ">=", "idle_terminate_days"),),
    source=(
        "AWS Compute Optimizer calls a GPU instance idle if, over 14 days with at least 30 hours "
        "of metrics, its GPU was inactive for more than 99 % of the time and its CPU use never "
        "reached 5 %. The highest of a few samples misses peaks, so this rule limits the mean CPU "
        "use, to 10 %."
    ),
    comment=(
        "Proven needs snapshots at random instants: at a fixed minute, a job that works at other "
        "minutes of every hour is never seen. `extract --spread 60m` in the crontab takes them at "
        "random. Running time without a sample counts as busy, so likely and proven need samples "
        "of most of it. Past idle time does not promise that the cluster stays idle. Known limit: "
        "a cluster younger than a week is judged by the days it has had. One created on a Friday "
        "for office use can be graded likely idle until Monday, but not proven."
    ),
    waste="provable_waste_micros",
)

IDLE_LOADED = Rule(
    id="idle_loaded",
    version=2,
    title="Idle but loaded",
    subject="use",
    is_idle=True,
    tag="loaded",
    applies=(LISTED, _RUNS),
    needs=(_RAN_ENOUGH, _ENOUGH_SAMPLES),
    when=(*_LITTLE_USED, Clause("memory_mean_pct", ">=", "idle_loaded_memory_pct")),
    grades=_IDLE_GRADES,
    sentence=(
        "Its GPU was seen busy in {busy_samples} of {samples} sampled hours, but mean memory use "
        "was {memory_mean_pct}: a model may be waiting for requests"
    ),
    detail=(
        "So its GPU was busy for at most {busy_share_bound} of its running time (95 % confidence). "
        f"{_USE}"
    ),
    actions=((None, "review"),),
    source="Princeton's Job Defense Shield excludes jobs with high GPU memory for this reason.",
    comment=(
        "The API does not say whether it reports GPU memory or RAM. Low use proves nothing. High "
        "use makes an idle GPU a question for its owner, so no saving is counted."
    ),
)

_NOT_IDLE = (
    Clause("found_idle", "is", False),  # noqa: FBT003 - the limit of a flag
    Clause("found_idle_loaded", "is", False),  # noqa: FBT003 - the limit of a flag
)

UNDERUTILIZED = Rule(
    id="underutilized",
    version=2,
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
            LIKELY,
            (
                Clause("samples", ">=", "underutilized_likely_samples"),
                Clause("high_use_share_bound", "<=", "underutilized_likely_bound"),
                Clause("week_coverage", ">=", "idle_likely_coverage"),
            ),
        ),
        (SUSPECTED, ()),
    ),
    sentence=(
        "Its mean GPU use was {gpu_mean_pct}, and for 95 % of its sampled running time it was at "
        "or below {gpu_p95_pct}"
    ),
    detail="It ran for {running_hours}; {samples} hours were sampled",
    actions=((LIKELY, "resize"), (None, "review")),
    source=(
        "Princeton's Job Defense Shield: a mean of at most 25 %, and spend that matters. The limit "
        "on the 95th percentile leaves out clusters with bursts. Likely needs samples that "
        "exclude, with 95 % confidence, that use was above that limit for more than 5 % of the "
        "time."
    ),
    comment=(
        "Never proven: the API reports one number for all GPUs of a cluster. A mean of 25 % may be "
        "one busy GPU of four, where fewer GPUs would do, or four GPUs a quarter busy, where they "
        "may not. The saving assumes that fewer GPUs can share the work, and that the reported "
        "memory is GPU memory: fewer GPUs must hold what all of them hold now. A cluster that "
        "reports no GPU use is not judged."
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
    sentence="It costs {hourly_rate_micros} an hour, and its mean GPU use was {gpu_mean_pct}",
    actions=((None, "review"),),
    source="The vendor's own example of cost optimisation on the List Clusters page.",
    comment=(
        "The example judges one reading at one moment; this rule judges the mean of the window. "
        "It asks for a review; no saving is counted."
    ),
)

OFF_HOURS = Rule(
    id="off_hours",
    version=2,
    title="Runs in off-hours",
    subject="use",
    applies=(LISTED, _RUNS, *_NOT_IDLE),
    needs=(
        Clause("observed_days", ">=", "off_hours_min_days"),
        Clause("week_coverage", ">=", "off_hours_min_coverage"),
    ),
    when=(
        Clause("off_hours_per_week", ">=", "off_hours_min_per_week"),
        Clause("off_hours_busy_share", "<=", "off_hours_max_busy_share"),
        Clause("off_hours_shift_rank", "<=", "off_hours_max_shift_rank"),
    ),
    grades=(
        (LIKELY, (Clause("off_hours_samples", ">=", "underutilized_proven_samples"),)),
        (SUSPECTED, ()),
    ),
    sentence=(
        "It was never seen busy in {off_hours_per_week} of the 168 hours of the week, over "
        "{off_hours_weeks} weeks"
    ),
    detail=(
        "These off-hours form runs of at least 12 hours and have {off_hours_samples} samples from "
        "{observed_days}. Test 1: in the off-hours of the other weeks, each week was busy in at "
        "most {off_hours_busy_share} of its samples. Test 2: shifted against the other weeks by "
        "0 to 167 hours, a week gives as many off-hours at {off_hours_shift_rank} of 168 shifts; "
        "without a weekly rhythm most shifts do"
    ),
    actions=((LIKELY, "schedule"), (None, "review")),
    source=(
        "The 168 hours of the week come from OptScale's off-schedule report. The tests of each "
        "week against the others were chosen on real series (docs/accuracy.md)."
    ),
    comment=(
        "An hour without a sample counts as busy. Only runs of at least 12 hours count, so that "
        "chance gaps between bursts do not add up to a schedule. Quiet hours alone predict little: "
        "on real series the next week was three quarters as busy in them as in others. So each of "
        "up to four weeks must confirm the others, and the rhythm must be that of the week, not of "
        "chance. Never proven: four weeks hold only four Mondays. Known limits: a cluster is not "
        "judged if it is younger than two weeks or reports its use in only half of the hours, and "
        "no cluster is if `idle_window_days` is less than two weeks. With two weeks of history, a "
        "holiday in one of them hides a schedule."
    ),
)

STUCK_PAID = Rule(
    id="stuck_paid",
    version=1,
    title="Stuck and charged",
    applies=(LISTED, Clause("status", "in", ("starting", "stopping", "pending", "error"))),
    needs=(),
    when=(
        Clause("stuck_hours", ">=", "stuck_min_hours"),
        Clause("stuck_spend_micros", ">", 0.0),
    ),
    sentence=(
        "It has not run for at least {stuck_hours}, its status is {status}, and it was charged at "
        "least {stuck_spend_micros} in that time"
    ),
    grades=((PROVEN, ()),),
    actions=((None, "stop"),),
    source="Datadog's stuck node and OptScale's stuck-in-state checks.",
    comment=(
        "Only whole days without any running or stopped time count. So a cluster that restarts "
        "often is not stuck, and a new case is found a day later. How long it stays stuck is "
        "unknown: the saving is at most what it has cost so far."
    ),
    waste="stuck_spend_micros",
    basis=Basis("stuck_spend_micros", "stuck_hours", lasts="stuck_hours"),
)

STOPPED_CHARGED = Rule(
    id="stopped_charged",
    version=2,
    title="Stopped but charged",
    applies=(LISTED, Clause("status", "in", ("stopped",))),
    needs=(),
    when=(
        Clause("stopped_streak_hours", ">=", "stopped_min_hours"),
        Clause("stopped_streak_spend_micros", ">=", "stopped_min_spend"),
    ),
    grades=((PROVEN, ()),),
    sentence=(
        "It has been stopped for at least {stopped_streak_hours}, and was charged "
        "{stopped_streak_spend_micros} in that time"
    ),
    actions=((None, "terminate"),),
    source="AWS Trusted Advisor reports stopped instances after 30 days, OptScale after one.",
    comment=(
        "The charge is for its storage: copy the data elsewhere, then delete the cluster. Only "
        "whole days without running time count, so a cluster in use is not found."
    ),
    basis=Basis("stopped_streak_spend_micros", "stopped_streak_hours"),
)

NO_EXPIRY = Rule(
    id="no_expiry",
    version=1,
    title="No expiry",
    applies=(LISTED, _RUNS),
    needs=(),
    when=(
        Clause("has_expiry", "is", False),  # noqa: FBT003 - the limit of a flag
        Clause("age_days", ">=", "no_expiry_min_days"),
    ),
    sentence="It has existed for {age_days}, costs {hourly_rate_micros} an hour and has no expiry",
    actions=((None, "review"),),
    source="Forgotten clusters are the most frequent complaint of people who rent GPUs.",
    comment="Good practice: no saving is counted.",
)

PRICE_OUTLIER = Rule(
    id="price_outlier",
    version=1,
    title="Priced above peers",
    subject="price",
    applies=(LISTED, _RUNS),
    needs=(Clause("peers", ">=", "price_min_peers"),),
    when=(Clause("price_ratio", ">=", "price_ratio"),),
    sentence=(
        "It costs {rate_per_gpu_micros} per GPU-hour, {price_ratio} the median of its peers "
        "({peer_rate_micros})"
    ),
    detail=(
        "Its peers are the {peers} running clusters of the same GPU type and region, itself "
        "included"
    ),
    grades=((SUSPECTED, ()),),
    actions=((None, "move"),),
    source="The fleet's own prices: no price list is needed, and discounts are included.",
    comment=(
        "The same GPU type may be sold with different memory or links: compare before moving. So "
        "the finding is only suspected, and no saving is counted."
    ),
)

SPEND_ANOMALY = Rule(
    id="spend_anomaly",
    version=3,
    title="Unusual spend",
    applies=(LISTED,),
    needs=(
        Clause("earlier_days", ">=", "anomaly_min_days"),
        Clause("history_days", ">=", "anomaly_min_history"),
    ),
    when=(
        Clause("anomaly_score", ">", "anomaly_score"),
        Clause("deviation_micros", ">=", "anomaly_min_money"),
        Clause("past_deviation_ratio", ">", "anomaly_past_factor"),
    ),
    sentence="It cost {day_spend_micros} on the day, instead of the usual {usual_spend_micros}",
    detail=(
        "The difference of {deviation_micros} is {anomaly_score} the usual spread over "
        "{history_days} comparable days"
    ),
    actions=((None, "review"),),
    source=(
        "Median and median absolute deviation: with mean and standard deviation, an old spike in "
        "the history would hide a new one. 3.5 is the customary limit. The day must also be 1.5 "
        "times further from the usual than the second most distant earlier day: on real machines "
        "3.5 alone raises an alarm on 5 to 7 % of all days."
    ),
    comment=(
        "Both directions count: a sudden fall may be a job that died. The usual spend is the same "
        "weekday's share of the spend level of the week before, so a growing fleet is not unusual "
        "every day."
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
"""In the order in which they are judged: a later rule may depend on an earlier one's finding."""

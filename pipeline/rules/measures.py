"""The documented columns that rules may use, the built-in ones and a user's own.

Every value is of one cluster, over the rules' window (``rules.idle_window_days`` days up to the
report's date) unless its meaning says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Measure:
    """A column that a clause may compare."""

    name: str
    label: str
    unit: str
    """pct (0-100), share (0-1), hours, days, count, money (micros), times, text, flag."""
    meaning: str
    if_false: str = ""
    """Of a flag: the sentence about a cluster for which it is false."""
    if_true: str = ""


_ALL = (
    Measure("account", "account", "text", "The account's name in the settings."),
    Measure("cluster_id", "id", "text", "The cluster's id."),
    Measure("name", "name", "text", "Its name."),
    Measure("status", "status", "text", "Status in its latest snapshot."),
    Measure("project_id", "project", "text", "Its project."),
    Measure("region", "region", "text", "Its region."),
    Measure("gpu_type", "GPU type", "text", "Its GPU model."),
    Measure("template_id", "template", "text", "The template it was made from."),
    Measure("gpu_count", "number of GPUs", "count", "Its GPUs."),
    Measure(
        *("is_present", "still listed", "flag", "Still listed at the end of the date."),
        if_false="it is no longer listed",
        if_true="it is still listed",
    ),
    Measure(
        *("has_expiry", "set to expire", "flag", "Whether it ends by itself."),
        if_false="it has no expiry",
        if_true="it has an expiry",
    ),
    Measure(
        "days_to_expiry", "time to its expiry", "days", "From the date's end; unknown without one."
    ),
    Measure("age_days", "age", "days", "Since it was created, else since it was first seen."),
    Measure("observed_days", "time listed", "days", "How long it was listed in the window."),
    Measure("hourly_rate_micros", "hourly rate", "money", "Latest known rate of the cluster."),
    Measure("spend_micros", "spend", "money", "Spend in the window."),
    Measure("trailing_spend_micros", "spend of 30 days", "money", "Spend of the last 30 days."),
    Measure(
        "spend_share_of_mean",
        "spend against the fleet's mean",
        "share",
        "Spend over the mean spend of the clusters that spent anything in the window.",
    ),
    Measure("running_hours", "running time", "hours", "Time it ran."),
    Measure("stopped_hours", "stopped time", "hours", "Time it was stopped."),
    Measure("stopped_spend_micros", "charge while stopped", "money", "Mostly for storage."),
    Measure(
        "stopped_streak_hours",
        "time stopped since it last ran",
        "hours",
        "On the last whole days without any running time.",
    ),
    Measure(
        "stopped_streak_spend_micros",
        "charge since it last ran",
        "money",
        "For the stopped time of those days; mostly for storage.",
    ),
    Measure(
        "stuck_hours",
        "time stuck",
        "hours",
        "Time in starting, stopping, pending or error on the last whole days without any running "
        "or stopped time.",
    ),
    Measure("stuck_spend_micros", "charge while stuck", "money", "The least spend of those days."),
    Measure("gpu_mean_pct", "mean GPU use", "pct", "Readings weighted by running time."),
    Measure(
        "gpu_p95_pct",
        "95th percentile of GPU use",
        "pct",
        "Upper edge of the band that holds it: the true value is that or less.",
    ),
    Measure("gpu_max_pct", "highest GPU use", "pct", "Highest reading."),
    Measure(
        "memory_mean_pct",
        "mean memory use",
        "pct",
        "The API does not say whether this is GPU memory or RAM.",
    ),
    Measure("memory_max_pct", "highest memory use", "pct", "Highest reading."),
    Measure("cpu_mean_pct", "mean CPU use", "pct", "Readings weighted by running time."),
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
        "n: distinct clock hours with a reading while it ran.",
    ),
    Measure("busy_samples", "number of busy hours", "count", "k: those with GPU use above 5 %."),
    Measure(
        "busy_share_bound",
        "highest share of running time that may have been busy",
        "share",
        "95 % bound from the samples; running time without a sample counts as busy.",
    ),
    Measure(
        *("has_random_samples", "sampled at random instants", "flag"),
        "Whether the bound rests on snapshots at random instants (`extract --spread`).",
        if_false="its snapshots were not taken at random instants",
        if_true="its snapshots were taken at random instants",
    ),
    Measure(
        "idle_streak_days",
        "time since it was last busy",
        "days",
        "Since the last busy observation of the window (else the first one), to the date's end.",
    ),
    Measure(
        "high_use_share_bound",
        "highest share of time above `underutilized_p95_pct` that the samples do not exclude",
        "share",
        "One-sided 95 % Clopper-Pearson bound.",
    ),
    Measure(
        "hour_of_week_coverage",
        "share of the hours of the week with a sample",
        "share",
        "Of the 168 hours, those with a sample.",
    ),
    Measure(
        "week_coverage",
        "share of its running hours of the week with a sample",
        "share",
        "Distinct hours of the week with a sample, over its running hours per week.",
    ),
    Measure(
        "off_hours_per_week",
        "number of off-hours a week",
        "count",
        "Hours of the week in runs of at least 12 that all have samples, none of them busy, in "
        "the last four weeks.",
    ),
    Measure(
        "off_hours_samples",
        "number of samples in off-hours",
        "count",
        "Hours of the window with a reading that lie in those hours of the week.",
    ),
    Measure(
        "off_hours_weeks",
        "number of weeks on which the off-hours were tested",
        "count",
        "Of the last four, those with samples in at least half of the other weeks' off-hours.",
    ),
    Measure(
        "off_hours_busy_share",
        "highest busy share of a week in the off-hours of the other weeks",
        "share",
        "Each tested week is left out in turn; its busy samples over all its samples in the hours "
        "that the other weeks call off-hours. Unknown with fewer than two tested weeks.",
    ),
    Measure(
        "off_hours_shift_rank",
        "number of shifts of a week that give as many off-hours",
        "count",
        "Of the 168 circular shifts of a tested week against the others, 0 included; the highest "
        "of all weeks, but for earlier ones without work. Without a weekly rhythm most shifts do. "
        "Unknown with fewer than two tested weeks, or fewer off-hours than "
        "`off_hours_min_per_week`.",
    ),
    Measure(
        "rate_per_gpu_micros", "rate per GPU-hour", "money", "Hourly rate over the number of GPUs."
    ),
    Measure(
        "peer_rate_micros",
        "its peers' rate per GPU-hour",
        "money",
        "Median over the fleet's running clusters of the same GPU type and region.",
    ),
    Measure("peers", "number of peers", "count", "Those clusters, itself included."),
    Measure("price_ratio", "rate against its peers'", "times", "Its rate over the median."),
    Measure(
        "earlier_days",
        "number of earlier days",
        "count",
        "Days before the report's date with a known spend, of the 60 before it.",
    ),
    Measure(
        "history_days",
        "number of comparable earlier days",
        "count",
        "Same weekday if it has six of them, else same kind of day (working day or weekend).",
    ),
    Measure("day_spend_micros", "spend of the day", "money", "Spend of the report's date."),
    Measure("usual_spend_micros", "usual spend", "money", "Median of the comparable days."),
    Measure(
        "deviation_micros",
        "distance from the usual spend",
        "money",
        "The absolute difference: both directions count.",
    ),
    Measure(
        "past_deviation_ratio",
        "distance against the second-largest earlier one",
        "times",
        "Distance from the usual spend over the second-largest one of the 60 days before.",
    ),
    Measure(
        "anomaly_score",
        "distance against the usual spread",
        "times",
        "Distance over 1.4826 x the median absolute deviation (at least 8 % of the usual).",
    ),
    Measure(
        *("found_idle", "found idle", "flag", "Whether the rule `idle` found it."),
        if_false="not judged idle",
        if_true="already judged idle",
    ),
    Measure(
        *("found_idle_loaded", "found idle but loaded", "flag", "The same for `idle_loaded`."),
        if_false="not judged idle but loaded",
        if_true="already judged idle but loaded",
    ),
)

MEASURES = {measure.name: measure for measure in _ALL}

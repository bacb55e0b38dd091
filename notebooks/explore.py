# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A fleet, explored
#
# Five questions about the sample history of `data/sample`: 40 simulated clusters over 28 days. Set
# `FLEETLEDGER_DATA_DIR` to ask the same of your own. `pip install -e '.[notebook]'`, then
# `jupytext --to ipynb notebooks/explore.py`. docs/columns.md describes the columns.

# %%
import os

import pandas as pd

import pipeline as fl

store = fl.open_store(os.environ.get("FLEETLEDGER_DATA_DIR", "data/sample"))
store

# %% [markdown]
# ## Where did the money go?
# `spend` is in the currency of the account; `spend_micros` beside it is exact. Add up micros.

# %%
fl.charts.spend_by_day(store)

# %%
by_project = store.spend("project_id")
by_project[["project_id", "clusters", "spend", "spend_low", "spend_high"]]

# %% [markdown]
# The sum by project is that of the ledger's rows, to the last digit: the difference is 0.

# %%
rows = store.spend()
by_project["spend_micros"].sum() - rows["spend_micros"].sum()

# %% [markdown]
# ## Who is idle, and how sure is that?
# `samples` hours were sampled; `busy_share_bound` is the highest share of its running time that the
# cluster may still have been busy (95 % confidence). The grade follows from it.

# %%
fl.charts.waste(store)

# %%
idle = store.idle()
idle[["name", "grade", "samples", "busy_samples", "busy_share_bound", "provable_waste"]]

# %% [markdown]
# All that is known about the first of them:

# %%
store.why(idle["cluster_id"].iloc[0]) if len(idle) else "no cluster is idle"

# %% [markdown]
# Little used does not mean idle. Expensive and little used is the shaded corner.

# %%
fl.charts.price_against_use(store)

# %% [markdown]
# What could not be judged is not clear. Which rules lack data, and for how many clusters?

# %%
outcomes = store.findings(all_outcomes=True)
pd.crosstab(outcomes["rule_id"], outcomes["outcome"])

# %% [markdown]
# ## What changed?
# The causes add up to the difference exactly.

# %%
changed = store.changes()
changed

# %%
fl.charts.waterfall(changed)

# %% [markdown]
# ## What if?
# What 30 days would cost if the development clusters ran 50 hours a week. `saving` is what a
# finding would count: never more than the clusters have cost.

# %%
store.what_if(match="*-dev-*", hours_a_week=50)

# %%
store.forecast()

# %% [markdown]
# ## A rule of your own
# Flag clusters that never went above 60 % GPU use and cost something, on each of the last 15 days.
# `precision` is the share of flagged clusters that were stopped or gone within 14 days: a low one
# means that no owner acted, or that the rule is wrong.

# %%
days = pd.DatetimeIndex(rows["date"].unique()).sort_values()
mine = {"never_above_60": "gpu_max_pct < 60 and spend_micros > 100"}
tried = store.replay(days[-15].date(), days[-1].date(), own_rules=mine)
tried.precision

# %%
flagged = tried.flags[tried.flags["rule_id"] == "never_above_60"]
names = store.snapshot("latest", columns=["cluster_id", "name", "gpu_type", "hourly_rate_micros"])
flagged.merge(names, on="cluster_id")[["name", "gpu_type", "hourly_rate", "found_on"]].head(10)

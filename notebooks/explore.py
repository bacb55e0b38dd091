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
# The data of the nightly report as plain DataFrames; docs/columns.md describes the columns. Run
# `make run` first for a simulated month, or point `FLEETLEDGER_DATA_DIR` at your own history.
# `pip install -e '.[notebook]'`, then `jupytext --to ipynb notebooks/explore.py`.

# %%
import os

import pipeline as fl

store = fl.open_store(os.environ.get("FLEETLEDGER_DATA_DIR", "data/demo"))

# %% [markdown]
# ## Where the money went
# Money is in integer micros: divide by 1,000,000 when you print it, not before you add it up.

# %%
spend = store.spend("project_id")
spend.assign(spend=spend["spend_micros"] / 1e6)[["project_id", "spend"]]

# %% [markdown]
# ## By day

# %%
days = store.spend("date")
days.set_index("date")["spend_micros"].div(1e6).round(2).tail(7)

# %% [markdown]
# ## Idle clusters
# `samples` is the number of hours with a sample; `busy_share_bound` is the busy share that these
# samples cannot exclude.

# %%
idle = store.idle()
idle[["name", "gpu_type", "grade", "samples", "busy_share_bound", "provable_waste_micros"]].head(10)

# %% [markdown]
# ## Use, most unused money first

# %%
use = store.utilization()
use[["name", "gpu_mean_pct", "gpu_p95_pct", "running_seconds", "unused_micros"]].head(10)

# %% [markdown]
# ## The snapshots

# %%
snapshots = store.snapshots(columns=["cluster_id", "observed_at", "status", "gpu_utilization_pct"])
snapshots.groupby("cluster_id")["gpu_utilization_pct"].agg(["count", "mean", "max"]).head(10)

# %%
ledger = store.ledger()
ledger.shape

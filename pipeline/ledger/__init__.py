"""From snapshots to cluster-days: exact money, and time without an observation kept apart.

``inputs`` says which snapshots a day reads, ``intervals`` turns two consecutive observations of a
cluster into money and time, ``days`` folds intervals into one row per cluster. All pure.
"""

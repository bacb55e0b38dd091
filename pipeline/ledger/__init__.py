"""From snapshots to cluster-days: exact money, and time without an observation kept apart.

``inputs`` decides which snapshots a day reads, ``links`` which observation of a cluster follows
which, ``intervals`` turns two consecutive observations into money and time, ``days`` folds
intervals into one row per cluster. All pure.
"""

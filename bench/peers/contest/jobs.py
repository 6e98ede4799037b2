"""The job of a row, by its family."""

from .compact import CompactJob
from .fused import FusedJob
from .job import Job

KINDS = {"core": Job, "fused": FusedJob, "compact": CompactJob}


def job(row):
    return KINDS[row.family](row)

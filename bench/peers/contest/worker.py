"""The process that measures: all contenders for a number of threads.

    python -m contest.worker FD < request.json

It writes events to the file descriptor, a JSON object a line, because libraries write
what they like to standard output. A request is an object with the keys of run's call in
__main__.py.
"""

import gc
import json
import os
import sys
import time

from . import frameworks, golib, machine, rows
from .check import check
from .contender import Unsupported, select
from .jobs import job as job_of
from .measure import from_memory, summarize, take_turns
from .planted import survivors


# The rounds of a row in a complete run.
ROUNDS = {"core": 25, "fused": 11, "compact": 11}


def environment(threads):
    """Settings for a process of so many threads, which libraries read when they start.

    The C library keeps memory that is given back, in one heap. Otherwise those who make a
    new result for each call get fresh pages for it each time, which can cost several times
    what the arithmetic does.
    """
    settings = {
        "MALLOC_ARENA_MAX": "1",
        "MALLOC_MMAP_THRESHOLD_": str(4 << 30),
        "MALLOC_TRIM_THRESHOLD_": str(64 << 30),
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "GOMAXPROCS": str(threads),
        "CUDA_VISIBLE_DEVICES": "",
        "JAX_PLATFORMS": "cpu",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "GRPC_VERBOSITY": "ERROR",
    }
    if threads == 1:
        settings["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    return settings


def main():
    events = os.fdopen(int(sys.argv[1]), "w", buffering=1)
    request = json.load(sys.stdin)
    threads = request["threads"]
    if threads == 1 and hasattr(os, "sched_setaffinity"):
        # One core, so that a pool that ignores its settings gains nothing.
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

    def say(event, **fields):
        events.write(json.dumps(dict(event=event, **fields)) + "\n")

    library = golib.Library(request["library"])
    peers, missing = frameworks.load(threads)
    contenders = library.contenders(threads) + peers
    say("ready", library=library.description, missing=missing,
        versions={c.name: c.version for c in contenders})
    try:
        contenders = select(contenders, request["peers"])
    except ValueError as reason:
        say("refused", reason=str(reason))
        return
    by_name = {row.name: row for row in rows.ROWS}
    gc.disable()  # no pause in a turn; rows collect between them
    for name in request["rows"]:
        row = by_name[name]
        if request["check"]:
            row = rows.small(row)
        run_row(row, name, contenders, library, request, say)
        gc.collect()
    say("end")


def run_row(row, name, contenders, library, request, say):
    """Prepares and checks all contenders for a row, and times those that are right."""
    started = time.monotonic()
    # Nothing is read after work in place, which may well go on with something else.
    readers = {"warm": None}
    if row.place == "out" and row.work != "draw":
        readers["read"] = library.read
    job = job_of(row)
    works, agree, absent, bounds = {}, {}, {}, []
    for c in contenders:
        if c.family != row.family:
            continue
        if c.name in request["skip"]:
            absent[c.name] = request["skip"][c.name]
            continue
        say("try", row=name, contender=c.name)
        try:
            work = c.prepare(job)
            agree[c.name] = check(work, job)
            for reader in readers.values():
                work.time(1, reader)
            works[c.name] = work
            if c.bound:
                bounds.append(c.name)
        except Unsupported as reason:
            absent[c.name] = "not offered: %s" % reason
        except Exception as error:  # a peer that fails is a line of the report
            absent[c.name] = failure(error)
    result = {"name": name, "agree": agree, "absent": absent, "bounds": bounds, "measured": {}}
    if request["check"]:
        result["faults"], missed = survivors(job)
        for fault in missed:
            absent["a planted fault"] = "failed: the check does not find it: " + fault
    else:
        say("try", row=name, contender=None)
        job.reset()
        failed, rounds = {}, request["rounds"] or ROUNDS[row.family]
        for kind, reader in readers.items():
            samples = take_turns(works, rounds, request["turn_ns"], failed, reader)
            result["measured"][kind] = summarize(samples, "ours")
        if row.work != "draw":
            samples = from_memory(works, rounds, library.evictor(machine.largest_cache()), failed)
            result["measured"]["cold"] = summarize(samples, "ours")
        absent.update((name, failure(error)) for name, error in failed.items())
    for work in works.values():
        work.close()
    result["seconds"] = time.monotonic() - started
    say("row", **result)


def failure(error):
    """An exception as a line of the report."""
    first = (str(error).strip().splitlines() or [""])[0]
    return "failed: %s: %s" % (type(error).__name__, first)


if __name__ == "__main__":
    main()

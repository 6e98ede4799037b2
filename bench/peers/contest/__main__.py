"""Measures all contenders, or only checks them. bench/peers/run starts it."""

import argparse
import datetime
import json
import os
import signal
import subprocess
import sys
import time

from tqdm import tqdm

from . import machine, report, rows, worker

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
RESULTS = os.path.join(HERE, "results")
OVERVIEW = os.path.join(HERE, "..", "README.md")


def arguments():
    p = argparse.ArgumentParser(prog="bench/peers/run", description="Everybody on the same work, in one run.")
    p.add_argument("--check", action="store_true",
                   help="verify all contenders on small tensors, and time nothing")
    p.add_argument("--quick", action="store_true", help="fewer rows and rounds: a few minutes")
    p.add_argument("--rows", action="append", default=[], metavar="WORDS",
                   help="only rows whose names contain all these words, such as 'apply NHWC batch32'; "
                        "may be given several times")
    p.add_argument("--peers", action="append", default=[], metavar="NAME",
                   help="only contenders whose names contain this, and ours; may be given several times")
    p.add_argument("--list", action="store_true", help="print the names of the rows")
    p.add_argument("--rounds", type=int, help="rounds of turns; without it 9 with --quick, otherwise 25, or 11 in the "
                        "families of fuse and gather")
    p.add_argument("--turn", type=float, default=8, metavar="MS", help="milliseconds of a turn, 8")
    p.add_argument("--out", metavar="FOLDER",
                   help="where results go; without it a full run writes to results/CPU and to "
                        "bench/README.md, and others print only")
    p.add_argument("--add", action="store_true",
                   help="keep rows that --out holds and that this run does not measure")
    p.add_argument("--report", action="store_true", help="write the tables and plots anew, from the data that are there")
    p.add_argument("--library", required=True, help=argparse.SUPPRESS)  # run builds it
    return p.parse_args()


def main():
    a = arguments()
    try:
        wanted = rows.select(a.rows, a.quick)
    except ValueError as reason:
        sys.exit(str(reason))
    if a.list:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # a reader such as head may go away
        print("\n".join(row.name for row in wanted))
        return 0
    about = machine.describe()
    out = a.out or os.path.join(RESULTS, machine.slug(about))
    if a.report:
        finish(out, report.load(out), a)
        return 0
    if a.check:
        # Rows that differ in shape only are the same check.
        wanted = list({rows.small(row).name: row for row in wanted}.values())

    results = {"machine": about, "commit": machine.commit(HERE),
               "time": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
               "versions": {}, "missing": {}, "rows": {}}
    full = not (a.quick or a.rows or a.peers or a.check)
    keep = full or a.out
    if a.add and os.path.exists(os.path.join(out, report.DATA)):
        earlier = report.load(out)
        results["rows"], results["versions"] = earlier["rows"], earlier["versions"]
        for result in results["rows"].values():
            result.setdefault("commit", earlier["commit"])
    started = time.monotonic()
    bad = 0
    with tqdm(total=len(wanted), unit="row", dynamic_ncols=True, disable=None) as bar:
        for threads in ("one", "all"):
            some = [row for row in wanted if row.threads == threads]
            for result in work(some, threads, a, results, bar):
                bad += sum(text.startswith("failed") for text in result["absent"].values())
                result["commit"] = results["commit"]
                results["rows"][result["name"]] = result
                if a.check:
                    tqdm.write(report.check_lines(result))
                else:
                    tqdm.write(report.row_line(result))
                    if keep:
                        report.save(out, results)
    results["seconds"] = round(time.monotonic() - started)
    if a.check:
        total = sum(len(r["agree"]) + r["faults"] for r in results["rows"].values())
        for name, reason in results["missing"].items():
            print("%s is missing: %s" % (name, reason))
        print("%d passed, %d failed" % (total, bad))
        return 1 if bad else 0
    if keep:
        report.save(out, results)
        finish(out, report.load(out), a)  # with the digits that the data keep
    else:
        print(report.markdown(results))
    return 0


def finish(out, results, a):
    """Writes what people read."""
    report.write(out, results)
    print("results in", out)
    if not a.out:
        report.overview(OVERVIEW, RESULTS)


def work(some, threads, a, results, bar):
    """Yields the result of each row, from as many processes as it takes.

    A process that dies in a contender's turn is followed by one without that contender.
    """
    names, skip = [row.name for row in some], {}
    count = 1 if threads == "one" else results["machine"]["cores"]
    while names:
        request = {"library": a.library, "threads": count, "rows": names, "peers": a.peers,
                "skip": skip, "check": a.check, "rounds": a.rounds or (9 if a.quick else None),
                "turn_ns": int(a.turn * 1e6)}
        trying = None
        for event in process(request, count):
            kind = event.pop("event")
            if kind == "ready":
                results["versions"].update(event["versions"])
                results["missing"].update(event["missing"])
                results["library"] = event["library"]
            elif kind == "refused":
                sys.exit("; ".join([event["reason"]] + ["%s is missing: %s" % m for m in results["missing"].items()]))
            elif kind == "try":
                trying = event
                bar.set_postfix_str(event["contender"] or "turns", refresh=False)
            elif kind == "row":
                names = names[names.index(event["name"]) + 1:]
                bar.update()
                event.update(row=describe(event["name"]), threads=count)
                yield event
            elif kind == "dead":
                if trying is None:
                    sys.exit("the measuring process ended with status %d before it began:\n%s"
                             % (event["status"], event["output"]))
                if trying["contender"] is None:  # while all took turns
                    name = trying["row"]
                    names = names[names.index(name) + 1:]
                    bar.update()
                    yield {"name": name, "row": describe(name), "threads": count, "agree": {}, "bounds": [],
                           "measured": {}, "faults": 0, "absent": {"everybody": "failed: the process ended with "
                                                                   "status %d in turns" % event["status"]}}
                    continue
                skip[trying["contender"]] = "failed: the process ended in its turn, in %s" % trying["row"]


def describe(name):
    """The fields of a row, for scripts that read the results."""
    row = next(row for row in rows.ROWS if row.name == name)
    return {"work": row.work, "stage": row.stage, "batch": row.batch, "channels": row.channels,
            "spatial": row.spatial, "dtype": row.dtype, "layout": row.layout, "place": row.place,
            "rate": row.rate, "payload": row.payload, "variant": row.variant}


def process(request, threads):
    """Yields the events of a measuring process, and a last one if it ends too early."""
    read, write = os.pipe()
    environment = dict(os.environ, **worker.environment(threads))
    with open(os.path.join(os.path.dirname(request["library"]), "worker.log"), "w+") as log:
        child = subprocess.Popen([sys.executable, "-m", "contest.worker", str(write)],
                                 stdin=subprocess.PIPE, stdout=log, stderr=log, pass_fds=[write],
                                 env=environment, cwd=HERE, text=True)
        os.close(write)
        child.stdin.write(json.dumps(request))
        child.stdin.close()
        ended = False
        with os.fdopen(read) as events:
            for line in events:
                event = json.loads(line)
                ended = event["event"] == "end"
                yield event
        status = child.wait()
        if not ended:
            log.seek(0)
            yield {"event": "dead", "status": status, "output": log.read()[-2000:]}


if __name__ == "__main__":
    sys.exit(main())

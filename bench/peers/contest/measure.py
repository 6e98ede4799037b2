"""Takes turns: every contender in every round, in random order."""

import random
import statistics
import time

# A turn begins when the process has used less than this share of a core for this long.
REST_SHARE, REST_NS = 0.1, 500_000
REST_LIMIT_NS = 500_000_000
# A contender that needs more time than this for its turns is left out of later rounds,
# after the least number of them.
BUDGET_NS, LEAST_ROUNDS = 4_000_000_000, 5


def rest():
    """Waits until threads of earlier turns have stopped waiting actively.

    A pool of threads keeps its cores busy for a while after its work, in wait of more. Its
    owner gains by that, in its own turn. The next contender would lose.
    """
    deadline = time.perf_counter_ns() + REST_LIMIT_NS
    while time.perf_counter_ns() < deadline:
        wall, used = time.perf_counter_ns(), time.process_time_ns()
        time.sleep(REST_NS / 1e9)
        wall, used = time.perf_counter_ns() - wall, time.process_time_ns() - used
        if used < REST_SHARE * wall:
            return


def repetitions(work, turn_ns, reader):
    """How many calls fill a turn: two at least."""
    work.time(1, reader)
    once = min(work.time(1, reader) for _ in range(3))
    if once < turn_ns / 100:  # too short for a clock of one call
        once = work.time(20, reader) / 20
    return max(2, int(turn_ns / max(once, 1)))


def take_turns(works, rounds, turn_ns, reader=None, seed=1):
    """Returns for each contender the nanoseconds of a call in each round, None without one.

    Each turn begins with calls that are not timed, which bring its memory and its threads
    back: two, or a quarter of those that are timed. works maps names to Work. The order is random, and the same for the same seed.
    """
    order, shuffle = list(works), random.Random(seed).shuffle
    counts = {name: repetitions(work, turn_ns, reader) for name, work in works.items()}
    spent = dict.fromkeys(works, 0)
    samples = {name: [] for name in works}
    for done in range(rounds):
        shuffle(order)
        for name in order:
            if spent[name] > BUDGET_NS and done >= LEAST_ROUNDS:
                samples[name].append(None)
                continue
            work, count = works[name], counts[name]
            rest()
            work.time(max(2, count // 4), reader)
            ns = work.time(count, reader)
            spent[name] += ns
            samples[name].append(ns / count)
    return samples


def quartiles(values):
    """The lower quartile, the median and the upper quartile."""
    if len(values) < 2:
        return [values[0]] * 3
    return statistics.quantiles(values, n=4, method="inclusive")


def summarize(samples, ours):
    """Summarizes samples of take_turns: nanoseconds, and ratios to ours in the same round."""
    reference = samples.get(ours)
    summary = {}
    for name, all_ns in samples.items():
        some = [ns for ns in all_ns if ns is not None]
        low, median, high = quartiles(some)
        entry = {"ns": {"median": median, "q1": low, "q3": high, "min": min(some)},
                 "samples": len(some)}
        if reference:
            ratios = [ns / our for ns, our in zip(all_ns, reference) if ns is not None and our is not None]
            low, median, high = quartiles(ratios)
            entry["ratio"] = {"median": median, "q1": low, "q3": high}
        summary[name] = entry
    return summary

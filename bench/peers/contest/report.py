"""Results as text: JSON for scripts and a table in Markdown."""

import collections
import json
import math
import os
import statistics

from . import machine, measure, plots, rows
from .row import family_of

# This module's passes one by one, in the fused family.
SEPARATE = "ours, separate"

DATA, TABLE = "results.json", "README.md"


def save(folder, results):
    """Writes the data, completely or not at all."""
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, DATA)
    text = rounded(results)
    # A line for each row keeps the file readable, and differences short.
    table = ",\n".join("%s: %s" % (dumps(name), dumps(row)) for name, row in text.pop("rows").items())
    with open(path + ".new", "w") as file:
        file.write(json.dumps(text, indent=1, ensure_ascii=False).removesuffix("\n}"))
        file.write(',\n "rows": {\n%s\n}}\n' % table)
    os.replace(path + ".new", path)


def dumps(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def load(folder):
    with open(os.path.join(folder, DATA)) as file:
        return json.load(file)


def write(folder, results):
    """Writes the table and the plots."""
    with open(os.path.join(folder, TABLE), "w") as file:
        file.write(markdown(results, plots.draw(folder, results)))


def rounded(value):
    """The same data with four significant digits."""
    if isinstance(value, float):
        return float("%.4g" % value)
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(v) for v in value]
    return value


def is_ours(name):
    return name.split(",")[0] == "ours"


def peers(result, kind):
    """The peers of a row with their summaries, the fastest first. Bounds are none of them."""
    measured = result["measured"].get(kind, {})
    found = [(name, entry) for name, entry in measured.items()
             if not is_ours(name) and name not in result["bounds"] and "ratio" in entry]
    return sorted(found, key=lambda pair: pair[1]["ns"]["median"])


def gigabytes(result, entry):
    """GB/s of payload."""
    return result["row"]["payload"] / entry["ns"]["median"]


def title(row):
    """A row of results in words."""
    dims = "×".join(str(d) for d in row["spatial"])
    return "%s, %d×%d×%s" % (row["stage"], row["batch"], row["channels"], dims)


def row_line(result):
    """One line for the terminal."""
    measured = result["measured"].get("warm", {})
    if "ours" not in measured:
        failed = ["%s %s" % pair for pair in result["absent"].items() if pair[1].startswith("failed")]
        return "%s: ours is missing; %s" % (result["name"], "; ".join(failed))
    line = "%-70s ours %9.1f µs" % (result["name"], measured["ours"]["ns"]["median"] / 1e3)
    for name, entry in sorted(peers(result, "warm"), key=lambda pair: pair[1]["ratio"]["median"])[:3]:
        line += " | %s %.2f" % (name, entry["ratio"]["median"])
    return line


def check_lines(result):
    """What a check found, for the terminal."""
    lines = ["%s: %d contenders agree, %d faults are found"
             % (result["name"], len(result["agree"]), result["faults"])]
    for name, text in sorted(result["absent"].items()):
        if not text.startswith("not offered"):
            lines.append("    %s %s" % (name, text))
    return "\n".join(lines)


def markdown(results, pictures=()):
    """The whole report."""
    m = results["machine"]
    caches = ", ".join("%s %s" % pair for pair in m["caches"].items())
    lines = [
        "# %s" % m["cpu"], "",
        "%s, family %s, model %s, %d cores, %s, %d GiB; %s. Tier `%s`, commit %s, %s. %d of %d rows."
        % (m["architecture"], m["family"] or "–", m["model"] or "–", m["cores"], caches or "caches unknown",
           m["memory_gib"], m["system"], results["library"]["tier"], commits(results), results["time"],
           len(results["rows"]), len(rows.ROWS)), "",
        "[How to read this](../../README.md#how-to-read-the-table). `bench/peers/run` wrote it, and",
        "[%s](%s) has all figures." % (DATA, DATA), ""]
    for picture, alternative in pictures:
        lines += ["![%s](%s)" % (alternative, picture), ""]
    for work, heading in (("apply", "Forward, with factors given"),
                          ("both", "Forward and backward, with factors given"),
                          ("layer", "The whole layer, forward"),
                          ("training", "The whole layer, forward and backward")):
        lines += section(results, work, heading)
    lines += draws(results)
    lines += means(results, "core", "All rows together", "`copy` and `clear` are bounds and do no dropout.")
    for work, heading in (("fuse", "Fused: y = f·act(a·x + b)"),
                          ("fuse-add", "Fused with a residual: y = r + f·act(a·x + b)"),
                          ("fuse-backward", "Fused, backward")):
        lines += section(results, work, heading)
    lines += means(results, "fused", "All fused rows together", "`copy` and `clear` are bounds.")
    lines += sizes(results, "fused")
    for work, heading in (("gather", "The kept channels alone"), ("scatter", "The kept channels, back"),
                          ("scatter-add", "The kept channels, added back")):
        lines += section(results, work, heading)
    lines += means(results, "compact", "All rows of kept channels together")
    lines += sizes(results, "compact")
    lines += notes(results)
    return "\n".join(lines)


def commits(results):
    """The commit of the rows, or how many are of which."""
    counts = collections.Counter(r.get("commit", results["commit"]) for r in results["rows"].values())
    if len(counts) == 1:
        return next(iter(counts))
    return " and ".join("%s (%d)" % pair for pair in counts.items())


def section(results, work, heading):
    """The table of one kind of work."""
    some = [r for r in results["rows"].values() if r["row"]["work"] == work and "ours" in r["measured"].get("warm", {})]
    if not some:
        return []
    variants = any(r["row"].get("variant") for r in some)
    separate = any(SEPARATE in r["measured"]["warm"] for r in some)
    lines = ["## " + heading, "",
             "| tensor | MB | type | layout | place | rate " + ("| variant " if variants else "")
             + "| threads | ours, GB/s " + ("| in separate passes / ours " if separate else "")
             + "| best peer | its GB/s "
             "| its time / ours | result read: best peer | its time / ours "
             "| from memory: best peer | its time / ours |",
             "|---|--:|---|---|---|--:|" + "---|" * variants + "--:|--:|" + "--:|" * separate
             + "---|--:|--:|---|--:|---|--:|"]
    for r in some:
        row = r["row"]
        cells = [title(row), "%.1f" % (row["payload"] / (2 if work in ("both", "training") else 1) / 1e6),
                 row["dtype"], row["layout"], row["place"], "%g" % row["rate"]]
        if variants:
            cells.append(", ".join(row["variant"]))
        cells += ["%d" % r["threads"], "%.1f" % gigabytes(r, r["measured"]["warm"]["ours"])]
        if separate:
            entry = r["measured"]["warm"].get(SEPARATE)
            cells.append(ratio(entry) if entry else "–")
        best = peers(r, "warm")[:1]
        cells += [best[0][0], "%.1f" % gigabytes(r, best[0][1]), ratio(best[0][1])] if best else ["–"] * 3
        for kind in ("read", "cold"):
            best = peers(r, kind)[:1]
            cells += [best[0][0], ratio(best[0][1])] if best else ["–"] * 2
        lines.append("| " + " | ".join(cells) + " |")
    return lines + [""]


def ratio(entry):
    """A ratio with its quartiles."""
    r = entry["ratio"]
    return "%.2f (%.2f–%.2f)" % (r["median"], r["q1"], r["q3"])


def draws(results):
    """The table of draws: nanoseconds for a channel."""
    some = [r for r in results["rows"].values() if r["row"]["work"] == "draw" and r["measured"].get("warm")]
    if not some:
        return []
    lines = ["## The draw", ""]
    for r in some:
        trials = r["row"]["batch"] * r["row"]["channels"]
        lines += ["%d channels at rate %g:" % (trials, r["row"]["rate"]), "",
                  "| contender | ns per channel | time / ours |", "|---|--:|--:|"]
        for name, entry in sorted(r["measured"]["warm"].items(), key=lambda pair: pair[1]["ns"]["median"]):
            lines.append("| %s | %.2f | %s |" % (name, entry["ns"]["median"] / trials, ratio(entry)))
        lines.append("")
    return lines


def geometric_means(results, family):
    """For each contender and kind of measurement in a family: the ratios of its rows, and their mean.

    Those of {name: {kind: (ratios, mean)}} come first that are fastest, and bounds last.
    """
    ratios = {}
    for r in results["rows"].values():
        if r["row"]["work"] == "draw" or family_of(r["row"]["work"]) != family:
            continue
        for kind in measure.KINDS:
            for name, entry in r["measured"].get(kind, {}).items():
                if "ratio" in entry and name != "ours":
                    ratios.setdefault(name, {}).setdefault(kind, []).append(entry["ratio"]["median"])
    found = {name: {kind: (some, math.exp(sum(map(math.log, some)) / len(some)))
                    for kind, some in kinds.items()} for name, kinds in ratios.items()}
    bounds = bound_names(results)
    return dict(sorted(found.items(), key=lambda pair: (pair[0] in bounds, pair[1]["warm"][1])))


def bound_names(results):
    return {name for r in results["rows"].values() for name in r["bounds"]}


def means(results, family, heading, remark=""):
    """The geometric mean of each contender's ratios."""
    found = geometric_means(results, family)
    if not found:
        return []
    lines = ["## " + heading, "",
             "Geometric means of the time divided by ours, over the rows that a contender is in, and in how",
             "many of them it is faster by more than 2 %. Contenders are in different rows: compare each with",
             " ".join(["ours, and not with each other.", remark]).rstrip(), "",
             "| contender | rows | time / ours | faster in | result read: rows | time / ours | faster in "
             "| from memory: rows | time / ours | faster in |",
             "|---|" + "--:|" * 9]
    bounds = bound_names(results)
    for name, kinds in found.items():
        cells = [name]
        for kind in measure.KINDS:
            some, mean = kinds.get(kind, ([], None))
            faster = "–" if name in bounds or not some else "%d" % sum(x < 0.98 for x in some)
            cells += ["%d" % len(some), "%.2f" % mean if some else "–", faster]
        lines.append("| " + " | ".join(cells) + " |")
    return lines + [""]


# The largest tensors of the classes of size, in MB.
CLASSES = (1, 5, 20, 50, 200)


def sizes(results, family):
    """The geometric mean of each contender's ratios in each class of size, of warm calls."""
    ratios = {}
    for r in results["rows"].values():
        if family_of(r["row"]["work"]) != family:
            continue
        for name, entry in r["measured"].get("warm", {}).items():
            if name != "ours" and "ratio" in entry:
                most = next(most for most in CLASSES if r["row"]["payload"] <= most * 1e6)
                ratios.setdefault(name, {}).setdefault(most, []).append(entry["ratio"]["median"])
    if not ratios:
        return []
    lines = ["The same by the size of a tensor, of warm calls, and the row in which a contender comes closest:", "",
             "| contender | " + " | ".join("up to %d MB" % most for most in CLASSES) + " | least |",
             "|---|" + "--:|" * (len(CLASSES) + 1)]
    for name in geometric_means(results, family):
        some = ratios.get(name, {})
        cells = [name] + ["%.2f" % statistics.geometric_mean(some[most]) if most in some else "–" for most in CLASSES]
        cells.append("%.2f" % min(min(values) for values in some.values()) if some else "–")
        lines.append("| " + " | ".join(cells) + " |")
    return lines + [""]


BEGIN, END = "<!-- bench/peers/run writes from here -->\n", "<!-- to here -->\n"


def overview(path, folder):
    """Writes the geometric means on all processors into a document, between two marks."""
    every = [load(os.path.join(folder, name)) for name in sorted(os.listdir(folder))
             if os.path.exists(os.path.join(folder, name, DATA))]
    slugs = [machine.slug(results["machine"]) for results in every]
    table = ["| contender | " + " | ".join(
        "[%s, family %s, model %s](peers/results/%s/README.md)"
        % (r["machine"]["cpu"], r["machine"]["family"] or "–", r["machine"]["model"] or "–", slug)
        for r, slug in zip(every, slugs)) + " |", "|---|" + "--:|" * len(every)]
    bounds = set().union(*map(bound_names, every))
    for family, beginning in (("core", ""), ("fused", "Fuse: "), ("compact", "Gather, Scatter: ")):
        columns = [geometric_means(results, family) for results in every]
        names = dict.fromkeys(name for column in columns for name in column)
        for name in sorted(names, key=lambda n: n in bounds):
            cells = []
            for column in columns:
                kinds = column.get(name, {})
                cells.append(" / ".join("%.2f" % kinds[kind][1] if kind in kinds else "–" for kind in measure.KINDS))
            table.append("| %s | %s |" % (beginning + name, " | ".join(cells)))
    with open(path) as file:
        before, rest = file.read().split(BEGIN)
    after = rest.split(END)[1]
    with open(path, "w") as file:
        file.write(before + BEGIN + "\n" + "\n".join(table) + "\n\n" + END + after)


def notes(results):
    """Who took part, who is missing, and how results agree."""
    lines = ["## Who took part", "", "| contender | version | results agree |", "|---|---|---|"]
    agree = {}
    for r in results["rows"].values():
        for name, text in r["agree"].items():
            agree.setdefault(name, {}).setdefault(text, 0)
            agree[name][text] += 1
    for name, texts in sorted(agree.items()):
        how = "; ".join("%s (%d)" % (text, n) for text, n in sorted(texts.items(), key=lambda t: -t[1]))
        version = "this commit" if is_ours(name) else results["versions"].get(name, "")
        lines.append("| %s | %s | %s |" % (name, version, how))
    lines += ["", "Go %s, Python %s." % (results["library"]["go"].removeprefix("go"), results["machine"]["python"]), ""]
    for name, reason in sorted(results["missing"].items()):
        lines.append("* %s is missing: %s" % (name, reason))
    failed = {}
    for r in results["rows"].values():
        for name, text in r["absent"].items():
            if not text.startswith("not offered"):
                failed.setdefault((name, text), []).append(r["name"])
    for (name, text), where in sorted(failed.items()):
        lines.append("* %s %s, in %d rows, such as `%s`" % (name, text, len(where), where[0]))
    return lines + ([""] if lines[-1] else [])

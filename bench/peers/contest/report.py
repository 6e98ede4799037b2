"""Results as text: JSON for scripts and a table in Markdown."""

import json
import math
import os

from . import machine, plots, rows

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
             if not is_ours(name) and name not in result["bounds"]]
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
    measured = result["measured"][""]
    if "ours" not in measured:
        return "%s: ours is missing: %s" % (result["name"], result["absent"].get("ours"))
    line = "%-70s ours %9.1f µs" % (result["name"], measured["ours"]["ns"]["median"] / 1e3)
    for name, entry in peers(result, "")[:3]:
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
           m["memory_gib"], m["system"], results["library"]["tier"], results["commit"], results["time"],
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
    lines += means(results)
    lines += notes(results)
    return "\n".join(lines)


def section(results, work, heading):
    """The table of one kind of work."""
    some = [r for r in results["rows"].values() if r["row"]["work"] == work and "ours" in r["measured"].get("", {})]
    if not some:
        return []
    lines = ["## " + heading, "",
             "| tensor | MB | type | layout | place | rate | threads | ours, GB/s | best peer | its GB/s "
             "| its time / ours | result read: best peer | its time / ours |",
             "|---|--:|---|---|---|--:|--:|--:|---|--:|--:|---|--:|"]
    for r in some:
        row = r["row"]
        cells = [title(row), "%.1f" % (row["payload"] / (2 if work in ("both", "training") else 1) / 1e6),
                 row["dtype"], row["layout"], row["place"], "%g" % row["rate"], "%d" % r["threads"],
                 "%.1f" % gigabytes(r, r["measured"][""]["ours"])]
        best = peers(r, "")[:1]
        cells += [best[0][0], "%.1f" % gigabytes(r, best[0][1]), ratio(best[0][1])] if best else ["–"] * 3
        best = peers(r, "read")[:1]
        cells += [best[0][0], ratio(best[0][1])] if best else ["–"] * 2
        lines.append("| " + " | ".join(cells) + " |")
    return lines + [""]


def ratio(entry):
    """A ratio with its quartiles."""
    r = entry["ratio"]
    return "%.2f (%.2f–%.2f)" % (r["median"], r["q1"], r["q3"])


def draws(results):
    """The table of draws: nanoseconds for a channel."""
    some = [r for r in results["rows"].values() if r["row"]["work"] == "draw" and r["measured"].get("")]
    if not some:
        return []
    lines = ["## The draw", ""]
    for r in some:
        trials = r["row"]["batch"] * r["row"]["channels"]
        lines += ["%d channels at rate %g:" % (trials, r["row"]["rate"]), "",
                  "| contender | ns per channel | time / ours |", "|---|--:|--:|"]
        for name, entry in sorted(r["measured"][""].items(), key=lambda pair: pair[1]["ns"]["median"]):
            lines.append("| %s | %.2f | %s |" % (name, entry["ns"]["median"] / trials, ratio(entry)))
        lines.append("")
    return lines


KINDS = [("", "time / ours"), ("read", "the same, result read")]


def geometric_means(results):
    """For each contender and kind of measurement: the ratios of its rows, and their mean.

    Those of {name: {kind: (ratios, mean)}} come first that are fastest, and bounds last.
    """
    ratios = {}
    for r in results["rows"].values():
        if r["row"]["work"] == "draw":
            continue
        for kind, _ in KINDS:
            for name, entry in r["measured"].get(kind, {}).items():
                if "ratio" in entry and name != "ours":
                    ratios.setdefault(name, {}).setdefault(kind, []).append(entry["ratio"]["median"])
    found = {name: {kind: (some, math.exp(sum(map(math.log, some)) / len(some)))
                    for kind, some in kinds.items()} for name, kinds in ratios.items()}
    bounds = bound_names(results)
    return dict(sorted(found.items(), key=lambda pair: (pair[0] in bounds, pair[1][""][1])))


def bound_names(results):
    return {name for r in results["rows"].values() for name in r["bounds"]}


def means(results):
    """The geometric mean of each contender's ratios."""
    found = geometric_means(results)
    if not found:
        return []
    lines = ["## All rows together", "",
             "Geometric means of the time divided by ours, over the rows that a contender is in, and in how",
             "many of them it is faster by more than 2 %. Contenders are in different rows: compare each with",
             "ours, and not with each other. `copy` and `clear` are bounds and do no dropout.", "",
             "| contender | rows | time / ours | faster in | result read: rows | time / ours |",
             "|---|--:|--:|--:|--:|--:|"]
    bounds = bound_names(results)
    for name, kinds in found.items():
        some, mean = kinds[""]
        faster = "–" if name in bounds else "%d" % sum(x < 0.98 for x in some)
        read = kinds.get("read")
        lines.append("| %s | %d | %.2f | %s | %s |" % (
            name, len(some), mean, faster, "%d | %.2f" % (len(read[0]), read[1]) if read else "0 | –"))
    return lines + [""]


BEGIN, END = "<!-- bench/peers/run writes from here -->\n", "<!-- to here -->\n"


def overview(path, folder):
    """Writes the geometric means on all processors into a document, between two marks."""
    every = [load(os.path.join(folder, name)) for name in sorted(os.listdir(folder))
             if os.path.exists(os.path.join(folder, name, DATA))]
    columns = [geometric_means(results) for results in every]
    slugs = [machine.slug(results["machine"]) for results in every]
    table = ["| contender | " + " | ".join(
        "[%s, family %s, model %s](peers/results/%s/README.md)"
        % (r["machine"]["cpu"], r["machine"]["family"] or "–", r["machine"]["model"] or "–", slug)
        for r, slug in zip(every, slugs)) + " |", "|---|" + "--:|" * len(every)]
    names = dict.fromkeys(name for column in columns for name in column)
    bounds = set().union(*map(bound_names, every))
    for name in sorted(names, key=lambda n: n in bounds):
        cells = []
        for column in columns:
            kinds = column.get(name, {})
            cells.append(" / ".join("%.2f" % kinds[kind][1] if kind in kinds else "–" for kind, _ in KINDS))
        table.append("| %s | %s |" % (name, " | ".join(cells)))
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

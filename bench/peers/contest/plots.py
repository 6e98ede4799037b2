"""Pictures of the results."""

import os

from .row import FAMILIES

# The contenders of a picture: its colour and marker, by the beginning of the name.
STYLES = [
    ("PyTorch", "#d62728", "o"),
    ("JAX", "#9467bd", "s"),
    ("TensorFlow", "#ff7f0e", "D"),
    ("ONNX Runtime", "#1f77b4", "^"),
    ("oneDNN", "#17becf", "v"),
    ("NumPy", "#7f7f7f", "P"),
    ("plain Go", "#bcbd22", "x"),
    ("archsimd", "#2ca02c", "+"),
    ("", "#8c564b", "."),  # the Go libraries
]
NAMES = {"": "Go libraries", "PyTorch": "PyTorch, the best way"}

# A picture for each name: its heading, and the works that it shows.
PICTURES = [("apply", "Forward, with factors given", ("apply",)),
            ("both", "Forward and backward, with factors given", ("both",)),
            ("layer", "The whole layer, forward", ("layer",)),
            ("training", "The whole layer, forward and backward", ("training",)),
            ("fused", "Fused with a scale, a shift and an activation", FAMILIES["fused"]),
            ("compact", "The kept channels alone, and back", FAMILIES["compact"])]


def draw(folder, results):
    """Draws the pictures that have rows. Returns their names with alternative texts."""
    import matplotlib
    matplotlib.use("svg")
    # The same data make the same file, and text stays text.
    matplotlib.rcParams.update({"svg.hashsalt": "peers", "svg.fonttype": "none", "font.size": 9})
    pictures = []
    for name, heading, works in PICTURES:
        some = [r for r in results["rows"].values()
                if r["row"]["work"] in works and "ours" in r["measured"].get("warm", {})]
        if some:
            name += ".svg"
            picture(os.path.join(folder, name), some, heading)
            pictures.append((name, heading + ": time of each contender divided by ours"))
    return pictures


def picture(path, some, heading):
    """Draws a line for each row, with a mark for each group of contenders."""
    from matplotlib import pyplot
    figure, axes = pyplot.subplots(figsize=(10, 1.4 + 0.24 * len(some)), layout="constrained")
    used = {}
    for i, result in enumerate(some):
        for beginning, entry in groups(result).items():
            _, colour, marker = next(style for style in STYLES if style[0] == beginning)
            r = entry["ratio"]
            axes.plot([r["q1"], r["q3"]], [i, i], color=colour, linewidth=1, alpha=0.6)
            used[beginning], = axes.plot(r["median"], i, marker, color=colour, markersize=5)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xscale("log")
    axes.set_xlim(left=min(0.5, axes.get_xlim()[0]))
    ticks = [t for t in (0.2, 0.5, 1, 2, 5, 10, 20, 50, 100) if axes.get_xlim()[0] <= t <= axes.get_xlim()[1]]
    axes.set_xticks(ticks, ["%g" % t for t in ticks])
    axes.minorticks_off()
    axes.set_yticks(range(len(some)), [label(r) for r in some])
    axes.invert_yaxis()
    axes.grid(axis="both", linewidth=0.3)
    axes.set_title(heading)
    axes.set_xlabel("time divided by ours, with quartiles; right of 1 ours is faster")
    figure.legend([used[b] for b, _, _ in STYLES if b in used],
                  [NAMES.get(b, b) for b, _, _ in STYLES if b in used],
                  loc="outside lower center", ncols=5, frameon=False)
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    pyplot.close(figure)


def groups(result):
    """The fastest contender of each group of a row. Ours and bounds are in none."""
    best = {}
    for name, entry in result["measured"]["warm"].items():
        if name.split(",")[0] == "ours" or name in result["bounds"]:
            continue
        beginning = next(b for b, _, _ in STYLES if name.startswith(b))
        if beginning not in best or entry["ns"]["median"] < best[beginning]["ns"]["median"]:
            best[beginning] = entry
    return best


def label(result):
    row = result["row"]
    parts = ["%s ×%d" % (row["stage"], row["batch"])]
    if row.get("variant"):
        parts.insert(0, row["work"])
        parts += row["variant"]
    if row["dtype"] != "float32":
        parts.append("bf16")
    if row["layout"] != "NCHW":
        parts.append(row["layout"])
    if row["place"] == "in":
        parts.append("in place")
    if row["rate"] != 0.5:
        parts.append("rate %g" % row["rate"])
    if result["threads"] > 1:
        parts.append("%d threads" % result["threads"])
    return ", ".join(parts)

"""What the results belong to: the processor, and the commit."""

import glob
import os
import platform
import re
import subprocess


def describe():
    """The processor, its caches and the system."""
    info = _cpuinfo()
    return {
        "cpu": info.get("model name", platform.processor() or platform.machine()),
        "family": info.get("cpu family", ""),
        "model": info.get("model", ""),
        "architecture": platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "caches": caches(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2 ** 30),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def slug(machine):
    """A name for a folder: amd-epyc-family-26-model-2."""
    words = [machine["cpu"]]
    if machine["family"]:
        words += ["family", machine["family"], "model", machine["model"]]
    return re.sub(r"[^a-z0-9]+", "-", " ".join(words).lower()).strip("-")


def caches():
    """The sizes of the caches of the first core, by level, as the system says them."""
    found = {}
    for folder in sorted(glob.glob("/sys/devices/system/cpu/cpu0/cache/index*")):
        kind = _read(folder + "/type")
        if kind in ("Data", "Unified"):
            found["L" + _read(folder + "/level")] = _read(folder + "/size")
    return found


def commit(folder):
    """The commit of the working tree, with a word if it has been changed."""
    def git(*arguments):
        return subprocess.run(("git", "-C", folder) + arguments, check=True,
                              capture_output=True, text=True).stdout.strip()
    try:
        changed = git("status", "--porcelain", "--", ":/*.go", ":/*.s", ":/*.py")
        return git("rev-parse", "--short=12", "HEAD") + (", changed" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _cpuinfo():
    """The lines of the first processor in /proc/cpuinfo."""
    info = {}
    for line in _read("/proc/cpuinfo").splitlines():
        key, colon, value = line.partition(":")
        if not colon:
            break
        info[key.strip()] = value.strip()
    return info


def _read(path):
    try:
        with open(path) as file:
            return file.read().strip()
    except OSError:
        return ""

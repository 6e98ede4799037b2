"""What a contender is, for the modules that define some."""

import time


class Unsupported(Exception):
    """A contender does not offer the work of a row. The message says why."""


class Work:
    """A contender that is ready for a job.

    A subclass, or whoever makes one, sets call: it does the job once and returns when the
    result is there.
    """

    # The policy of dropped elements in this job: "select" or "multiply"; None for a bound,
    # whose results are not dropout.
    policy = "multiply"
    # Whether a zero may have either sign.
    signed = False
    # Why results may differ from the oracle by one unit in the last place, "" if they may not.
    tolerance = ""

    def __init__(self, job, call, policy=None, tolerance=""):
        self.job = job
        self.call = call
        if policy is not None:
            self.policy = policy
        self.tolerance = tolerance

    def reset(self):
        """Makes own inputs what they were, for contenders that have some and change them."""

    def results(self):
        """The flat results of the last call: y, and dx if there is a backward pass."""
        return [self.job.y] if self.job.dx is None else [self.job.y, self.job.dx]

    def kept(self):
        """How many channels the last draw kept, for jobs that only draw."""
        raise NotImplementedError

    def address(self):
        """Where y is after a call."""
        return self.job.y.ctypes.data

    def time(self, repetitions, reader=None):
        """Nanoseconds of so many calls, the result read after each if there is a reader.

        The loop is one of Python: it adds some 50 ns to a call, and what a reader adds, the
        library of the Go contenders does not have. Both are small beside what a call of a
        framework costs.
        """
        call = self.call
        if reader is None:
            start = time.perf_counter_ns()
            for _ in range(repetitions):
                call()
            return time.perf_counter_ns() - start
        size, read, address = self.job.y.nbytes, reader, self.address
        start = time.perf_counter_ns()
        for _ in range(repetitions):
            call()
            read(address(), size)
        return time.perf_counter_ns() - start

    def close(self):
        """Gives memory back."""


class Contender:
    """Somebody who can do the jobs of a family. prepare returns a Work or raises Unsupported.

    Those of different families may have the same name.
    """

    # Whether it is a bound that shows what memory allows, and no way to do dropout.
    bound = False

    def __init__(self, name, version, prepare, family="core"):
        self.name = name
        self.version = version
        self.prepare = prepare
        self.family = family


def select(contenders, words):
    """Ours and those whose names contain one of the words, in any case; all without words.

    Raises ValueError if a word is in no name.
    """
    def having(word):
        return [c for c in contenders if word.lower() in c.name.lower()]

    for word in words:
        if not having(word):
            raise ValueError("no contender has a name with %r, want a part of one of: %s"
                             % (word, ", ".join(dict.fromkeys(c.name for c in contenders))))
    chosen = [c for word in words for c in having(word)]
    return [c for c in contenders if not words or c.name == "ours" or c in chosen]

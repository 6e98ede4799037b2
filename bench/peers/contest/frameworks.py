"""The modules of the frameworks, and which of them are here."""

import importlib

MODULES = ["with_numpy", "with_pytorch", "with_jax", "with_tensorflow", "with_onnxruntime", "with_onednn"]


def load(threads):
    """Returns the contenders of all frameworks, and why the others are missing.

    threads is how many threads each may use. The environment has been set for it, see
    worker.py.
    """
    contenders, missing = [], {}
    for name in MODULES:
        title = name.removeprefix("with_")
        try:
            module = importlib.import_module("." + name, __package__)
            title = module.TITLE
            contenders += module.contenders(threads)
        except Exception as error:  # whatever a framework does, the others go on
            missing[title] = "%s: %s" % (type(error).__name__, str(error).strip().splitlines()[:1])
    return contenders, missing

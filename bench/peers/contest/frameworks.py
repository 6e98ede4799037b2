"""The modules of the frameworks, and which of them are here."""

import importlib

MODULES = ["with_numpy", "with_pytorch", "with_jax", "with_tensorflow", "with_onnxruntime", "with_onednn",
           "with_numpy_fused", "with_pytorch_fused", "with_jax_fused", "with_onnxruntime_fused", "with_onednn_fused",
           "with_numpy_compact", "with_pytorch_compact", "with_jax_compact", "with_onnxruntime_compact"]


def load(threads):
    """Returns the contenders of all frameworks, and why the others are missing.

    threads is how many threads each may use. The environment has been set for it, see
    worker.py.
    """
    contenders, missing = [], {}
    for name in MODULES:
        title = name.removeprefix("with_").partition("_")[0]
        try:
            module = importlib.import_module("." + name, __package__)
            title = module.TITLE
            contenders += module.contenders(threads)
        except Exception as error:  # whatever a framework does, the others go on
            first = (str(error).strip().splitlines() or [""])[0]
            missing[title] = "%s: %s" % (type(error).__name__, first)
    return contenders, missing

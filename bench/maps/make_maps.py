#!/usr/bin/env python3
"""Writes the feature maps of this directory: activations of a trained convolutional
network for a photograph.

    pip install --no-deps -r requirements.txt
    python make_maps.py [OUTPUT_DIRECTORY]     # default: that of this script

The network is the PP-OCRv4 text detector in the package rapidocr-onnxruntime. The
photograph is scikit-image's astronaut. README.md names the origin and the licence
of both.
"""

import hashlib
import importlib.util
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from skimage.data import astronaut

MODEL = "models/ch_PP-OCRv4_det_infer.onnx"
MODEL_SHA256 = "d2a7720d45a54257208b1e13e36a8479894cb74155a5efe29462512d42f49da9"

# Two square crops of the 512x512 photograph, as (top, left). With 224x224 pixels the
# three stages below have planes of 112x112, 28x28 and 7x7.
SIDE = 224
CROPS = [
    (0, 112),    # face and collar
    (288, 112),  # mission patch and name tag
]

# file name -> (tensor in the graph, how many of the crops to keep).
# Each tensor is the output of a hard-swish activation. The first one is by far the
# largest, so it is kept for one crop only.
MAPS = {
    "stem": ("hardswish_58.tmp_0", 1),
    "middle": ("hardswish_65.tmp_0", 2),
    "deep": ("hardswish_76.tmp_0", 2),
}


def load_model():
    # find_spec locates the package without importing it, so that the OCR code and
    # its dependencies are not needed.
    spec = importlib.util.find_spec("rapidocr_onnxruntime")
    if spec is None:
        sys.exit("rapidocr-onnxruntime is not installed, see requirements.txt")
    data = (Path(spec.submodule_search_locations[0]) / MODEL).read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != MODEL_SHA256:
        sys.exit(f"{MODEL} is not the expected file: sha256 {found}")
    return onnx.load_from_string(data)


def load_input():
    # The detector expects BGR, scaled from 0..255 to -1..1, as NCHW.
    photo = astronaut()[:, :, ::-1].astype(np.float32)
    photo = photo / np.float32(127.5) - np.float32(1)
    pieces = [photo[top : top + SIDE, left : left + SIDE] for top, left in CROPS]
    return np.ascontiguousarray(np.stack(pieces).transpose(0, 3, 1, 2))


def run(model, batch):
    # With these tensors as the only outputs the runtime skips all nodes after them.
    names = [tensor for tensor, _ in MAPS.values()]
    del model.graph.output[:]
    for name in names:
        model.graph.output.append(
            onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
        )

    # One thread and no fused or reordered operators, so that each run adds in the same
    # order.
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.graph_optimization_level = (
        onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    )
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return dict(zip(names, session.run(names, {"x": batch})))


def main():
    if len(sys.argv) > 2:
        sys.exit("usage: make_maps.py [OUTPUT_DIRECTORY]")
    out = Path(sys.argv[1] if len(sys.argv) == 2 else Path(__file__).parent)
    out.mkdir(parents=True, exist_ok=True)

    tensors = run(load_model(), load_input())
    for name, (tensor, count) in MAPS.items():
        m = np.ascontiguousarray(tensors[tensor][:count], dtype="<f4")
        if not np.isfinite(m).all() or (m.min(axis=(2, 3)) == m.max(axis=(2, 3))).any():
            sys.exit(f"{name}: not finite, or a plane without any detail")
        path = out / f"{name}.npy"
        with open(path, "wb") as f:
            np.lib.format.write_array(f, m, version=(1, 0), allow_pickle=False)
        print(
            f"{path.name}: {m.shape} min {m.min():.4f} max {m.max():.4f} "
            f"zeros {(m == 0).mean():.2%} bytes {path.stat().st_size} "
            f"sha256 {hashlib.sha256(path.read_bytes()).hexdigest()}"
        )


if __name__ == "__main__":
    main()

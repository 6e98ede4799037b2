"""ONNX Runtime in the compact family: a graph of Gather and Mul."""

import onnxruntime
from onnx import TensorProto, helper

from .contender import Contender, Unsupported
from .with_onnxruntime import TITLE, Graph


def contenders(threads):
    def prepare(job):
        return CompactGraph(job, threads)
    return [Contender("ONNX Runtime", onnxruntime.__version__, prepare, "compact")]


class CompactGraph(Graph):
    """The kept channels of a shared mask, or the kept planes of all samples."""

    def __init__(self, job, threads):
        if job.row.work != "gather":
            raise Unsupported("scatters elements, with an index for each")
        if not job.packed and job.row.layout == "NHWC":
            raise Unsupported("a graph for each sample")
        axis, indices = job.channel_axis, job.indices()
        whole, packed = job.shape, job.packed
        if not packed:
            axis, indices = 0, job.planes()
            whole, packed = (job.samples * job.channels, job.spatial), (len(indices), job.spatial)
        constants = [helper.make_tensor("indices", TensorProto.INT64, [len(indices)], indices),
                     helper.make_tensor("factor", TensorProto.FLOAT, [], [float(job.factor)])]
        nodes = [helper.make_node("Gather", ["x", "indices"], ["g"], axis=axis),
                 helper.make_node("Mul", ["g", "factor"], ["y"])]
        super().__init__(job, threads, nodes, {"x": (job.x, whole)}, (job.y, packed), constants)

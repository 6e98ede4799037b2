"""ONNX Runtime in the fused family: a graph of Mul, Add, the activation, Mul and Add."""

import onnxruntime
from onnx import TensorProto, helper

from .contender import Contender, Unsupported
from .with_onnxruntime import TITLE, Graph


def contenders(threads):
    def prepare(job):
        return FusedGraph(job, threads)
    return [Contender("ONNX Runtime", onnxruntime.__version__, prepare, "fused")]


class FusedGraph(Graph):
    """The forward pass. The session may fuse what it can."""

    def __init__(self, job, threads):
        if job.row.work == "fuse-backward":
            raise Unsupported("inference only")
        given = {"x": (job.source, job.shape), "a": (job.scales, job.channel_shape),
                 "b": (job.shifts, job.channel_shape), "m": (job.factors, job.factor_shape)}
        if job.row.work == "fuse-add":
            given["r"] = (job.residual, job.shape)
        limits = [helper.make_tensor("zero", TensorProto.FLOAT, [], [0.0]),
                  helper.make_tensor("limit", TensorProto.FLOAT, [], [job.limit])]
        activation = {
            "ReLU": helper.make_node("Relu", ["t"], ["u"]),
            "ReLU6": helper.make_node("Clip", ["t", "zero", "limit"], ["u"]),
            "LeakyReLU": helper.make_node("LeakyRelu", ["t"], ["u"], alpha=job.limit),
        }[job.row.activation]
        add = job.row.work == "fuse-add"
        nodes = [helper.make_node("Mul", ["x", "a"], ["p"]), helper.make_node("Add", ["p", "b"], ["t"]), activation,
                 helper.make_node("Mul", ["u", "m"], ["d" if add else "y"])]
        if add:
            nodes.append(helper.make_node("Add", ["r", "d"], ["y"]))
        super().__init__(job, threads, nodes, given, (job.y, job.shape), limits if job.row.activation == "ReLU6" else [])

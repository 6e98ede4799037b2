"""ONNX Runtime: a graph of one Mul, and one that draws, on memory that is bound to it."""

import onnx
import onnxruntime
from onnx import TensorProto, helper

from .contender import Contender, Unsupported, Work

TITLE = "ONNX Runtime"


def contenders(threads):
    def prepare(job):
        return ORTWork(job, threads)
    return [Contender("ONNX Runtime", onnxruntime.__version__, prepare)]


def graph(job, draws):
    """A model: y = x·factors, or y = x·(uniform < 1-rate)·1/(1-rate).

    ONNX's Dropout is of elements, so that the channels are drawn by RandomUniform.
    """
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, job.shape)
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, job.shape)
    if not draws:
        m = helper.make_tensor_value_info("m", TensorProto.FLOAT, job.factor_shape)
        nodes, inputs, constants = [helper.make_node("Mul", ["x", "m"], ["y"])], [x, m], []
    else:
        keep = helper.make_tensor("keep", TensorProto.FLOAT, [], [1 - job.row.rate])
        scale = helper.make_tensor("scale", TensorProto.FLOAT, [], [float(job.factor)])
        nodes = [
            helper.make_node("RandomUniform", [], ["u"], shape=job.factor_shape, seed=1.0),
            helper.make_node("Less", ["u", "keep"], ["kept"]),
            helper.make_node("Cast", ["kept"], ["ones"], to=TensorProto.FLOAT),
            helper.make_node("Mul", ["ones", "scale"], ["m"]),
            helper.make_node("Mul", ["x", "m"], ["y"]),
        ]
        inputs, constants = [x], [keep, scale]
    g = helper.make_graph(nodes, "dropout", inputs, [y], constants)
    model = helper.make_model(g, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    onnx.checker.check_model(model)
    return model.SerializeToString()


class ORTWork(Work):
    """A session whose inputs and outputs are the shared memory."""

    def __init__(self, job, threads):
        if job.row.dtype != "float32":
            raise Unsupported("has no Mul of bfloat16 on a CPU")
        if job.row.work in ("training", "draw"):
            raise Unsupported("inference only")
        super().__init__(job, self.run)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            graph(job, job.row.draws), options, providers=["CPUExecutionProvider"])
        self.bindings = [self.bind(job.source, job.y)]
        if job.row.backward:
            self.bindings.append(self.bind(job.gradient, job.dx))

    def bind(self, source, result):
        b = self.session.io_binding()
        job = self.job
        self.bind_one(b.bind_input, "x", source, job.shape)
        if not job.row.draws:
            self.bind_one(b.bind_input, "m", job.factors, job.factor_shape)
        self.bind_one(b.bind_output, "y", result, job.shape)
        return b

    def bind_one(self, bind, name, flat, shape):
        bind(name=name, device_type="cpu", device_id=0, element_type=flat.dtype.type,
             shape=shape, buffer_ptr=flat.ctypes.data)

    def run(self):
        for b in self.bindings:
            self.session.run_with_iobinding(b)

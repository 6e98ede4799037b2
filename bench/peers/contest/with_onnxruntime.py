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


class Graph(Work):
    """A session of some nodes, whose inputs and output y are the shared memory.

    given maps the names of inputs to flat memory and its shape, and result is those of y.
    """

    def __init__(self, job, threads, nodes, given, result, constants=()):
        if job.row.dtype != "float32":
            raise Unsupported("has no Mul of bfloat16 on a CPU")
        super().__init__(job, self.run)
        inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, (_, shape) in given.items()]
        output = helper.make_tensor_value_info("y", TensorProto.FLOAT, result[1])
        model = helper.make_model(helper.make_graph(nodes, "dropout", inputs, [output], constants),
                                  opset_imports=[helper.make_opsetid("", 17)])
        model.ir_version = 9
        onnx.checker.check_model(model)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        self.bindings = [self.bind(given, result)]

    def bind(self, given, result):
        b = self.session.io_binding()
        for name, (flat, shape) in given.items():
            self.bind_one(b.bind_input, name, flat, shape)
        self.bind_one(b.bind_output, "y", *result)
        return b

    def bind_one(self, bind, name, flat, shape):
        bind(name=name, device_type="cpu", device_id=0, element_type=flat.dtype.type,
             shape=shape, buffer_ptr=flat.ctypes.data)

    def run(self):
        for b in self.bindings:
            self.session.run_with_iobinding(b)


class ORTWork(Graph):
    """y = x·factors, or y = x·(uniform < 1-rate)·1/(1-rate).

    ONNX's Dropout is of elements, so that the channels are drawn by RandomUniform.
    """

    def __init__(self, job, threads):
        if job.row.work in ("training", "draw"):
            raise Unsupported("inference only")
        given, constants = {"x": (job.source, job.shape)}, []
        if not job.row.draws:
            given["m"] = (job.factors, job.factor_shape)
            nodes = [helper.make_node("Mul", ["x", "m"], ["y"])]
        else:
            constants = [helper.make_tensor("keep", TensorProto.FLOAT, [], [1 - job.row.rate]),
                         helper.make_tensor("scale", TensorProto.FLOAT, [], [float(job.factor)])]
            nodes = [
                helper.make_node("RandomUniform", [], ["u"], shape=job.factor_shape, seed=1.0),
                helper.make_node("Less", ["u", "keep"], ["kept"]),
                helper.make_node("Cast", ["kept"], ["ones"], to=TensorProto.FLOAT),
                helper.make_node("Mul", ["ones", "scale"], ["m"]),
                helper.make_node("Mul", ["x", "m"], ["y"]),
            ]
        super().__init__(job, threads, nodes, given, (job.y, job.shape), constants)
        if job.row.backward:
            self.bindings.append(self.bind(dict(given, x=(job.gradient, job.shape)), (job.dx, job.shape)))

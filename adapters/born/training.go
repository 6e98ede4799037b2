package born

import (
	"github.com/born-ml/born/nn"
	"github.com/born-ml/born/tensor"
)

// SetTraining switches the layers of a model between training and evaluation. It finds those
// of this package, in nn.Sequential and in nn.Sequential within it, and every module with a
// method SetTraining(bool). A model of your own that holds layers elsewhere needs such a
// method: born has no other way to reach them.
//
// SetTraining returns how many modules it has switched. Fewer than the model has are a sign of
// such a model, whose layers go on dropping in evaluation.
func SetTraining[B tensor.Backend](m nn.Module[B], training bool) (switched int) {
	switch m := m.(type) {
	case interface{ SetTraining(bool) }:
		m.SetTraining(training)
		return 1
	case *nn.Sequential[B]:
		for i := range m.Len() {
			switched += SetTraining(m.Module(i), training)
		}
	}
	return switched
}

package born

import (
	"github.com/born-ml/born/nn"
	"github.com/born-ml/born/tensor"
)

// SetTraining switches the layers of a model between training and evaluation. It finds those
// of this package, in nn.Sequential and in nn.Sequential within it, and every module with a
// method SetTraining(bool). A model of your own that holds layers elsewhere needs such a
// method: born has no other way to reach them.
func SetTraining[B tensor.Backend](m nn.Module[B], training bool) {
	switch m := m.(type) {
	case interface{ SetTraining(bool) }:
		m.SetTraining(training)
	case *nn.Sequential[B]:
		for i := range m.Len() {
			SetTraining(m.Module(i), training)
		}
	}
}

package mask

import (
	"fmt"

	"github.com/spatialdropout/spatialdropout/internal/draw"
	"github.com/spatialdropout/spatialdropout/internal/dtype"
)

// TensorFlow draws what tf.nn.experimental.stateless_dropout draws on a CPU with
// seed=[Seed[0], Seed[1]+step].
//
// The mask depends on the type of the data: a channel is kept if and only if a uniform
// number is at least the rate rounded to the type. The number has as many bits as the
// type has in its fraction: 23, 52, 10 or 7.
type TensorFlow struct {
	Seed [2]int64
	Type Type
	// XLA draws what a function draws that XLA compiles (jit_compile=True): 23 other bits
	// for float32, the same 23 for bfloat16, and 52 other bits for float64. Only the lower
	// 32 bits of each number of the seed count.
	XLA bool
}

// String names the stream, its seed and its type, see [ParseStream].
func (t TensorFlow) String() string {
	return withType(fmt.Sprintf("tensorflow:%d,%d", t.Seed[0], t.Seed[1]), t.Type) + flags(t.XLA, "/xla")
}

// withType appends a type to the text of a stream, unless it is the default.
func withType(s string, t Type) string {
	if t != Float32 {
		s += "/" + t.String()
	}
	return s
}

// Arithmetic returns that of TensorFlow, the zero Arithmetic.
func (t TensorFlow) Arithmetic() Arithmetic { return Arithmetic{} }

// Draw decides every channel of m anew. It returns a [*PlaceError] if the tensor of the
// place does not hold the mask's channels.
func (t TensorFlow) Draw(m *Mask, at Place) error {
	if m.special(&at) {
		return drawSpecial(m, t, at)
	}
	return m.drawTensorFlow(uint64(t.Seed[0]), uint64(t.Seed[1])+at.Step, t.Type, t.XLA, at)
}

// drawTensorFlow decides every channel of m by TensorFlow's stateless numbers.
func (m *Mask) drawTensorFlow(seed0, seed1 uint64, t Type, xla bool, at Place) error {
	if t >= dtype.Count {
		return &ArithmeticError{"numbers of " + t.String(), "float32, float64, float16 or bfloat16"}
	}
	if m.settled() {
		return nil
	}
	if xla {
		seed0, seed1 = uint64(uint32(seed0)), uint64(uint32(seed1))
	}
	// The seed is scrambled: half of the result is the key, half goes into the counter.
	c0, c1, c2, c3 := philox4x32(0x02461e293ec8f720, seed0, seed1)
	spec := draw.Spec{Key: [2]uint32{c0, c1}, Counter: [4]uint32{2: c2, 3: c3}}
	w := words{draw: spec, inverted: true}
	rate := round(t, scalar(t, m.rate))
	switch t {
	case Float64:
		threshold := ceil(m.rate, 52)
		if threshold == 1<<52 {
			m.set(false)
			return nil
		}
		w.double = true
		if w.lowFirst = xla; xla {
			w.threshold = threshold << 12 // the upper 52 bits
		} else {
			w.draw.Shift = 12
			w.threshold = threshold>>32<<44 | threshold<<32>>32 // the upper 20 from the first word
		}
	case Float32:
		w.bits(rate, 23, xla)
	case Float16:
		w.bits(rate, 10, false)
	case BFloat16:
		fraction := 7
		if xla {
			fraction = 23
		}
		w.bits(rate, fraction, xla)
	}
	m.drawWords(&w, at.first(m))
	return nil
}

// bits compares the highest or the lowest n bits of a word, as a fraction, with x.
func (w *words) bits(x float64, n int, highest bool) {
	w.threshold = ceil(x, n) << (32 - n)
	if !highest {
		w.draw.Shift = uint32(32 - n)
	}
}

// After returns the place of the next step.
func (t TensorFlow) After(at Place, samples, channels int, rate float64) Place { return at.next() }

// KerasTensorFlow draws what keras.layers.SpatialDropout1D, 2D and 3D of Keras 3 draw on
// the TensorFlow backend and a CPU, made with seed=Seed: the stream of [TensorFlow] with
// the seed [Seed, calls], both modulo 2³¹−2.
//
// Calls at the rates 0 and 1 do not count: [Place.Cursor] is their number.
type KerasTensorFlow struct {
	Seed int64
	Type Type
}

// String names the stream, its seed and its type, see [ParseStream].
func (k KerasTensorFlow) String() string {
	return withType(fmt.Sprintf("keras-tensorflow:%d", k.Seed), k.Type)
}

// Arithmetic returns that of TensorFlow, see [TensorFlow.Arithmetic].
func (k KerasTensorFlow) Arithmetic() Arithmetic { return Arithmetic{} }

// Draw decides every channel of m anew. It returns a [*PlaceError] if the tensor of the
// place does not hold the mask's channels.
func (k KerasTensorFlow) Draw(m *Mask, at Place) error {
	if m.special(&at) {
		return drawSpecial(m, k, at)
	}
	const modulus = 1<<31 - 2
	seed := k.Seed % modulus
	if seed < 0 {
		seed += modulus // Python's remainder has the sign of the divisor
	}
	return m.drawTensorFlow(uint64(seed), at.calls()%modulus, k.Type, false, at)
}

// After returns the place of the next step.
func (k KerasTensorFlow) After(at Place, samples, channels int, rate float64) Place {
	return at.nextCall(rate > 0 && rate < 1)
}

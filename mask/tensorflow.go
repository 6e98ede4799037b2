package mask

import (
	"fmt"

	"github.com/spatialdropout/spatialdropout/kernel"
)

// TensorFlow is what tf.nn.experimental.stateless_dropout draws on a CPU with
// seed=[Seed[0], Seed[1]+step].
//
// The mask depends on the type of the data: a channel is kept if and only if a uniform
// number with as many bits as the type has after the point, 23, 52, 10 or 7, is at
// least the rate rounded to the type.
type TensorFlow struct {
	Seed [2]int64
	Type Type
}

// String names the stream, its seed and its type, see [ParseStream].
func (t TensorFlow) String() string {
	return withType(fmt.Sprintf("tensorflow:%d,%d", t.Seed[0], t.Seed[1]), t.Type)
}

// withType adds a type to the text of a stream.
func withType(s string, t Type) string {
	if t != Float32 {
		s += "/" + t.String()
	}
	return s
}

// Arithmetic is TensorFlow's, which is this package's own.
func (t TensorFlow) Arithmetic() Arithmetic { return Arithmetic{} }

// Draw decides every channel of m anew.
func (t TensorFlow) Draw(m *Mask, at Place) error {
	return m.drawTensorFlow(uint64(t.Seed[0]), uint64(t.Seed[1])+at.Step, t.Type, at)
}

// drawTensorFlow decides every channel of m by TensorFlow's stateless numbers.
func (m *Mask) drawTensorFlow(seed0, seed1 uint64, t Type, at Place) error {
	if t >= types {
		return fmt.Errorf("mask: %v, want a type of package mask", t)
	}
	if m.settled() {
		return nil
	}
	// The seed is scrambled: half of what comes of it is the key, half the counter.
	c0, c1, c2, c3 := philox4x32(0x02461e293ec8f720, seed0, seed1)
	draw := kernel.Draw{Key: [2]uint32{c0, c1}, Counter: [4]uint32{2: c2, 3: c3}}
	if t == Float64 {
		// 52 bits, the upper 20 from the first word.
		threshold := ceil(m.rate, 52)
		if threshold == 1<<52 {
			m.set(false)
			return nil
		}
		draw.Shift = 12
		m.drawWords(words{draw: draw, double: true, below: threshold>>32<<44 | threshold<<32>>32, inverted: true}, at.first(m))
		return nil
	}
	fraction, rate := 23, float64(float32(m.rate))
	switch t {
	case Float16:
		fraction, rate = 10, float64(value(half(m.rate, 10, 5), 10, 5))
	case BFloat16:
		fraction, rate = 7, float64(value(half(m.rate, 7, 8), 7, 8))
	}
	draw.Shift = uint32(32 - fraction)
	m.drawWords(words{draw: draw, below: ceil(rate, fraction) << draw.Shift, inverted: true}, at.first(m))
	return nil
}

// After returns the next step.
func (t TensorFlow) After(at Place, samples, channels int, rate float64) Place { return at.next() }

// KerasTensorFlow is what keras.layers.SpatialDropout1D, 2D and 3D of Keras 3 draw on the
// TensorFlow backend and a CPU, made with seed=Seed: the stream of [TensorFlow] with
// the seed [Seed, calls], both modulo 2³¹−2.
//
// Calls at the rates 0 and 1 do not count: [Place.Cursor] is how many there were.
type KerasTensorFlow struct {
	Seed int64
	Type Type
}

// String names the stream, its seed and its type, see [ParseStream].
func (k KerasTensorFlow) String() string {
	return withType(fmt.Sprintf("keras-tensorflow:%d", k.Seed), k.Type)
}

// Arithmetic is TensorFlow's, see [TensorFlow.Arithmetic].
func (k KerasTensorFlow) Arithmetic() Arithmetic { return Arithmetic{} }

// Draw decides every channel of m anew.
func (k KerasTensorFlow) Draw(m *Mask, at Place) error {
	const modulus = 1<<31 - 2
	seed := k.Seed % modulus
	if seed < 0 {
		seed += modulus // Python's remainder has the sign of the divisor
	}
	return m.drawTensorFlow(uint64(seed), at.calls()%modulus, k.Type, at)
}

// After returns the next step.
func (k KerasTensorFlow) After(at Place, samples, channels int, rate float64) Place {
	return at.nextCall(rate > 0 && rate < 1)
}

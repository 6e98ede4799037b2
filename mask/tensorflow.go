package mask

import (
	"fmt"

	"github.com/spatialdropout/spatialdropout/internal/draw"
	"github.com/spatialdropout/spatialdropout/internal/dtype"
)

// TensorFlow returns the stream of tf.nn.experimental.stateless_dropout on a CPU with
// seed=[seed[0], seed[1]+step], for data of type t.
//
// The mask depends on the type of the data: a channel is kept if and only if a uniform
// number is at least the rate rounded to the type. The number has as many bits as the
// type has in its fraction: 23, 52, 10 or 7.
//
// TensorFlow returns an [*ArgumentError] if the type is unknown, or a flag is not [XLA].
func TensorFlow(seed [2]int64, t Type, flags ...Flag) (Stream, error) {
	set, err := flagsOf("tensorflow", flags, XLA)
	if err == nil {
		err = checkType("tensorflow", t)
	}
	if err != nil {
		return nil, err
	}
	return tensorFlow{seed, t, set}, nil
}

type tensorFlow struct {
	seed  [2]int64
	typ   Type
	flags flagSet
}

func (t tensorFlow) String() string {
	return withType(fmt.Sprintf("tensorflow:%d,%d", t.seed[0], t.seed[1]), t.typ) + t.flags.String()
}

// checkType returns an error unless the type is known.
func checkType(stream string, t Type) error {
	if t >= dtype.Count {
		return streamError(stream, "float32, float64, float16 or bfloat16", "numbers of %v", t)
	}
	return nil
}

// withType appends a type to the text of a stream, unless it is the default.
func withType(s string, t Type) string {
	if t != Float32 {
		s += "/" + t.String()
	}
	return s
}

func (t tensorFlow) Arithmetic() Arithmetic { return Arithmetic{} }

func (t tensorFlow) Draw(m *Mask, at Place) error {
	if m.special(&at) {
		return drawSpecial(m, t, at)
	}
	return m.drawTensorFlow(uint64(t.seed[0]), uint64(t.seed[1])+at.Step, t.typ, t.flags.has(XLA), at)
}

// drawTensorFlow decides every channel of m by TensorFlow's stateless numbers.
func (m *Mask) drawTensorFlow(seed0, seed1 uint64, t Type, xla bool, at Place) error {
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
	rate := t.Rounded(scalar(t, m.rate))
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

func (t tensorFlow) After(at Place, samples, channels int, rate float64) Place { return at.next() }

// KerasTensorFlow returns the stream of keras.layers.SpatialDropout1D, 2D and 3D of Keras 3
// on the TensorFlow backend and a CPU, made with this seed, for data of type t: the stream
// of [TensorFlow] with the seed [seed, calls], both modulo 2³¹−2. It returns an
// [*ArgumentError] if the type is unknown.
//
// Calls at the rates 0 and 1 do not count: [Place.Cursor] is their number.
func KerasTensorFlow(seed int64, t Type) (Stream, error) {
	if err := checkType("keras-tensorflow", t); err != nil {
		return nil, err
	}
	return kerasTensorFlow{seed, t}, nil
}

type kerasTensorFlow struct {
	seed int64
	typ  Type
}

func (k kerasTensorFlow) String() string {
	return withType(fmt.Sprintf("keras-tensorflow:%d", k.seed), k.typ)
}

func (k kerasTensorFlow) Arithmetic() Arithmetic { return Arithmetic{} }

func (k kerasTensorFlow) Draw(m *Mask, at Place) error {
	if m.special(&at) {
		return drawSpecial(m, k, at)
	}
	const modulus = 1<<31 - 2
	seed := k.seed % modulus
	if seed < 0 {
		seed += modulus // Python's remainder has the sign of the divisor
	}
	return m.drawTensorFlow(uint64(seed), at.calls()%modulus, k.typ, false, at)
}

func (k kerasTensorFlow) After(at Place, samples, channels int, rate float64) Place {
	return at.nextCall(rate > 0 && rate < 1)
}

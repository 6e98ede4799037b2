package mask

import (
	"fmt"
	"math"

	"github.com/spatialdropout/spatialdropout/kernel"
)

// TensorFlow is what tf.nn.experimental.stateless_dropout draws on a CPU with
// seed=[Seed[0], Seed[1]+step], and so what Keras 3 draws on TensorFlow with
// seed=Seed[0]: keras.layers.SpatialDropout2D counts its calls in the second number.
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
	s := fmt.Sprintf("tensorflow:%d,%d", t.Seed[0], t.Seed[1])
	if t.Type != Float32 {
		s += "/" + t.Type.String()
	}
	return s
}

// Arithmetic is TensorFlow's, which is this package's own.
func (t TensorFlow) Arithmetic() Arithmetic { return Arithmetic{} }

// Draw decides every channel of m anew.
func (t TensorFlow) Draw(m *Mask, at Place) error {
	if t.Type >= types {
		return fmt.Errorf("mask: %v, want a type of package mask", t.Type)
	}
	if m.settled() {
		return nil
	}
	// The seed is scrambled: half of what comes of it is the key, half the counter.
	c0, c1, c2, c3 := philox4x32(0x02461e293ec8f720, uint64(t.Seed[0]), uint64(t.Seed[1])+at.Step)
	draw := kernel.Draw{Key: [2]uint32{c0, c1}, Counter: [4]uint32{2: c2, 3: c3}}
	if t.Type == Float64 {
		m.drawWide(draw, at.first(m))
		return nil
	}
	fraction, rate := 23, float64(float32(m.rate))
	switch t.Type {
	case Float16:
		fraction, rate = 10, float64(value(half(m.rate, 10, 5), 10, 5))
	case BFloat16:
		fraction, rate = 7, float64(value(half(m.rate, 7, 8), 7, 8))
	}
	draw.Shift = uint32(32 - fraction)
	m.drawWords(words{draw: draw, below: ceil(rate, fraction) << draw.Shift, inverted: true}, at.first(m))
	return nil
}

// drawWide decides the trials by 52 bits each: two words of a block, the upper 20 bits
// from the first.
func (m *Mask) drawWide(draw kernel.Draw, first uint64) {
	threshold := uint64(math.Ceil(math.Ldexp(m.rate, 52)))
	key, high := uint64(draw.Key[1])<<32|uint64(draw.Key[0]), uint64(draw.Counter[3])<<32|uint64(draw.Counter[2])
	b := bitWriter{m: m}
	for i, trials := first, m.samples*m.channels; trials > 0; i, trials = i+1, trials-1 {
		w0, w1, w2, w3 := philox4x32(key, i/2, high)
		if i%2 == 1 {
			w0, w1 = w2, w3
		}
		u := uint64(w0&0xfffff)<<32 | uint64(w1)
		b.add(1 - (u-threshold)>>63)
	}
	b.flush()
}

// After returns the next step.
func (t TensorFlow) After(at Place, samples, channels int, rate float64) Place { return at.next() }

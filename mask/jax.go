package mask

import (
	"fmt"

	"github.com/spatialdropout/spatialdropout/kernel"
)

// Key is a key of JAX's default generator, threefry2x32: what jax.random.key_data
// shows of it.
type Key [2]uint32

// KeyOf returns jax.random.key(seed), of a seed as JAX takes it without 64-bit types
// enabled: its lower 32 bits count.
func KeyOf(seed int64) Key { return Key{0, uint32(seed)} }

// FoldIn returns jax.random.fold_in(k, data).
func (k Key) FoldIn(data uint32) Key { return k.hash(0, data) }

// Split returns jax.random.split(k, n)[i], for any n above i.
func (k Key) Split(i uint32) Key { return k.hash(0, i) }

// hash returns Threefry2x32-20 of a counter.
func (k Key) hash(x0, x1 uint32) Key {
	x0, x1 = threefry2x32(k, x0, x1)
	return Key{x0, x1}
}

// JAX is what jax.random.bernoulli(key, 1−rate, (n, c)) draws with 32-bit types, and
// so what a layer on top of it draws: with the key of a step, trial i is the exclusive
// or of the two words of Threefry2x32-20 with the 64-bit counter i, high half first. The
// upper 23 bits of it make a uniform number, and the channel is kept if and only if that
// is below 1−rate as a float32.
//
// The key of step 0 is Key itself, as in a single call with that key. Later steps, and
// with Fold step 0 as well, draw with jax.random.fold_in(Key, step), as a training loop
// does that folds its step into a key.
type JAX struct {
	Key  Key
	Fold bool
	// Original draws as JAX does with jax_threefry_partitionable=False, the default
	// before v0.5: the trials of a batch are cut into halves, and trial i of the first
	// half and its counterpart in the second are the two words of the counter (i, i+half).
	// So they depend on the size of the batch, see [Place.Batch].
	Original bool
}

// String names the stream and its key, see [ParseStream].
func (j JAX) String() string {
	s := "jax:" + j.Key.String()
	if j.Fold {
		s += "/fold"
	}
	if j.Original {
		s += "/original"
	}
	return s
}

// String returns the seed of which KeyOf makes k, or the two words of one that is none
// of KeyOf's.
func (k Key) String() string {
	if k[0] == 0 {
		return fmt.Sprint(k[1])
	}
	return fmt.Sprintf("%d,%d", k[0], k[1])
}

// Arithmetic is JAX's: a true division.
func (j JAX) Arithmetic() Arithmetic { return Arithmetic{Rule: Quotient} }

// Draw decides every channel of m anew. It is an error if the batch has too few samples
// for the mask.
func (j JAX) Draw(m *Mask, at Place) error { return m.drawThreefry(j.key(at.Step), j.Original, at) }

// key returns the key of a step.
func (j JAX) key(step uint64) Key {
	if step == 0 && !j.Fold {
		return j.Key
	}
	return j.Key.FoldIn(uint32(step))
}

// After returns the next step.
func (j JAX) After(at Place, samples, channels int, rate float64) Place { return at.next() }

// drawThreefry decides every channel of m as jax.random.bernoulli does.
func (m *Mask) drawThreefry(key Key, original bool, at Place) error {
	batch, err := at.batch(m.samples)
	if err != nil {
		return err
	}
	if m.settled() {
		return nil
	}
	below := ceil(float64(float32(1-m.rate)), 23) << 9
	if original && below < 1<<32 {
		m.drawPairs(key, batch*uint64(m.channels), uint32(below), at.first(m))
		return nil
	}
	m.drawWords(words{draw: kernel.Draw{Key: key, Shift: 0}, threefry: true, below: below}, at.first(m))
	return nil
}

// drawPairs decides the trials from first on of so many, two of which share a counter.
func (m *Mask) drawPairs(key Key, total uint64, below uint32, first uint64) {
	half := (total + 1) / 2
	last := first + uint64(m.samples*m.channels)
	// The pairs whose first trial is m's, and those whose second is.
	low, high := [2]uint64{first, min(last, half)}, [2]uint64{max(first, half) - half, max(last, half) - half}
	from, to := min(low[0], high[0]), max(low[1], high[1])
	if low[0] >= low[1] {
		from, to = high[0], high[1]
	} else if high[0] >= high[1] {
		from, to = low[0], low[1]
	}
	var words [2][32]uint64
	for pair := from; pair < to; pair += 64 * uint64(len(words[0])) {
		n := min(to-pair, 64*uint64(len(words[0])))
		draw := kernel.Draw{Key: key, Counter: [4]uint32{uint32(pair), uint32(half + pair)}, Stride: [4]uint32{1, 1}, Below: below}
		w := (n + 63) / 64
		kernel.ThreefryPairs(words[0][:w], words[1][:w], &draw)
		if odd := half - 1 - pair; total%2 == 1 && odd < n {
			// The partner of the last trial is padding, whose counter is 0.
			x0, _ := threefry2x32(key, uint32(half-1), 0)
			bit := uint64(1) << (odd % 64)
			words[0][odd/64] &^= bit
			if x0 < below {
				words[0][odd/64] |= bit
			}
		}
		m.putRange(&words[0], pair, n, low, -first)
		m.putRange(&words[1], pair, n, high, half-first)
	}
}

// putRange writes what words hold of n trials from the given one on, those that lie
// within the bounds, each shift further on.
func (m *Mask) putRange(words *[32]uint64, from, n uint64, bounds [2]uint64, shift uint64) {
	for i := uint64(0); i < n; i += 64 {
		a, b := max(from+i, bounds[0]), min(from+min(i+64, n), bounds[1])
		if a < b {
			m.put(int(a+shift), int(b-a), words[i/64]>>(a-from-i))
		}
	}
}

// threefry2x32 returns Threefry2x32-20 (Salmon et al. 2011) of a key and a counter.
func threefry2x32(key Key, x0, x1 uint32) (uint32, uint32) {
	keys := [3]uint32{key[0], key[1], key[0] ^ key[1] ^ 0x1BD11BDA}
	x0, x1 = x0+keys[0], x1+keys[1]
	for group := range 5 {
		rotations := [2][4]uint{{13, 15, 26, 6}, {17, 29, 16, 24}}[group%2]
		for _, r := range rotations {
			x0 += x1
			x1 = x1<<r | x1>>(32-r)
			x1 ^= x0
		}
		x0 += keys[(group+1)%3]
		x1 += keys[(group+2)%3] + uint32(group) + 1
	}
	return x0, x1
}

// KerasJAX is what keras.layers.SpatialDropout1D, 2D and 3D of Keras 3 draw on its JAX
// backend, made with seed=Seed: the stream of [JAX] with the key (seed, step).
type KerasJAX struct {
	Seed uint32
}

// String names the stream and its seed, see [ParseStream].
func (k KerasJAX) String() string { return fmt.Sprintf("keras-jax:%d", k.Seed) }

// Arithmetic is JAX's, see [JAX.Arithmetic].
func (k KerasJAX) Arithmetic() Arithmetic { return JAX{}.Arithmetic() }

// Draw decides every channel of m anew. It is an error if the batch has too few samples
// for the mask.
func (k KerasJAX) Draw(m *Mask, at Place) error {
	return m.drawThreefry(Key{k.Seed, uint32(at.Step)}, false, at)
}

// After returns the next step.
func (k KerasJAX) After(at Place, samples, channels int, rate float64) Place { return at.next() }

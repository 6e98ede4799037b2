package mask

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/spatialdropout/spatialdropout/internal/draw"
)

// Key is a key of JAX's default generator, threefry2x32, as jax.random.key_data shows it.
type Key [2]uint32

// KeyOf returns jax.random.key(seed). x64 says that JAX uses 64-bit types; otherwise only
// the lower 32 bits of the seed count.
func KeyOf(seed int64, x64 bool) Key {
	if x64 {
		return Key{uint32(uint64(seed) >> 32), uint32(seed)}
	}
	return Key{0, uint32(seed)}
}

// FoldIn returns jax.random.fold_in(k, data), which equals jax.random.split(k, n)[data]
// for any n > data.
func (k Key) FoldIn(data uint32) Key {
	x0, x1 := draw.ThreefryBlock(0, data, k[0], k[1])
	return Key{x0, x1}
}

// JAX draws what jax.random.bernoulli(key, 1−rate, (n, c)) draws, as layers do that are
// built on it. With the key of a step, trial i takes the block of Threefry2x32-20 with
// the 64-bit counter i, high half first. The upper 23 bits of the exclusive or of its two
// words make a uniform number. The channel is kept if and only if that is below 1−rate as
// a float32.
//
// The key of step 0 is Key itself, as in a single call with that key. Later steps draw
// with jax.random.fold_in(Key, step), as in a training loop that folds the step into a
// key. With Fold, step 0 is folded in, too.
type JAX struct {
	Key  Key
	Fold bool
	// X64 draws like JAX with jax_enable_x64: the two words are the halves of a number,
	// high half first, of which the upper 52 bits are compared with 1−rate.
	X64 bool
	// Original draws like JAX with jax_threefry_partitionable=False, the default before
	// v0.5: the trials of a batch are cut into halves, and trial i of the first half and
	// trial i of the second are the two words of the block with counter (i, i+half). With
	// X64 the counter is (i, i+trials of the batch). So trials depend on the size of the
	// batch, see [Shard.Samples]. Batches of 2³² trials or more were not compared with JAX.
	Original bool
}

// String names the stream and its key, see [ParseStream].
func (j JAX) String() string {
	return "jax:" + j.Key.String() + flags(j.Fold, "/fold", j.X64, "/x64", j.Original, "/original")
}

// flags joins the texts that follow a true in pairs of a bool and a text.
func flags(pairs ...any) string {
	s := ""
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i].(bool) {
			s += pairs[i+1].(string)
		}
	}
	return s
}

// String returns the seed of which [KeyOf] makes k, or both words of a key that has a high
// word.
func (k Key) String() string {
	if k[0] == 0 {
		return fmt.Sprint(k[1])
	}
	return fmt.Sprintf("%d,%d", k[0], k[1])
}

// Arithmetic returns that of JAX: a division as XLA compiles it.
func (j JAX) Arithmetic() Arithmetic { return Arithmetic{Rule: CompiledQuotient} }

// Draw decides every channel of m anew. It returns a [*PlaceError] if the batch or the
// tensor of the place does not hold the mask.
func (j JAX) Draw(m *Mask, at Place) error {
	if m.special(&at) {
		return drawSpecial(m, j, at)
	}
	return m.drawJAX(stepKey(j.Key, j.Fold, at.Step), j.X64, j.Original, at)
}

// stepKey returns the key of a step.
func stepKey(k Key, fold bool, step uint64) Key {
	if step == 0 && !fold {
		return k
	}
	return k.FoldIn(uint32(step))
}

// After returns the place of the next step.
func (j JAX) After(at Place, samples, channels int, rate float64) Place { return at.next() }

// Linen draws what flax.linen.Dropout draws when apply is called with
// rngs={'dropout': key}: the stream of [JAX] with the key of the step, into which the
// path of the module and the number of its draw are folded.
type Linen struct {
	Key  Key
	Fold bool // see [JAX]
	X64  bool // see [JAX]
	// Path leads to the module, with a dot or a slash between names, such as
	// "Block_0.Dropout_0". It is empty for a module that is applied itself. A path of more
	// than a hundred characters costs an allocation for each draw.
	Path string
	// Call is the number of the draw among those of the module in one apply, from 1. 0
	// stands for 1.
	Call int
}

// String names the stream, its key and the module, see [ParseStream].
func (l Linen) String() string {
	s := "flax-linen:" + l.Key.String() + flags(l.Fold, "/fold", l.X64, "/x64", l.Path != "", "/path="+strings.ReplaceAll(l.Path, "/", "."))
	if l.Call > 1 {
		s += fmt.Sprintf("/call=%d", l.Call)
	}
	return s
}

// Arithmetic returns that of JAX, see [JAX.Arithmetic].
func (l Linen) Arithmetic() Arithmetic { return JAX{}.Arithmetic() }

// Draw decides every channel of m anew. It returns a [*PlaceError] if the batch or the
// tensor of the place does not hold the mask.
func (l Linen) Draw(m *Mask, at Place) error {
	if m.special(&at) {
		return drawSpecial(m, l, at)
	}
	return m.drawJAX(stepKey(l.Key, l.Fold, at.Step).FoldIn(l.module()), l.X64, false, at)
}

// module returns what is folded into the key: the first 32 bits of the SHA-1 of the names
// in the path and the number of the call, in as few bytes as it takes.
func (l Linen) module() uint32 {
	var room [128]byte // off the heap, unless the path is long
	text := room[:0]
	for i := 0; i < len(l.Path); i++ {
		if l.Path[i] != '.' && l.Path[i] != '/' {
			text = append(text, l.Path[i])
		}
	}
	var digits [8]byte
	binary.BigEndian.PutUint64(digits[:], uint64(max(l.Call, 1)))
	sum := sha1(append(text, bytes.TrimLeft(digits[:], "\x00")...))
	return binary.BigEndian.Uint32(sum[:])
}

// After returns the place of the next step.
func (l Linen) After(at Place, samples, channels int, rate float64) Place { return at.next() }

// NNX draws what flax.nnx.Dropout draws, made with rngs=nnx.Rngs(seed): the stream of
// [JAX] with the key of the seed, into which two numbers are folded: first the number of
// the layer among those made from these Rngs, from 0, then how often it has drawn.
//
// Calls at the rates 0 and 1 do not count: [Place.Cursor] is their number.
type NNX struct {
	Key   Key
	Layer uint32
	X64   bool // see [JAX]
}

// String names the stream, its key and the layer, see [ParseStream].
func (n NNX) String() string {
	s := "flax-nnx:" + n.Key.String() + flags(n.X64, "/x64")
	if n.Layer > 0 {
		s += fmt.Sprintf("/layer=%d", n.Layer)
	}
	return s
}

// Arithmetic returns that of JAX, see [JAX.Arithmetic].
func (n NNX) Arithmetic() Arithmetic { return JAX{}.Arithmetic() }

// Draw decides every channel of m anew. It returns a [*PlaceError] if the batch or the
// tensor of the place does not hold the mask.
func (n NNX) Draw(m *Mask, at Place) error {
	if m.special(&at) {
		return drawSpecial(m, n, at)
	}
	return m.drawJAX(n.Key.FoldIn(n.Layer).FoldIn(uint32(at.calls())), n.X64, false, at)
}

// After returns the place of the next step.
func (n NNX) After(at Place, samples, channels int, rate float64) Place {
	return at.nextCall(rate > 0 && rate < 1)
}

// KerasJAX draws what keras.layers.SpatialDropout1D, 2D and 3D of Keras 3 draw on the JAX
// backend, made with seed=Seed: the stream of [JAX] with the key (Seed, calls).
//
// Calls at the rates 0 and 1 do not count: [Place.Cursor] is their number.
type KerasJAX struct {
	Seed uint32
	X64  bool // see [JAX]
}

// String names the stream and its seed, see [ParseStream].
func (k KerasJAX) String() string {
	return fmt.Sprintf("keras-jax:%d", k.Seed) + flags(k.X64, "/x64")
}

// Arithmetic returns that of JAX, see [JAX.Arithmetic].
func (k KerasJAX) Arithmetic() Arithmetic { return JAX{}.Arithmetic() }

// Draw decides every channel of m anew. It returns a [*PlaceError] if the batch or the
// tensor of the place does not hold the mask.
func (k KerasJAX) Draw(m *Mask, at Place) error {
	if m.special(&at) {
		return drawSpecial(m, k, at)
	}
	return m.drawJAX(Key{k.Seed, uint32(at.calls())}, k.X64, false, at)
}

// After returns the place of the next step.
func (k KerasJAX) After(at Place, samples, channels int, rate float64) Place {
	return at.nextCall(rate > 0 && rate < 1)
}

// drawJAX decides every channel of m as jax.random.bernoulli does.
func (m *Mask) drawJAX(key Key, x64, original bool, at Place) error {
	batch, err := at.batch(m.samples)
	if err != nil {
		return err
	}
	if m.settled() {
		return nil
	}
	if x64 {
		// The upper 52 of 64 bits.
		threshold := ceil(1-m.rate, 52)
		if threshold == 1<<52 {
			m.set(true)
			return nil
		}
		w := words{draw: draw.Spec{Key: key}, threefry: true, double: true, threshold: threshold << 12}
		if original {
			w.pairs = batch * uint64(m.channels)
		}
		m.drawWords(&w, at.first(m))
		return nil
	}
	threshold := ceil(float64(float32(1-m.rate)), 23) << 9
	if original && threshold < 1<<32 {
		m.drawPairs(key, batch*uint64(m.channels), uint32(threshold), at.first(m))
		return nil
	}
	m.drawWords(&words{draw: draw.Spec{Key: key}, threefry: true, threshold: threshold}, at.first(m))
	return nil
}

// drawPairs decides m's trials, from first up, of total trials in pairs that share a block.
func (m *Mask) drawPairs(key Key, total uint64, threshold uint32, first uint64) {
	half := (total + 1) / 2
	last := first + uint64(m.samples*m.channels)
	// The pairs whose first trial is one of m's, and those whose second is.
	low, high := [2]uint64{first, min(last, half)}, [2]uint64{max(first, half) - half, max(last, half) - half}
	ranges := [2][2]uint64{low, high}
	if max(low[0], high[0]) <= min(low[1], high[1]) {
		ranges = [2][2]uint64{{min(low[0], high[0]), max(low[1], high[1])}}
	}
	for _, r := range ranges {
		m.drawPairRange(key, total, threshold, first, r, low, high)
	}
}

// drawPairRange draws a range of pairs and writes the trials of low and high, see drawPairs.
func (m *Mask) drawPairRange(key Key, total uint64, threshold uint32, first uint64, r, low, high [2]uint64) {
	half := (total + 1) / 2
	var words [2][32]uint64
	for pair, to := r[0], r[1]; pair < to; pair += 64 * uint64(len(words[0])) {
		n := min(to-pair, 64*uint64(len(words[0])))
		spec := draw.Spec{Key: key, Counter: [4]uint32{uint32(pair), uint32(half + pair)}, Stride: [4]uint32{1, 1}, Threshold: threshold}
		w := (n + 63) / 64
		draw.ThreefryPairs(words[0][:w], words[1][:w], &spec)
		if odd := half - 1 - pair; total%2 == 1 && odd < n {
			// The partner of the last trial is padding, whose counter is 0.
			x0, _ := draw.ThreefryBlock(uint32(half-1), 0, key[0], key[1])
			bit := uint64(1) << (odd % 64)
			words[0][odd/64] &^= bit
			if x0 < threshold {
				words[0][odd/64] |= bit
			}
		}
		m.putRange(&words[0], pair, n, low, -first)
		m.putRange(&words[1], pair, n, high, half-first)
	}
}

// putRange writes those of n trials, from the given one up, that lie within the bounds.
// Trial i becomes bit i+shift.
func (m *Mask) putRange(words *[32]uint64, from, n uint64, bounds [2]uint64, shift uint64) {
	for i := uint64(0); i < n; i += 64 {
		a, b := max(from+i, bounds[0]), min(from+min(i+64, n), bounds[1])
		if a < b {
			m.put(int(a+shift), int(b-a), words[i/64]>>(a-from-i))
		}
	}
}

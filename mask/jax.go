package mask

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"strings"
	"unicode/utf8"

	"github.com/spatialdropout/spatialdropout/internal/draw"
	"github.com/spatialdropout/spatialdropout/internal/excerpt"
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

// FoldIn returns jax.random.fold_in(k, data). It equals jax.random.split(k, n)[data] for any
// n > data, unless jax_threefry_partitionable is False.
func (k Key) FoldIn(data uint32) Key {
	x0, x1 := draw.ThreefryBlock(0, data, k[0], k[1])
	return Key{x0, x1}
}

// JAX returns the stream of jax.random.bernoulli(key, 1−rate, (n, c)), and of layers that
// are built on it. With the key of a step, trial i takes the block of Threefry2x32-20 with
// the 64-bit counter i, high half first. The upper 23 bits of the exclusive or of its two
// words make a uniform number. The channel is kept if and only if that is below 1−rate as
// a float32.
//
// The key of step 0 is key itself, as in a single call with that key. Later steps draw
// with jax.random.fold_in(key, step), as in a training loop that folds the step into a
// key. With [Fold], step 0 is folded in, too.
//
// Its arithmetic is that of JAX: a division as XLA compiles it.
//
// JAX returns an [*ArgumentError] unless each flag is [Fold], [X64] or [Original].
func JAX(key Key, flags ...Flag) (Stream, error) {
	set, err := flagsOf("jax", flags, Fold, X64, Original)
	if err != nil {
		return nil, err
	}
	return jax{key, set}, nil
}

type jax struct {
	key   Key
	flags flagSet
}

func (j jax) String() string { return "jax:" + j.key.text() + j.flags.String() }

// text returns the seed of which KeyOf makes k, or both words of a key that has a high
// word.
func (k Key) text() string {
	if k[0] == 0 {
		return fmt.Sprint(k[1])
	}
	return fmt.Sprintf("%d,%d", k[0], k[1])
}

func (j jax) Arithmetic() Arithmetic { return Arithmetic{Rule: CompiledQuotient} }

func (j jax) Draw(m *Mask, at Place) error {
	if m.special(&at) {
		return drawSpecial(m, j, at)
	}
	return m.drawJAX(stepKey(j.key, j.flags, at.Step), j.flags, at)
}

// stepKey returns the key of a step.
func stepKey(k Key, flags flagSet, step uint64) Key {
	if step == 0 && !flags.has(Fold) {
		return k
	}
	return k.FoldIn(uint32(step))
}

func (j jax) After(at Place, samples, channels int, rate float64) Place { return at.next() }

// Linen returns the stream of flax.linen.Dropout where apply is called with
// rngs={'dropout': key}: that of [JAX] with the key of the step, into which the path of the
// module and the number of its draw are folded.
//
// path leads to the module, with a dot or a slash between names, such as
// "Block_0.Dropout_0". It is empty for a module that is applied itself. A path of more than
// a hundred characters costs an allocation for each draw. call is the number of the draw
// among those of the module in one apply, from 1.
//
// Linen returns an [*ArgumentError] if path is longer than 1024 bytes or not UTF-8, unless
// call is from 1 to 2³¹−1, and unless each flag is [Fold], [X64] or [Original].
func Linen(key Key, path string, call int, flags ...Flag) (Stream, error) {
	const name = "flax-linen"
	set, err := flagsOf(name, flags, Fold, X64, Original)
	switch {
	case err != nil:
		return nil, err
	case len(path) > mostPath:
		return nil, streamError(name, fmt.Sprintf("%d at most", mostPath), "a path of %d bytes", len(path))
	case !utf8.ValidString(path):
		return nil, streamError(name, "UTF-8", "path %s", excerpt.Quote(path))
	case call < 1 || call > math.MaxInt32:
		return nil, streamError(name, "a number from 1 to 2³¹−1", "call %d", call)
	}
	return linen{key, strings.ReplaceAll(path, "/", "."), call, set}, nil
}

// mostPath bounds the path of a module, and so the text of a stream.
const mostPath = 1024

type linen struct {
	key   Key
	path  string // with dots
	call  int
	flags flagSet
}

func (l linen) String() string {
	s := "flax-linen:" + l.key.text() + l.flags.String()
	if l.path != "" {
		s += "/path=" + l.path
	}
	if l.call > 1 {
		s += fmt.Sprintf("/call=%d", l.call)
	}
	return s
}

func (l linen) Arithmetic() Arithmetic { return jax{}.Arithmetic() }

func (l linen) Draw(m *Mask, at Place) error {
	if m.special(&at) {
		return drawSpecial(m, l, at)
	}
	return m.drawJAX(stepKey(l.key, l.flags, at.Step).FoldIn(l.module()), l.flags, at)
}

// module returns what is folded into the key: the first 32 bits of the SHA-1 of the names
// in the path and the number of the call, in as few bytes as it takes.
func (l linen) module() uint32 {
	var room [128]byte // off the heap, unless the path is long
	text := room[:0]
	for i := 0; i < len(l.path); i++ {
		if l.path[i] != '.' {
			text = append(text, l.path[i])
		}
	}
	var digits [8]byte
	binary.BigEndian.PutUint64(digits[:], uint64(l.call))
	sum := sha1(append(text, bytes.TrimLeft(digits[:], "\x00")...))
	return binary.BigEndian.Uint32(sum[:])
}

func (l linen) After(at Place, samples, channels int, rate float64) Place { return at.next() }

// NNX returns the stream of flax.nnx.Dropout, made with rngs=nnx.Rngs(seed): that of [JAX]
// with the key of the seed, into which two numbers are folded: first count, how many keys
// had been taken from the stream of these Rngs when the layer was made, then how often the
// layer has drawn. With nnx.Rngs(seed) every layer with parameters takes keys from that
// stream, too; with nnx.Rngs(params=…, dropout=seed) layers of dropout alone do.
//
// Calls at the rates 0 and 1 do not count: [Place.Cursor] is their number.
//
// NNX returns an [*ArgumentError] unless each flag is [X64] or [Original].
func NNX(key Key, count uint32, flags ...Flag) (Stream, error) {
	set, err := flagsOf("flax-nnx", flags, X64, Original)
	if err != nil {
		return nil, err
	}
	return nnx{key, count, set}, nil
}

type nnx struct {
	key   Key
	count uint32
	flags flagSet
}

func (n nnx) String() string {
	s := "flax-nnx:" + n.key.text() + n.flags.String()
	if n.count > 0 {
		s += fmt.Sprintf("/count=%d", n.count)
	}
	return s
}

func (n nnx) Arithmetic() Arithmetic { return jax{}.Arithmetic() }

func (n nnx) Draw(m *Mask, at Place) error {
	if m.special(&at) {
		return drawSpecial(m, n, at)
	}
	return m.drawJAX(n.key.FoldIn(n.count).FoldIn(uint32(at.calls())), n.flags, at)
}

func (n nnx) After(at Place, samples, channels int, rate float64) Place {
	return at.nextCall(rate > 0 && rate < 1)
}

// KerasJAX returns the stream of keras.layers.SpatialDropout1D, 2D and 3D of Keras 3 on the
// JAX backend, made with this seed: that of [JAX] with the key (seed, calls).
//
// Calls at the rates 0 and 1 do not count: [Place.Cursor] is their number.
//
// KerasJAX returns an [*ArgumentError] unless each flag is [X64] or [Original].
func KerasJAX(seed uint32, flags ...Flag) (Stream, error) {
	set, err := flagsOf("keras-jax", flags, X64, Original)
	if err != nil {
		return nil, err
	}
	return kerasJAX{seed, set}, nil
}

type kerasJAX struct {
	seed  uint32
	flags flagSet
}

func (k kerasJAX) String() string { return fmt.Sprintf("keras-jax:%d", k.seed) + k.flags.String() }

func (k kerasJAX) Arithmetic() Arithmetic { return jax{}.Arithmetic() }

func (k kerasJAX) Draw(m *Mask, at Place) error {
	if m.special(&at) {
		return drawSpecial(m, k, at)
	}
	return m.drawJAX(Key{k.seed, uint32(at.calls())}, k.flags, at)
}

func (k kerasJAX) After(at Place, samples, channels int, rate float64) Place {
	return at.nextCall(rate > 0 && rate < 1)
}

// drawJAX decides every channel of m as jax.random.bernoulli does.
func (m *Mask) drawJAX(key Key, flags flagSet, at Place) error {
	batch, err := at.batch(m.samples)
	if err != nil {
		return err
	}
	high, total := bits.Mul64(batch, uint64(m.channels))
	if flags.has(Original) && high != 0 && m.draws() {
		return &PlaceError{at, fmt.Sprintf("a batch of %d samples of %d channels", batch, m.channels), "fewer than 2⁶⁴ trials"}
	}
	if m.settled() {
		return nil
	}
	if flags.has(X64) {
		// The upper 52 of 64 bits.
		threshold := ceil(1-m.rate, 52)
		if threshold == 1<<52 {
			m.set(true)
			return nil
		}
		b := blocks{draw: draw.Spec{Key: key}, double: true, threshold: threshold << 12}
		if flags.has(Original) {
			b.pairs = total
		}
		m.drawBlocks(&b, at.first(m))
		return nil
	}
	threshold := ceil(float64(float32(1-m.rate)), 23) << 9
	if flags.has(Original) && threshold < 1<<32 {
		m.drawPairs(key, total, uint32(threshold), at.first(m))
		return nil
	}
	m.drawBlocks(&blocks{draw: draw.Spec{Key: key}, threshold: threshold}, at.first(m))
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

package mask

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"strings"

	"github.com/spatialdropout/spatialdropout/internal/excerpt"
	"github.com/spatialdropout/spatialdropout/internal/missing"
)

// The bytes of torch.get_rng_state(), little-endian:
//
//	bytes  0–7        seed
//	       8–11       how many words are left of the block, the next one included, and 1 more
//	       12–15      1
//	       16–23      the index in the block of the next word
//	       24–5015    the 624 words of mt19937's state, 8 bytes each
//	       5016–5055  normal numbers that are held ready
//
// Before the first word the state is that of the seed, the index is 0, and 1 is left.
const (
	torchBytes  = 5056
	torchWords  = 24
	torchNormal = torchWords + 8*blockWords
)

// torchStart is where in mt19937 a stream of PyTorch begins.
type torchStart struct {
	from   uint64              // words before
	state  *[blockWords]uint32 // that of block 0, nil for the seed's
	normal string              // the last bytes of torch.get_rng_state(), empty if they are 0
}

// String returns the options that follow the seed.
func (s torchStart) String() string {
	text := ""
	if s.from > 0 {
		text += fmt.Sprintf("/from=%d", s.from)
	}
	if s.state != nil {
		var b [4 * blockWords]byte
		for i, w := range s.state {
			binary.LittleEndian.PutUint32(b[4*i:], w)
		}
		text += "/state=" + base64.RawURLEncoding.EncodeToString(b[:])
	}
	if s.normal != "" {
		text += "/normal=" + hex.EncodeToString([]byte(s.normal))
	}
	return text
}

// farthest is how many blocks of words PyTorchFrom looks for a state behind a seed: those
// of 1.6·10⁸ words, which takes 12 ms with AVX-512 and 320 ms in plain Go (Zen 5).
const farthest = 1 << 18

// PyTorchFrom returns the stream of [PyTorch], or with mkl that of [PyTorchMKL], in the
// middle of a program: state are the 5056 bytes of torch.get_rng_state(), and the first
// draw is that of the next call of dropout. README.md says what else takes numbers from
// the generator. [PyTorchState] is the way back.
//
// The text of the stream has the seed and how many words were taken before
// ("pytorch:42/from=1234"), or the whole state if it does not follow from the seed within
// 1.6·10⁸ words. PyTorchFrom returns an [*ArgumentError] if state is that of no generator.
func PyTorchFrom(state []byte, mkl bool) (Stream, error) {
	bad := func(want, given string, args ...any) (Stream, error) {
		return nil, &ArgumentError{"state", "a state of PyTorch's generator with " + fmt.Sprintf(given, args...), want}
	}
	if len(state) != torchBytes {
		return bad(fmt.Sprintf("%d, those of torch.get_rng_state() on a CPU", torchBytes), "%d bytes", len(state))
	}
	seed, left, seeded, next := binary.LittleEndian.Uint64(state), binary.LittleEndian.Uint32(state[8:]), binary.LittleEndian.Uint32(state[12:]), binary.LittleEndian.Uint64(state[16:])
	if seeded != 1 {
		return bad("1", "%d as the mark of a seed", seeded)
	}
	if (next == 0 || next > blockWords || uint64(left) != blockWords+1-next) && (next != 0 || left != 1) {
		return bad("625 in all, or 1 left of the seed's own state", "word %d of a block next and %d left", next, left)
	}
	words := new([blockWords]uint32)
	for i := range words {
		w := binary.LittleEndian.Uint64(state[torchWords+8*i:])
		if w > math.MaxUint32 {
			return bad("32 bits", "the word %#x", w)
		}
		words[i] = uint32(w)
	}
	if !turns(words) {
		return bad("another", "words that are 0, and stay 0")
	}
	start := torchStart{normal: string(state[torchNormal:])}
	if start.normal == string(make([]byte, torchBytes-torchNormal)) {
		start.normal = ""
	}
	var g mersenne
	g.seed(uint32(seed))
	if next == 0 && g.state == *words {
		return torchStream(seed, mkl, start), nil
	}
	if next == 0 {
		next = blockWords // a state of its own, from which the next block is made
	}
	for block := uint64(0); block < farthest; block++ {
		if g.next(); g.state == *words {
			start.from = block*blockWords + next
			return torchStream(seed, mkl, start), nil
		}
	}
	start.from, start.state = next, words
	return torchStream(seed, mkl, start), nil
}

// torchStream returns a stream of PyTorch.
func torchStream(seed uint64, mkl bool, start torchStart) Stream {
	if mkl {
		return &pyTorchMKL{seed: seed, start: start, sequence: sequence{seed: uint32(seed), start: start.state}}
	}
	return &pyTorch{seed: seed, start: start, sequence: sequence{seed: uint32(seed), start: start.state}}
}

// PyTorchState returns what torch.get_rng_state() gives in a program that has drawn what
// stream has drawn before a place, and nothing else: 5056 bytes. It returns an
// [*ArgumentError] unless stream is one of [PyTorch], [PyTorchMKL] or [PyTorchFrom].
func PyTorchState(stream Stream, at Place) ([]byte, error) {
	var seed, taken uint64
	var start torchStart
	switch s := stream.(type) {
	case *pyTorch:
		seed, start, taken = s.seed, s.start, s.start.from+at.Cursor
	case *pyTorchMKL:
		seed, start, taken = s.seed, s.start, s.start.from+at.calls()
	default:
		if missing.In(stream) {
			return nil, &ArgumentError{"stream", "no stream", "one of PyTorch"}
		}
		return nil, streamError(stream.String(), "a stream of PyTorch", "its state is not that of PyTorch's generator")
	}
	s := sequence{seed: uint32(seed), start: start.state}
	left, next := uint64(1), uint64(0)
	if taken > 0 {
		next = (taken-1)%blockWords + 1
		left = blockWords + 1 - next
		s.begin((taken - 1) / blockWords)
	} else {
		s.mersenne.seed(s.seed)
	}
	state := make([]byte, torchBytes)
	binary.LittleEndian.PutUint64(state, seed)
	binary.LittleEndian.PutUint32(state[8:], uint32(left))
	binary.LittleEndian.PutUint32(state[12:], 1)
	binary.LittleEndian.PutUint64(state[16:], next)
	for i, w := range s.state {
		binary.LittleEndian.PutUint64(state[torchWords+8*i:], uint64(w))
	}
	copy(state[torchNormal:], start.normal)
	return state, nil
}

// parseTorch returns the stream of a text.
func parseTorch(n number, mkl bool, o options) (Stream, error) {
	seed, err := torchSeed(n)
	if err != nil {
		return nil, err
	}
	start := torchStart{from: o.from}
	if o.state != "" {
		b, err := base64.RawURLEncoding.Strict().DecodeString(o.state)
		if err != nil || len(b) != 4*blockWords || strings.ContainsAny(o.state, "\r\n") {
			return nil, partError("624 words of 32 bits in base64", "state %s", excerpt.Quote(o.state))
		}
		start.state = new([blockWords]uint32)
		for i := range start.state {
			start.state[i] = binary.LittleEndian.Uint32(b[4*i:])
		}
		if !turns(start.state) || start.from == 0 {
			return nil, partError("words that are not 0, and one before", "state %s from word %d", excerpt.Quote(o.state), start.from)
		}
	}
	if o.normal != "" {
		b, err := hex.DecodeString(o.normal)
		if err != nil || len(b) != torchBytes-torchNormal || o.normal != hex.EncodeToString(b) {
			return nil, partError("40 bytes in hexadecimal", "normal %s", excerpt.Quote(o.normal))
		}
		start.normal = string(b)
	}
	return torchStream(seed, mkl, start), nil
}

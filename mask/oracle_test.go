package mask_test

import (
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/spatialdropout/spatialdropout/internal/reference"
	"github.com/spatialdropout/spatialdropout/mask"
)

// The oracle implements the rules of the streams a second time, one trial at a time, as
// their documentation and their authors write them: slow and obvious.

// parse returns the stream that a text describes.
func parse(text string) mask.Stream {
	s, err := mask.ParseStream(text)
	if err != nil {
		panic(err)
	}
	return s
}

// described is what the text of a stream says.
type described struct {
	name                     string
	seed                     uint64    // the last number
	key                      [2]uint32 // the last two numbers, each modulo 2³²
	first                    uint64    // the first number
	typ                      mask.Type
	fold, x64, original, xla bool
	path                     string
	call, count              uint64
}

// of reads the text of a stream.
func of(s mask.Stream) described {
	head, options, _ := strings.Cut(s.String(), "/")
	name, seed, _ := strings.Cut(head, ":")
	d := described{name: name, call: 1}
	if name == "source" {
		return d
	}
	number := func(text string) uint64 {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return uint64(n)
		}
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			panic(err)
		}
		return n
	}
	first, second, two := strings.Cut(seed, ",")
	if !two {
		second, first = first, "0"
	}
	d.first, d.seed = number(first), number(second)
	d.key = [2]uint32{uint32(d.first), uint32(d.seed)}
	for _, o := range strings.FieldsFunc(options, func(r rune) bool { return r == '/' }) {
		option, value, _ := strings.Cut(o, "=")
		switch option {
		case "fold":
			d.fold = true
		case "x64":
			d.x64 = true
		case "original":
			d.original = true
		case "xla":
			d.xla = true
		case "path":
			d.path = value
		case "call":
			d.call = number(value)
		case "count":
			d.count = number(value)
		case "float64":
			d.typ = mask.Float64
		case "float16":
			d.typ = mask.Float16
		case "bfloat16":
			d.typ = mask.BFloat16
		default:
			panic(s.String())
		}
	}
	return d
}

// maker makes a stream from a seed.
type maker struct {
	name string
	of   func(seed uint64) mask.Stream
}

// makers returns all streams, with all kinds of options.
func makers(t testing.TB) []maker {
	t.Helper()
	parsed := func(name, args string) maker {
		return maker{name + args, func(seed uint64) mask.Stream {
			return parse(fmt.Sprintf("%s:%d%s", name, seed%(1<<31), args))
		}}
	}
	var all []maker
	for _, name := range mask.StreamNames() {
		all = append(all, parsed(name, ""))
		switch name {
		case "tensorflow":
			all = append(all, parsed(name, "/float64"), parsed(name, "/float16"), parsed(name, "/bfloat16"))
			all = append(all, parsed(name, "/xla"), parsed(name, "/float64/xla"), parsed(name, "/float16/xla"), parsed(name, "/bfloat16/xla"))
		case "keras-tensorflow":
			all = append(all, parsed(name, "/float64"))
		case "jax":
			all = append(all, parsed(name, "/original"), parsed(name, "/fold"), parsed(name, "/fold/original"), parsed(name, "/x64"), parsed(name, "/x64/original"))
		case "flax-linen":
			all = append(all, parsed(name, "/path=Block_0.Dropout_0/call=300"), parsed(name, "/fold/x64"), parsed(name, "/original"), parsed(name, "/x64/original"))
		case "flax-nnx":
			all = append(all, parsed(name, "/count=2"), parsed(name, "/x64"), parsed(name, "/original"))
		case "keras-jax":
			all = append(all, parsed(name, "/x64"), parsed(name, "/original"))
		}
	}
	return append(all, maker{"source", func(seed uint64) mask.Stream { return mask.Source(rand.NewPCG(seed, sourceSeed)) }})
}

// sourceSeed is the second half of the seed of the source among makers.
const sourceSeed = 77

// oracle says whether trial i of a batch of total trials is kept.
type oracle func(at mask.Place, i, total uint64, rate float64) bool

// oracle returns the oracle of the stream with this seed.
func (m maker) oracle(t testing.TB, seed uint64) oracle {
	t.Helper()
	if m.name == "source" {
		return sourceOracle(rand.NewPCG(seed, sourceSeed))
	}
	return oracleOf(t, m.of(seed))
}

// oracleOf returns the oracle of a stream other than Source.
func oracleOf(t testing.TB, stream mask.Stream) oracle {
	t.Helper()
	decide := ruleOf(t, stream)
	return func(at mask.Place, i, total uint64, rate float64) bool {
		if rate == 0 || rate == 1 {
			return rate == 0
		}
		return decide(at, i, total, rate)
	}
}

func ruleOf(t testing.TB, stream mask.Stream) oracle {
	t.Helper()
	return rule(t, of(stream))
}

func rule(t testing.TB, s described) oracle {
	t.Helper()
	twisters := map[uint32]*twister{}
	wordOf := func(seed uint32, i uint64) uint32 {
		if twisters[seed] == nil {
			twisters[seed] = newTwister(seed)
		}
		return twisters[seed].word(i)
	}
	switch s.name {
	case "philox":
		return func(at mask.Place, i, total uint64, rate float64) bool {
			return trial(s.seed, at.Step, i, rate)
		}
	case "pytorch":
		return func(at mask.Place, i, total uint64, rate float64) bool {
			high, low := wordOf(uint32(s.seed), at.Cursor+2*i), wordOf(uint32(s.seed), at.Cursor+2*i+1)
			r := (uint64(high)<<32 | uint64(low)) & (1<<53 - 1)
			return float64(r)*0x1p-53 < 1-rate
		}
	case "pytorch-mkl":
		return func(at mask.Place, i, total uint64, rate float64) bool {
			x := uint64(wordOf(uint32(s.seed), at.Step-at.Cursor)) % mcg31
			if x == 0 {
				x = 1
			}
			for square := uint64(1132489760); i > 0; i >>= 1 {
				if i&1 == 1 {
					x = x * square % mcg31
				}
				square = square * square % mcg31
			}
			return float32(x)*0x1p-31 < float32(1-rate)
		}
	case "keras-torch":
		return func(at mask.Place, i, total uint64, rate float64) bool {
			w := wordOf(uint32(s.seed)+uint32(at.Step-at.Cursor), i)
			return float32(w&0xffffff)*0x1p-24 < float32(1-rate)
		}
	case "keras-tensorflow":
		const modulus = 1<<31 - 2
		seed := uint64((int64(s.seed)%modulus + modulus) % modulus)
		steps := map[uint64]oracle{} // of TensorFlow's stream with each step as its seed
		return func(at mask.Place, i, total uint64, rate float64) bool {
			step := (at.Step - at.Cursor) % modulus
			if steps[step] == nil {
				steps[step] = rule(t, described{name: "tensorflow", first: seed, seed: step, typ: s.typ})
			}
			return steps[step](mask.Place{}, i, total, rate)
		}
	case "tensorflow":
		return func(at mask.Place, i, total uint64, rate float64) bool {
			a, b := s.first, s.seed+at.Step
			if s.xla {
				a, b = a%(1<<32), b%(1<<32)
			}
			var mixed [4]uint32
			for k := range mixed {
				mixed[k] = word([4]uint32{uint32(a), uint32(a >> 32), uint32(b), uint32(b >> 32)}, [2]uint32{0x3ec8f720, 0x02461e29}, k)
			}
			number := func(block uint64, which int) uint32 {
				return word([4]uint32{uint32(block), uint32(block >> 32), mixed[2], mixed[3]}, [2]uint32{mixed[0], mixed[1]}, which)
			}
			if s.typ == mask.Float64 { // two words a trial
				high, low := number(i/2, int(i%2*2)), number(i/2, int(i%2*2)+1)
				if s.xla {
					return float64((uint64(low)<<32|uint64(high))>>12)*0x1p-52 >= rate
				}
				return float64(uint64(high&0xfffff)<<32|uint64(low))*0x1p-52 >= rate
			}
			w := number(i/4, int(i%4))
			single := float64(float32(rate))
			switch bf := reference.BFloat16.Rounded(single); {
			case s.typ == mask.Float16:
				return float64(w&0x3ff)*0x1p-10 >= reference.Float16.Rounded(single)
			case s.typ == mask.BFloat16 && s.xla:
				return float64(w>>9)*0x1p-23 >= bf
			case s.typ == mask.BFloat16:
				return float64(w&0x7f)*0x1p-7 >= bf
			case s.xla:
				return float64(w>>9)*0x1p-23 >= single
			}
			return math.Float32frombits(w&0x7fffff|0x3f800000)-1 >= float32(rate)
		}
	case "jax":
		return func(at mask.Place, i, total uint64, rate float64) bool {
			key := s.key
			if at.Step > 0 || s.fold {
				key = threefry(key, [2]uint32{0, uint32(at.Step)})
			}
			return s.belowJAX(key, i, total, rate)
		}
	case "flax-linen":
		call := []byte{byte(s.call)}
		if s.call > 255 {
			call = []byte{byte(s.call >> 8), byte(s.call)}
		}
		hash := sha1.Sum(append([]byte(strings.ReplaceAll(s.path, ".", "")), call...))
		return func(at mask.Place, i, total uint64, rate float64) bool {
			key := s.key
			if at.Step > 0 || s.fold {
				key = threefry(key, [2]uint32{0, uint32(at.Step)})
			}
			return s.belowJAX(threefry(key, [2]uint32{0, binary.BigEndian.Uint32(hash[:4])}), i, total, rate)
		}
	case "flax-nnx":
		return func(at mask.Place, i, total uint64, rate float64) bool {
			key := threefry(s.key, [2]uint32{0, uint32(s.count)})
			return s.belowJAX(threefry(key, [2]uint32{0, uint32(at.Step - at.Cursor)}), i, total, rate)
		}
	case "keras-jax":
		return func(at mask.Place, i, total uint64, rate float64) bool {
			return s.belowJAX([2]uint32{uint32(s.seed), uint32(at.Step - at.Cursor)}, i, total, rate)
		}
	case "onednn":
		return func(at mask.Place, i, total uint64, rate float64) bool {
			seed, x := uint32(s.seed)+uint32(at.Step), uint32(i)&^3
			w := word([4]uint32{x, x + 1, x + 2, x + 3}, [2]uint32{seed, seed}, int(i%4))
			return float64(w) > 4294967295.0*float64(float32(rate))
		}
	}
	t.Fatalf("there is no oracle of %v", s)
	return nil
}

// probability returns the exact probability that a stream keeps a channel, with the rate
// rounded as the stream rounds it.
func probability(t testing.TB, stream mask.Stream, rate float64) float64 {
	t.Helper()
	// The share of the numbers k·2^−bits that are below p.
	below := func(p float64, bits int) float64 {
		return math.Ldexp(math.Ceil(math.Ldexp(p, bits)), -bits)
	}
	switch s := of(stream); s.name {
	case "philox":
		return below(1-rate, 32)
	case "pytorch", "source":
		return below(1-rate, 53)
	case "pytorch-mkl":
		return 1 - rate // but for 2⁻²⁴
	case "keras-torch":
		return below(float64(float32(1-rate)), 24)
	case "jax", "keras-jax", "flax-linen", "flax-nnx":
		if s.x64 {
			return below(1-rate, 52)
		}
		return below(float64(float32(1-rate)), 23)
	case "tensorflow", "keras-tensorflow":
		single := float64(float32(rate))
		switch s.typ {
		case mask.Float64:
			return 1 - below(rate, 52)
		case mask.Float16:
			return 1 - below(reference.Float16.Rounded(single), 10)
		case mask.BFloat16:
			bits := 7
			if s.xla {
				bits = 23
			}
			return 1 - below(reference.BFloat16.Rounded(single), bits)
		}
		return 1 - below(single, 23)
	case "onednn":
		return 1 - (math.Floor(4294967295.0*float64(float32(rate)))+1)*0x1p-32
	}
	t.Fatalf("how often %v keeps a channel is not known", stream)
	return 0
}

// word returns a word of Philox4x32-10 as its authors write it: counter and key in 32-bit
// words, the key bumped between rounds.
func word(counter [4]uint32, key [2]uint32, which int) uint32 {
	for round := range 10 {
		if round > 0 {
			key[0] += 0x9E3779B9
			key[1] += 0xBB67AE85
		}
		a := uint64(0xD2511F53) * uint64(counter[0])
		b := uint64(0xCD9E8D57) * uint64(counter[2])
		counter = [4]uint32{
			uint32(b>>32) ^ counter[1] ^ key[0], uint32(b),
			uint32(a>>32) ^ counter[3] ^ key[1], uint32(a),
		}
	}
	return counter[which]
}

// trial says whether trial i is kept by the rule of [mask.Philox].
func trial(seed, step, i uint64, rate float64) bool {
	if rate == 0 || rate == 1 {
		return rate == 0
	}
	block := i / 4
	w := word([4]uint32{uint32(block), uint32(block >> 32), uint32(step), uint32(step >> 32)}, [2]uint32{uint32(seed), uint32(seed >> 32)}, int(i%4))
	return float64(w)*0x1p-32 < 1-rate
}

// wide returns 64-bit number i of a step by the rule of [mask.Philox].
func wide(seed, step, i uint64) uint64 {
	block := [4]uint32{uint32(i / 2), uint32(i / 2 >> 32), uint32(step), uint32(step >> 32)}
	key := [2]uint32{uint32(seed), uint32(seed >> 32)}
	return uint64(word(block, key, int(i%2*2)+1))<<32 | uint64(word(block, key, int(i%2*2)))
}

// mcg31 is the modulus of MCG31m1.
const mcg31 = 1<<31 - 1

// twister is mt19937 as its authors write it, one word at a time.
type twister struct {
	state [624]uint32
	at    int
	words []uint32 // all words so far
}

func newTwister(seed uint32) *twister {
	g := &twister{at: 624}
	g.state[0] = seed
	for i := 1; i < 624; i++ {
		g.state[i] = 1812433253*(g.state[i-1]^g.state[i-1]>>30) + uint32(i)
	}
	return g
}

// word returns word i.
func (g *twister) word(i uint64) uint32 {
	for uint64(len(g.words)) <= i {
		if g.at == 624 {
			for k := range g.state {
				y := g.state[k]&0x80000000 | g.state[(k+1)%624]&0x7fffffff
				next := g.state[(k+397)%624] ^ y>>1
				if y%2 == 1 {
					next ^= 0x9908b0df
				}
				g.state[k] = next
			}
			g.at = 0
		}
		y := g.state[g.at]
		g.at++
		y ^= y >> 11
		y ^= y << 7 & 0x9d2c5680
		y ^= y << 15 & 0xefc60000
		y ^= y >> 18
		g.words = append(g.words, y)
	}
	return g.words[i]
}

// threefry is Threefry2x32-20 as its authors write it.
func threefry(key, x [2]uint32) [2]uint32 {
	k := [3]uint32{key[0], key[1], 0x1BD11BDA ^ key[0] ^ key[1]}
	x[0] += k[0]
	x[1] += k[1]
	for round := range 20 {
		rotation := [8]uint{13, 15, 26, 6, 17, 29, 16, 24}[round%8]
		x[0] += x[1]
		x[1] = x[1]<<rotation | x[1]>>(32-rotation)
		x[1] ^= x[0]
		if round%4 == 3 {
			n := round/4 + 1
			x[0] += k[n%3]
			x[1] += k[(n+1)%3] + uint32(n)
		}
	}
	return x
}

// both returns number i of JAX's partitionable generator.
func both(key [2]uint32, i uint64) uint32 {
	x := threefry(key, [2]uint32{uint32(i >> 32), uint32(i)})
	return x[0] ^ x[1]
}

// pair returns number i of total numbers of JAX's original generator. The counts from 0,
// with a 0 appended if their number is odd, are cut into halves. Element k of both halves
// are the words of counter k, and the words of its block are elements k of both halves of
// the result.
func pair(key [2]uint32, i, total uint64) uint32 {
	half := (total + 1) / 2
	count := func(k uint64) uint32 {
		if k >= total {
			return 0
		}
		return uint32(k)
	}
	if i < half {
		return threefry(key, [2]uint32{count(i), count(half + i)})[0]
	}
	return threefry(key, [2]uint32{count(i - half), count(i)})[1]
}

// belowJAX decides by number i of total numbers of JAX's generators.
func (s described) belowJAX(key [2]uint32, i, total uint64, rate float64) bool {
	switch {
	case s.original && s.x64:
		return below52(threefry(key, [2]uint32{uint32(i), uint32(total + i)}), rate)
	case s.original:
		return below23(pair(key, i, total), rate)
	case s.x64:
		return below52(threefry(key, [2]uint32{uint32(i >> 32), uint32(i)}), rate)
	}
	return below23(both(key, i), rate)
}

// below52 compares a uniform float64 that JAX makes of two words.
func below52(words [2]uint32, rate float64) bool {
	return math.Float64frombits((uint64(words[0])<<32|uint64(words[1]))>>12|0x3ff<<52)-1 < 1-rate
}

// below23 compares a uniform float32 that JAX makes of a word.
func below23(word uint32, rate float64) bool {
	return math.Float32frombits(word>>9|0x3f800000)-1 < float32(1-rate)
}

// sourceOracle is the rule of [mask.Source].
func sourceOracle(src rand.Source) oracle {
	var numbers []uint64
	return func(at mask.Place, i, total uint64, rate float64) bool {
		if rate == 0 || rate == 1 {
			return rate == 0
		}
		for uint64(len(numbers)) <= at.Cursor+i {
			numbers = append(numbers, src.Uint64())
		}
		return float64(numbers[at.Cursor+i]>>11)*0x1p-53 < 1-rate
	}
}

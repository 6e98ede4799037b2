package mask

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/spatialdropout/spatialdropout/internal/dtype"
	"github.com/spatialdropout/spatialdropout/internal/excerpt"
)

// StreamNames returns the names that [ParseStream] knows, in the order of README.md.
func StreamNames() []string {
	names := make([]string, len(kinds))
	for i := range kinds {
		names[i] = kinds[i].name
	}
	return names
}

// kinds are the streams that ParseStream knows: how many numbers a seed may have, which
// options may follow it, and what they make. Only ParseStream and StreamNames refer to
// it: a program that calls neither links no stream that it does not name.
var kinds = []struct {
	name    string
	seeds   int
	options string
	of      func(seed []number, o options) (Stream, error)
}{
	{"philox", 1, "", func(s []number, _ options) (Stream, error) {
		seed, err := unsigned(s[0])
		return Philox(seed), err
	}},
	{"pytorch", 1, "from state normal", func(s []number, o options) (Stream, error) {
		return parseTorch(s[0], false, o)
	}},
	{"pytorch-mkl", 1, "from state normal", func(s []number, o options) (Stream, error) {
		return parseTorch(s[0], true, o)
	}},
	{"keras-torch", 1, "", func(s []number, _ options) (Stream, error) {
		seed, err := within(s[0], math.MinInt32, math.MaxInt32)
		return KerasTorch(int32(seed)), err
	}},
	{"tensorflow", 2, "type xla", func(s []number, o options) (Stream, error) {
		var seed [2]int64
		for i, n := range s {
			var err error
			if seed[i], err = within(n, math.MinInt64, math.MaxInt64); err != nil {
				return nil, err
			}
		}
		return TensorFlow(seed, o.typ, o.flags...)
	}},
	{"keras-tensorflow", 1, "type", func(s []number, o options) (Stream, error) {
		seed, err := within(s[0], math.MinInt64, math.MaxInt64)
		if err != nil {
			return nil, err
		}
		return KerasTensorFlow(seed, o.typ)
	}},
	{"jax", 2, "fold original x64", func(s []number, o options) (Stream, error) {
		key, err := keyOf(s, o.flags)
		if err != nil {
			return nil, err
		}
		return JAX(key, o.flags...)
	}},
	{"flax-linen", 2, "fold original x64 path call", func(s []number, o options) (Stream, error) {
		key, err := keyOf(s, o.flags)
		if err != nil {
			return nil, err
		}
		return Linen(key, o.path, o.call, o.flags...)
	}},
	{"flax-nnx", 2, "original x64 count", func(s []number, o options) (Stream, error) {
		key, err := keyOf(s, o.flags)
		if err != nil {
			return nil, err
		}
		return NNX(key, o.count, o.flags...)
	}},
	{"keras-jax", 1, "original x64", func(s []number, o options) (Stream, error) {
		seed, err := within(s[0], 0, math.MaxUint32)
		if err != nil {
			return nil, err
		}
		return KerasJAX(uint32(seed), o.flags...)
	}},
	{"onednn", 1, "", func(s []number, _ options) (Stream, error) {
		seed, err := within(s[0], math.MinInt64, math.MaxInt64)
		return OneDNN(uint32(seed)), err
	}},
}

// options are what may follow a seed.
type options struct {
	given []string // which of them, each once
	typ   Type
	flags []Flag
	path  string
	call  int
	count uint32

	from          uint64 // of a state of PyTorch, see torchstate.go
	state, normal string
}

// set reads an option. It reports whether it is among those allowed.
func (o *options) set(text, allowed string) (known bool, err error) {
	name, value, valued := strings.Cut(text, "=")
	isType := false
	for t := Type(0); t < dtype.Count; t++ {
		if text == t.String() {
			o.typ, name, isType = t, "type", true
		}
	}
	if name == "" || !slices.Contains(strings.Fields(allowed), name) {
		return false, nil
	}
	takes := slices.Contains([]string{"path", "call", "count", "from", "state", "normal"}, name)
	if takes != valued || name == "type" && !isType {
		return false, nil // such as fold=1; a type is written without "type="
	}
	if slices.Contains(o.given, name) {
		return true, partError("one at most", "option %s after another %s", excerpt.Quote(text), name)
	}
	o.given = append(o.given, name)
	switch name {
	case "type":
	case "path":
		o.path = value
	case "call":
		n, err := strconv.ParseUint(value, 10, 31)
		if err != nil || n == 0 {
			return true, partError("a number from 1 to 2³¹−1", "call %s", excerpt.Quote(value))
		}
		o.call = int(n)
	case "count":
		n, err := strconv.ParseUint(value, 10, 32)
		if err != nil {
			return true, partError("a number from 0 to 2³²−1", "count %s", excerpt.Quote(value))
		}
		o.count = uint32(n)
	case "from":
		if o.from, err = strconv.ParseUint(value, 10, 64); err != nil {
			return true, partError("a number from 0 to 2⁶⁴−1", "from %s", excerpt.Quote(value))
		}
	case "state":
		o.state = value
	case "normal":
		o.normal = value
	default:
		o.flags = append(o.flags, Flag(slices.Index(flagNames[:], name)))
	}
	return true, nil
}

// ParseStream returns the stream that a text describes, such as "pytorch:42": its name, a
// colon and the seed as users of its framework write it. The String of every stream of
// this package but [Source] is such a text. A seed that is left out is 0, and so is a
// second number of a seed of [TensorFlow]. Numbers are decimal, or hexadecimal with 0x.
//
// Options may follow, each after a slash and at most once: a type
// ("tensorflow:1,0/float16"), fold, original, x64 and xla for streams that take such a
// [Flag] ("jax:42/fold"), and path, call and count
// ("flax-linen:0/path=Block_0.Dropout_0/call=2", "flax-nnx:0/count=1"). Those of PyTorch may
// begin after some words of the generator ("pytorch:42/from=1234", see [PyTorchFrom]). A key
// of JAX may be written as its two words.
//
// ParseStream returns an [*ArgumentError] for any other text, and for one of more than 4096
// bytes without looking at it.
func ParseStream(text string) (Stream, error) {
	bad := func(want, given string, args ...any) (Stream, error) {
		return nil, streamError(text, want, given, args...)
	}
	if len(text) > mostText {
		return bad(fmt.Sprintf("%d at most", mostText), "a text of %d bytes", len(text))
	}
	args := strings.Split(text, "/")
	name, seed, given := strings.Cut(args[0], ":")
	i := 0
	for i < len(kinds) && kinds[i].name != name {
		i++
	}
	switch {
	case i < len(kinds):
	case name == sourceName:
		return bad("the stream that Source makes of one", "a rand.Source of your own, which no text restores")
	default:
		return bad("one of "+strings.Join(StreamNames(), ", "), "unknown name %s", excerpt.Quote(name))
	}
	k := &kinds[i]
	numbers := []number{{text: "0"}}
	if given {
		numbers = nil
		for _, s := range strings.Split(seed, ",") {
			n, ok := parseNumber(s)
			if !ok {
				return bad("a whole number", "seed %s", excerpt.Quote(s))
			}
			numbers = append(numbers, n)
		}
	}
	if len(numbers) > k.seeds {
		return bad(fmt.Sprintf("%d at most", k.seeds), "a seed of %d numbers", len(numbers))
	}
	o := options{call: 1}
	for _, arg := range args[1:] {
		known, err := o.set(arg, k.options)
		switch {
		case !known && k.options == "":
			return bad("none: this stream takes none", "unknown option %s", excerpt.Quote(arg))
		case !known:
			return bad("one of "+strings.ReplaceAll(strings.Replace(k.options, "type", "float32 float64 float16 bfloat16", 1), " ", ", "), "unknown option %s", excerpt.Quote(arg))
		case err != nil:
			return nil, ofText(text, name, err)
		}
	}
	s, err := k.of(numbers, o)
	if err != nil {
		return nil, ofText(text, name, err)
	}
	return s, nil
}

// ofText returns the error of a part of the text of a stream, or of the arguments of the function that makes a stream of
// this name, as one of the text.
func ofText(text, name string, err error) error {
	if part, ok := err.(*ArgumentError); ok {
		err = &ArgumentError{"stream", aboutStream(text) + strings.TrimPrefix(part.Given, aboutStream(name)), part.Want}
	}
	return err
}

// mostText bounds the texts of streams. The longest is that of a PyTorch stream with a state.
const mostText = 4096

// number is a whole number of any size, as a seed may be given.
type number struct {
	text     string
	negative bool
	size     uint64 // without the sign
	large    bool   // size does not hold it
}

// parseNumber reads a number and reports whether it is one.
func parseNumber(text string) (number, bool) {
	n := number{text: text, negative: strings.HasPrefix(text, "-")}
	digits, base := text, 10
	if n.negative || strings.HasPrefix(text, "+") {
		digits = text[1:]
	}
	if strings.HasPrefix(digits, "0x") {
		digits, base = digits[2:], 16
	}
	size, err := strconv.ParseUint(digits, base, 64)
	n.size, n.large = size, errors.Is(err, strconv.ErrRange)
	return n, err == nil || n.large
}

// String returns the number as it was written, for errors.
func (n number) String() string { return strings.Trim(excerpt.Quote(n.text), `"`) }

// int64 returns the number, and whether it is an int64.
func (n number) int64() (int64, bool) {
	if n.negative {
		return -int64(n.size), !n.large && n.size <= 1<<63
	}
	return int64(n.size), !n.large && n.size <= math.MaxInt64
}

// uint64 returns the number, and whether it is a uint64.
func (n number) uint64() (uint64, bool) { return n.size, !n.large && (!n.negative || n.size == 0) }

// within returns a number that must lie within bounds.
func within(n number, low, high int64) (int64, error) {
	x, ok := n.int64()
	if !ok || x < low || x > high {
		return 0, partError(fmt.Sprintf("a number from %d to %d", low, high), "seed %v", n)
	}
	return x, nil
}

func unsigned(n number) (uint64, error) {
	x, ok := n.uint64()
	if !ok {
		return 0, partError("a number from 0 to 2⁶⁴−1", "seed %v", n)
	}
	return x, nil
}

// torchSeed maps a seed as torch.manual_seed does.
func torchSeed(n number) (uint64, error) {
	if x, ok := n.int64(); ok {
		return uint64(x), nil
	}
	x, ok := n.uint64()
	if !ok {
		return 0, partError("a number from −2⁶³ to 2⁶⁴−1", "seed %v", n)
	}
	return x, nil
}

// keyOf returns the key of a seed, or of its two words.
func keyOf(s []number, flags []Flag) (Key, error) {
	if len(s) == 1 {
		seed, err := within(s[0], math.MinInt64, math.MaxInt64)
		return KeyOf(seed, slices.Contains(flags, X64)), err
	}
	var k Key
	for i, n := range s {
		w, err := within(n, 0, math.MaxUint32)
		if err != nil {
			return Key{}, err
		}
		k[i] = uint32(w)
	}
	return k, nil
}

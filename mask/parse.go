package mask

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// StreamNames are the names that [ParseStream] knows, in the order of the
// documentation.
func StreamNames() []string {
	var names []string
	for _, k := range kinds {
		names = append(names, k.name)
	}
	return names
}

// kinds is what ParseStream knows: how many numbers a seed may have, which options may
// follow it, and what they make.
var kinds = []struct {
	name    string
	seeds   int
	options string
	of      func(seed []*big.Int, o options) (Stream, error)
}{
	{"philox", 1, "", func(s []*big.Int, _ options) (Stream, error) {
		seed, err := unsigned(s[0])
		return Philox{seed}, err
	}},
	{"pytorch", 1, "", func(s []*big.Int, _ options) (Stream, error) {
		seed, err := torchSeed(s[0])
		return &PyTorch{Seed: seed}, err
	}},
	{"pytorch-mkl", 1, "", func(s []*big.Int, _ options) (Stream, error) {
		seed, err := torchSeed(s[0])
		return &PyTorchMKL{Seed: seed}, err
	}},
	{"keras-torch", 1, "", func(s []*big.Int, _ options) (Stream, error) {
		seed, err := within(s[0], math.MinInt32, math.MaxInt32)
		return KerasTorch{int32(seed)}, err
	}},
	{"tensorflow", 2, "type xla", func(s []*big.Int, o options) (Stream, error) {
		t := TensorFlow{Type: o.typ, XLA: o.xla}
		for i, n := range s {
			var err error
			if t.Seed[i], err = within(n, math.MinInt64, math.MaxInt64); err != nil {
				return nil, err
			}
		}
		return t, nil
	}},
	{"keras-tensorflow", 1, "type", func(s []*big.Int, o options) (Stream, error) {
		seed, err := within(s[0], math.MinInt64, math.MaxInt64)
		return KerasTensorFlow{seed, o.typ}, err
	}},
	{"jax", 2, "fold original x64", func(s []*big.Int, o options) (Stream, error) {
		key, err := keyOf(s, o.x64)
		return JAX{Key: key, Fold: o.fold, X64: o.x64, Original: o.original}, err
	}},
	{"flax-linen", 2, "fold x64 path call", func(s []*big.Int, o options) (Stream, error) {
		key, err := keyOf(s, o.x64)
		return Linen{Key: key, Fold: o.fold, X64: o.x64, Path: o.path, Call: int(o.call)}, err
	}},
	{"flax-nnx", 2, "x64 layer", func(s []*big.Int, o options) (Stream, error) {
		key, err := keyOf(s, o.x64)
		return NNX{Key: key, Layer: uint32(o.layer), X64: o.x64}, err
	}},
	{"keras-jax", 1, "x64", func(s []*big.Int, o options) (Stream, error) {
		seed, err := within(s[0], 0, math.MaxUint32)
		return KerasJAX{uint32(seed), o.x64}, err
	}},
	{"onednn", 1, "", func(s []*big.Int, _ options) (Stream, error) {
		seed, err := within(s[0], math.MinInt64, math.MaxInt64)
		return OneDNN{uint32(seed)}, err
	}},
}

// options are what may follow a seed.
type options struct {
	typ                 Type
	fold, original, x64 bool
	xla                 bool
	path                string
	call, layer         uint64
}

// set reads an option. It reports whether there is one of this name among those allowed.
func (o *options) set(text, allowed string) (known bool, err error) {
	name, value, _ := strings.Cut(text, "=")
	given := false
	for t := Type(0); t < types; t++ {
		if text == t.String() {
			o.typ, name, given = t, "type", true
		}
	}
	if name == "type" && !given {
		return false, nil // it is given by its own name
	}
	if !strings.Contains(" "+allowed+" ", " "+name+" ") || name == "" {
		return false, nil
	}
	switch text {
	case "fold":
		o.fold = true
	case "original":
		o.original = true
	case "x64":
		o.x64 = true
	case "xla":
		o.xla = true
	default:
		switch name {
		case "path":
			o.path = value
		case "call":
			if o.call, err = strconv.ParseUint(value, 10, 31); err != nil || o.call == 0 {
				err = fmt.Errorf("call %q, want a number from 1 to 2³¹−1", value)
			}
		case "layer":
			if o.layer, err = strconv.ParseUint(value, 10, 32); err != nil {
				err = fmt.Errorf("layer %q, want a number from 0 to 2³²−1", value)
			}
		case "type":
		default:
			return false, nil // such as fold=1
		}
	}
	return true, err
}

// ParseStream returns the stream that a text describes, such as "pytorch:42": its name, a
// colon and the seed as its framework's users write it. All streams of this package but
// [Source] write it as their String. Without a seed it is 0, and so is the second number
// of TensorFlow's where there is one only. Numbers are decimal, or hexadecimal with 0x.
//
// Options may follow, each after a slash: a type ("tensorflow:1,0/float16"), fold,
// original, x64 and xla for those that have such a field ("jax:42/fold"), and path, call and
// layer ("flax-linen:0/path=Block_0.Dropout_0/call=2", "flax-nnx:0/layer=1"). A key of
// JAX's may be written as its two words.
//
// An error says what was given and what was expected.
func ParseStream(text string) (Stream, error) {
	args := strings.Split(text, "/")
	name, seed, given := strings.Cut(args[0], ":")
	for _, k := range kinds {
		if k.name != name {
			continue
		}
		numbers := []*big.Int{new(big.Int)}
		if given {
			numbers = nil
			for _, s := range strings.Split(seed, ",") {
				n, ok := new(big.Int), false
				if len(s) <= 100 {
					base := 10 // a leading 0 is none of C's
					if strings.Contains(s, "0x") {
						base = 0
					}
					n, ok = n.SetString(s, base)
				}
				if !ok {
					return nil, fmt.Errorf("mask: stream %q: seed %q, want a whole number", text, seed)
				}
				numbers = append(numbers, n)
			}
		}
		if len(numbers) > k.seeds {
			return nil, fmt.Errorf("mask: stream %q: a seed of %d numbers, want %d at most", text, len(numbers), k.seeds)
		}
		var o options
		for _, arg := range args[1:] {
			known, err := o.set(arg, k.options)
			if !known {
				want := "nothing"
				if k.options != "" {
					want = "one of " + strings.ReplaceAll(strings.Replace(k.options, "type", "float32 float64 float16 bfloat16", 1), " ", ", ")
				}
				err = fmt.Errorf("%q behind the seed, want %s", arg, want)
			}
			if err != nil {
				return nil, fmt.Errorf("mask: stream %q: %w", text, err)
			}
		}
		s, err := k.of(numbers, o)
		if err != nil {
			return nil, fmt.Errorf("mask: stream %q: %w", text, err)
		}
		return s, nil
	}
	return nil, fmt.Errorf("mask: stream %q, want one of %s", text, strings.Join(StreamNames(), ", "))
}

// within returns a number that must lie within bounds.
func within(n *big.Int, low, high int64) (int64, error) {
	if !n.IsInt64() || n.Int64() < low || n.Int64() > high {
		return 0, fmt.Errorf("seed %v, want a number from %d to %d", n, low, high)
	}
	return n.Int64(), nil
}

func unsigned(n *big.Int) (uint64, error) {
	if !n.IsUint64() {
		return 0, fmt.Errorf("seed %v, want a number from 0 to 2⁶⁴−1", n)
	}
	return n.Uint64(), nil
}

// torchSeed maps a seed as torch.manual_seed does.
func torchSeed(n *big.Int) (uint64, error) {
	if n.Sign() < 0 && n.IsInt64() {
		return uint64(n.Int64()), nil
	}
	if !n.IsUint64() {
		return 0, fmt.Errorf("seed %v, want a number from −2⁶³ to 2⁶⁴−1", n)
	}
	return n.Uint64(), nil
}

// keyOf returns the key of a seed, or of its two words.
func keyOf(s []*big.Int, x64 bool) (Key, error) {
	if len(s) == 1 {
		seed, err := within(s[0], math.MinInt64, math.MaxInt64)
		return KeyOf(seed, x64), err
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

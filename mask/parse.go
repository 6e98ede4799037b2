package mask

import (
	"fmt"
	"math"
	"math/big"
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

// kinds is what ParseStream knows: how a stream's text is read. A seed is one or two
// numbers; args are what stands between slashes behind it.
var kinds = []struct {
	name  string
	seeds int // how many numbers a seed may have
	of    func(seed []*big.Int, args []string) (Stream, error)
}{
	{"philox", 1, func(s []*big.Int, args []string) (Stream, error) {
		seed, err := uint64Of(s[0])
		return Philox{seed}, orArgs(err, args)
	}},
	{"pytorch", 1, func(s []*big.Int, args []string) (Stream, error) {
		seed, err := torchSeed(s[0])
		return &PyTorch{Seed: seed}, orArgs(err, args)
	}},
	{"pytorch-mkl", 1, func(s []*big.Int, args []string) (Stream, error) {
		seed, err := torchSeed(s[0])
		return &PyTorchMKL{Seed: seed}, orArgs(err, args)
	}},
	{"keras-torch", 1, func(s []*big.Int, args []string) (Stream, error) {
		seed, err := within(s[0], 0, math.MaxUint32)
		return KerasTorch{uint32(seed)}, orArgs(err, args)
	}},
	{"tensorflow", 2, tensorFlowOf},
	{"keras-tensorflow", 1, tensorFlowOf},
	{"jax", 2, func(s []*big.Int, args []string) (Stream, error) {
		key, err := keyOf(s)
		j := JAX{Key: key}
		for len(args) > 0 && err == nil {
			switch args[0] {
			case "fold":
				j.Fold = true
			case "original":
				j.Original = true
			default:
				err = fmt.Errorf("unexpected %q, want fold or original", args[0])
			}
			args = args[1:]
		}
		return j, err
	}},
	{"keras-jax", 1, func(s []*big.Int, args []string) (Stream, error) {
		seed, err := within(s[0], 0, math.MaxUint32)
		return KerasJAX{uint32(seed)}, orArgs(err, args)
	}},
	{"onednn", 1, func(s []*big.Int, args []string) (Stream, error) {
		seed, err := within(s[0], math.MinInt32, math.MaxUint32)
		return OneDNN{uint32(seed)}, orArgs(err, args)
	}},
}

// ParseStream returns the stream that a text describes, such as "pytorch:42": its name,
// a colon and the seed as its framework's users write it; all streams of this package
// but [Source] write it as their String. See the table in the package's documentation
// for the names. Behind the seed may follow, each after a slash, a type for tensorflow
// and keras-tensorflow ("tensorflow:1,0/float16"), and fold or original for jax. Without
// a seed it is 0.
//
// An error says what was given and what was expected.
func ParseStream(text string) (Stream, error) {
	args := strings.Split(text, "/")
	name, seed, given := strings.Cut(args[0], ":")
	args = args[1:]
	for _, k := range kinds {
		if k.name != name {
			continue
		}
		numbers := []*big.Int{new(big.Int)}
		if given {
			numbers = nil
			for _, s := range strings.Split(seed, ",") {
				n, ok := new(big.Int).SetString(s, 0)
				if !ok || len(s) > 100 {
					return nil, fmt.Errorf("mask: stream %q: seed %q, want a whole number", text, seed)
				}
				numbers = append(numbers, n)
			}
		}
		if len(numbers) > k.seeds {
			return nil, fmt.Errorf("mask: stream %q: a seed of %d numbers, want %d at most", text, len(numbers), k.seeds)
		}
		s, err := k.of(numbers, args)
		if err != nil {
			return nil, fmt.Errorf("mask: stream %q: %w", text, err)
		}
		return s, nil
	}
	return nil, fmt.Errorf("mask: stream %q, want one of %s", text, strings.Join(StreamNames(), ", "))
}

// orArgs returns err, or an error where there are arguments that a stream does not take.
func orArgs(err error, args []string) error {
	if err == nil && len(args) > 0 {
		err = fmt.Errorf("unexpected %q behind the seed, want nothing there", args[0])
	}
	return err
}

// within returns a number that must lie within bounds.
func within(n *big.Int, low, high int64) (int64, error) {
	if !n.IsInt64() || n.Int64() < low || n.Int64() > high {
		return 0, fmt.Errorf("seed %v, want a number from %d to %d", n, low, high)
	}
	return n.Int64(), nil
}

func uint64Of(n *big.Int) (uint64, error) {
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

// tensorFlowOf reads the seed of a stateless function, or of Keras where the second
// number is missing.
func tensorFlowOf(s []*big.Int, args []string) (Stream, error) {
	var t TensorFlow
	for i, n := range s {
		if !n.IsInt64() {
			return nil, fmt.Errorf("seed %v, want a number of 64 bits", n)
		}
		t.Seed[i] = n.Int64()
	}
	if len(args) > 0 {
		for t.Type = 0; t.Type < types && t.Type.String() != args[0]; t.Type++ {
		}
		if t.Type == types {
			return nil, fmt.Errorf("type %q, want float32, float64, float16 or bfloat16", args[0])
		}
		args = args[1:]
	}
	return t, orArgs(nil, args)
}

// keyOf returns the key of a seed, or of its two words.
func keyOf(s []*big.Int) (Key, error) {
	if len(s) == 1 {
		if !s[0].IsInt64() {
			return Key{}, fmt.Errorf("seed %v, want a number of 64 bits", s[0])
		}
		return KeyOf(s[0].Int64()), nil
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

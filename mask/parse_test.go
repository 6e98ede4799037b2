package mask_test

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/spatialdropout/spatialdropout/mask"
)

// streamTexts are texts of all kinds and the streams that they describe.
var streamTexts = map[string]mask.Stream{
	"philox":                       mask.Philox{},
	"philox:0":                     mask.Philox{},
	"philox:18446744073709551615":  mask.Philox{Seed: 1<<64 - 1},
	"philox:0x10":                  mask.Philox{Seed: 16},
	"philox:010":                   mask.Philox{Seed: 10},
	"philox:+5":                    mask.Philox{Seed: 5},
	"philox:-0":                    mask.Philox{},
	"pytorch:-0x10":                &mask.PyTorch{Seed: 1<<64 - 16},
	"onednn:+0x10":                 mask.OneDNN{Seed: 16},
	"flax-linen:1/path=a":          mask.Linen{Key: mask.Key{0, 1}, Path: "a"},
	"pytorch":                      &mask.PyTorch{},
	"pytorch:42":                   &mask.PyTorch{Seed: 42},
	"pytorch:-1":                   &mask.PyTorch{Seed: 1<<64 - 1},
	"pytorch:-9223372036854775808": &mask.PyTorch{Seed: 1 << 63},
	"pytorch:18446744073709551615": &mask.PyTorch{Seed: 1<<64 - 1},
	"pytorch-mkl":                  &mask.PyTorchMKL{},
	"pytorch-mkl:-2":               &mask.PyTorchMKL{Seed: 1<<64 - 2},
	"keras-torch":                  mask.KerasTorch{},
	"keras-torch:2147483647":       mask.KerasTorch{Seed: 1<<31 - 1},
	"keras-torch:-2147483648":      mask.KerasTorch{Seed: -1 << 31},
	"tensorflow":                   mask.TensorFlow{},
	"tensorflow:5":                 mask.TensorFlow{Seed: [2]int64{5, 0}},
	"tensorflow:-5,7":              mask.TensorFlow{Seed: [2]int64{-5, 7}},
	"tensorflow:1,0/float16":       mask.TensorFlow{Seed: [2]int64{1, 0}, Type: mask.Float16},
	"tensorflow/bfloat16":          mask.TensorFlow{Type: mask.BFloat16},
	"tensorflow:1,2/float64":       mask.TensorFlow{Seed: [2]int64{1, 2}, Type: mask.Float64},
	"tensorflow:1,2/float32":       mask.TensorFlow{Seed: [2]int64{1, 2}},
	"tensorflow:9223372036854775807,-9223372036854775808": mask.TensorFlow{Seed: [2]int64{math.MaxInt64, math.MinInt64}},
	"tensorflow:1,2/float64/xla":                          mask.TensorFlow{Seed: [2]int64{1, 2}, Type: mask.Float64, XLA: true},
	"keras-tensorflow":                                    mask.KerasTensorFlow{},
	"keras-tensorflow:7/float16":                          mask.KerasTensorFlow{Seed: 7, Type: mask.Float16},
	"keras-tensorflow:-9223372036854775808":               mask.KerasTensorFlow{Seed: math.MinInt64},
	"flax-linen":                                          mask.Linen{},
	"flax-linen:5/fold/x64/path=Block_0.Dropout_0/call=2": mask.Linen{Key: mask.Key{0, 5}, Fold: true, X64: true, Path: "Block_0.Dropout_0", Call: 2},
	"flax-linen:7,5/path=a":                               mask.Linen{Key: mask.Key{7, 5}, Path: "a"},
	"flax-nnx":                                            mask.NNX{},
	"flax-nnx:5/layer=4294967295":                         mask.NNX{Key: mask.Key{0, 5}, Layer: 1<<32 - 1},
	"flax-nnx:-1/x64":                                     mask.NNX{Key: mask.Key{1<<32 - 1, 1<<32 - 1}, X64: true},
	"jax":                                                 mask.JAX{},
	"jax:42":                                              mask.JAX{Key: mask.Key{0, 42}},
	"jax:-1":                                              mask.JAX{Key: mask.Key{0, 1<<32 - 1}},
	"jax:4294967338":                                      mask.JAX{Key: mask.Key{0, 42}},
	"jax:1,2":                                             mask.JAX{Key: mask.Key{1, 2}},
	"jax:4294967295,4294967295":                           mask.JAX{Key: mask.Key{1<<32 - 1, 1<<32 - 1}},
	"jax:3/fold":                                          mask.JAX{Key: mask.Key{0, 3}, Fold: true},
	"jax:3/original":                                      mask.JAX{Key: mask.Key{0, 3}, Original: true},
	"jax:1,3/original/fold":                               mask.JAX{Key: mask.Key{1, 3}, Fold: true, Original: true},
	"jax:-1/x64":                                          mask.JAX{Key: mask.Key{1<<32 - 1, 1<<32 - 1}, X64: true},
	"jax:4294967338/x64/original":                         mask.JAX{Key: mask.Key{1, 42}, X64: true, Original: true},
	"keras-jax:7/x64":                                     mask.KerasJAX{Seed: 7, X64: true},
	"keras-jax":                                           mask.KerasJAX{},
	"keras-jax:4294967295":                                mask.KerasJAX{Seed: 1<<32 - 1},
	"onednn":                                              mask.OneDNN{},
	"onednn:-1":                                           mask.OneDNN{Seed: 1<<32 - 1},
	"onednn:-2147483648":                                  mask.OneDNN{Seed: 1 << 31},
	"onednn:4294967295":                                   mask.OneDNN{Seed: 1<<32 - 1},
}

func TestStreamsAreParsed(t *testing.T) {
	seen := map[string]bool{}
	for text, want := range streamTexts {
		got, err := mask.ParseStream(text)
		if err != nil {
			t.Error(err)
			continue
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %v, want %v", text, got, want)
		}
		if back, err := mask.ParseStream(fmt.Sprint(got)); err != nil || !reflect.DeepEqual(back, got) {
			t.Errorf("%v, of %s, is parsed as %v, %v", got, text, back, err)
		}
		seen[text] = true
	}
	for _, name := range mask.StreamNames() {
		if !seen[name] {
			t.Errorf("%s is not tried", name)
		}
	}
}

// Scripts and file names contain the texts of streams.
func TestStreamsAreWrittenAsText(t *testing.T) {
	for s, want := range map[mask.Stream]string{
		mask.Philox{Seed: 1<<64 - 1}:                               "philox:18446744073709551615",
		&mask.PyTorch{Seed: 42}:                                    "pytorch:42",
		&mask.PyTorchMKL{Seed: 42}:                                 "pytorch-mkl:42",
		mask.KerasTorch{Seed: 42}:                                  "keras-torch:42",
		mask.TensorFlow{Seed: [2]int64{-1, 2}}:                     "tensorflow:-1,2",
		mask.TensorFlow{Seed: [2]int64{0, 2}, Type: mask.BFloat16}: "tensorflow:0,2/bfloat16",
		mask.KerasTensorFlow{Seed: -7, Type: mask.Float16}:         "keras-tensorflow:-7/float16",
		mask.TensorFlow{XLA: true, Type: mask.Float16}:             "tensorflow:0,0/float16/xla",
		mask.Linen{Key: mask.Key{0, 42}, Path: "a.b", Call: 1}:     "flax-linen:42/path=a.b",
		mask.Linen{Key: mask.Key{1, 42}, Fold: true, Call: 3}:      "flax-linen:1,42/fold/call=3",
		mask.NNX{Key: mask.Key{0, 42}, Layer: 2, X64: true}:        "flax-nnx:42/x64/layer=2",
		mask.NNX{Key: mask.Key{0, 42}}:                             "flax-nnx:42",
		mask.KerasJAX{Seed: 42, X64: true}:                         "keras-jax:42/x64",
		mask.JAX{Key: mask.KeyOf(42, false)}:                       "jax:42",
		mask.JAX{Key: mask.Key{3, 42}, Fold: true, Original: true}: "jax:3,42/fold/original",
		mask.KerasJAX{Seed: 42}:                                    "keras-jax:42",
		mask.OneDNN{Seed: 42}:                                      "onednn:42",
		mask.NewSource(&countingSource{}):                          "source:*mask_test.countingSource",
	} {
		if got := fmt.Sprint(s); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestErrorsOfParseStreamSayWhatIsWrong(t *testing.T) {
	names := mask.StreamNames()
	for text, words := range map[string][]string{
		"":                                     names,
		"Philox:1":                             names,
		"torch:1":                              names,
		"source:1":                             names,
		" philox:1":                            names,
		"philox:":                              {`seed ""`, "whole number"},
		"philox:x":                             {`seed "x"`, "whole number"},
		"philox:1.5":                           {`seed "1.5"`, "whole number"},
		"philox: 1":                            {`seed " 1"`, "whole number"},
		"philox:1:2":                           {`seed "1:2"`, "whole number"},
		"philox:-1":                            {"seed -1", "0 to 2⁶⁴−1"},
		"philox:18446744073709551616":          {"seed 18446744073709551616", "0 to 2⁶⁴−1"},
		"philox:1,2":                           {"a seed of 2 numbers", "want 1"},
		"philox:1/float16":                     {`unknown option "float16": this stream takes none`},
		"philox/":                              {`unknown option "": this stream takes none`},
		"pytorch:18446744073709551616":         {"seed 18446744073709551616", "−2⁶³ to 2⁶⁴−1"},
		"pytorch:-9223372036854775809":         {"seed -9223372036854775809", "−2⁶³ to 2⁶⁴−1"},
		"pytorch-mkl:18446744073709551616":     {"−2⁶³ to 2⁶⁴−1"},
		"keras-torch:-2147483649":              {"seed -2147483649", "-2147483648 to 2147483647"},
		"keras-torch:2147483648":               {"seed 2147483648", "-2147483648 to 2147483647"},
		"keras-tensorflow:9223372036854775808": {"-9223372036854775808 to 9223372036854775807"},
		"flax-linen:1/call=0":                  {`call "0"`, "1 to 2³¹−1"},
		"flax-linen:1/call=x":                  {`call "x"`, "1 to 2³¹−1"},
		"flax-linen:1/call=2147483648":         {`call "2147483648"`, "1 to 2³¹−1"},
		"flax-nnx:1/layer=4294967296":          {`layer "4294967296"`, "0 to 2³²−1"},
		"flax-nnx:1/fold":                      {`"fold"`, "x64, layer"},
		"jax:1/fold=1":                         {`"fold=1"`, "fold, original, x64"},
		"tensorflow:1/type=float16":            {`"type=float16"`, "float32, float64"},
		"tensorflow:1/type":                    {`"type"`, "float32, float64"},
		"philox:1_0":                           {`seed "1_0"`, "whole number"},
		"tensorflow:1/xlaa":                    {`"xlaa"`, "float32, float64, float16, bfloat16, xla"},
		"keras-jax:4294967296":                 {"seed 4294967296", "0 to 4294967295"},
		"onednn:9223372036854775808":           {"seed 9223372036854775808", "to 9223372036854775807"},
		"tensorflow:1,2,3":                     {"a seed of 3 numbers", "want 2"},
		"tensorflow:9223372036854775808":       {"seed 9223372036854775808", "-9223372036854775808 to 9223372036854775807"},
		"tensorflow:1,-9223372036854775809":    {"seed -9223372036854775809", "-9223372036854775808 to 9223372036854775807"},
		"tensorflow:1,2/float8":                {`unknown option "float8"`, "want one of float32, float64, float16, bfloat16, xla"},
		"keras-tensorflow:1,2":                 {"a seed of 2 numbers", "want 1"},
		"keras-tensorflow:1/Type(4)":           {`unknown option "Type(4)"`, "want one of float32, float64, float16, bfloat16"},
		"jax:1,2,3":                            {"a seed of 3 numbers", "want 2"},
		"jax:4294967296,0":                     {"seed 4294967296", "0 to 4294967295"},
		"jax:0,-1":                             {"seed -1", "0 to 4294967295"},
		"jax:9223372036854775808":              {"seed 9223372036854775808", "-9223372036854775808 to 9223372036854775807"},
		"jax:1/folded":                         {`unknown option "folded"`, "fold, original, x64"},
		"philox:" + strings.Repeat("9", 101):   {"whole number"},
		"philox:" + strings.Repeat("9", 100):   {"0 to 2⁶⁴−1"},
		"pytorch:-" + strings.Repeat("9", 99):  {"−2⁶³ to 2⁶⁴−1"},
		"philox:0x10000000000000000":           {"seed 0x10000000000000000", "0 to 2⁶⁴−1"},
		"philox:0x1_0":                         {`seed "0x1_0"`, "whole number"},
		"philox:0x":                            {`seed "0x"`, "whole number"},
		"philox:--1":                           {`seed "--1"`, "whole number"},
		"philox:+-1":                           {`seed "+-1"`, "whole number"},
		"philox:-":                             {`seed "-"`, "whole number"},
		"philox:-0x1":                          {"seed -0x1", "0 to 2⁶⁴−1"},
	} {
		s, err := mask.ParseStream(text)
		if err == nil {
			t.Errorf("%q is the stream %v", text, s)
			continue
		}
		if s != nil {
			t.Errorf("%q is an error and the stream %v", text, s)
		}
		var typed *mask.StreamError
		if !errors.As(err, &typed) || typed.Text != text {
			t.Errorf("%q is not a StreamError of this text: %#v", text, err)
		}
		for _, w := range append(words, "mask: stream ", fmt.Sprintf("%q", text)) {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%q does not say %q", err, w)
			}
		}
	}
}

// Only streams whose keys or seeds consist of two numbers take two. None takes three.
func TestSeedsOfTooManyNumbersAreRefused(t *testing.T) {
	two := map[string]bool{"tensorflow": true, "jax": true, "flax-linen": true, "flax-nnx": true}
	for _, name := range mask.StreamNames() {
		if _, err := mask.ParseStream(name + ":1"); err != nil {
			t.Error(err)
		}
		if _, err := mask.ParseStream(name + ":1,2"); (err == nil) != two[name] {
			t.Errorf("%s with two numbers: %v", name, err)
		}
		most := 1
		if two[name] {
			most = 2
		}
		_, err := mask.ParseStream(name + ":1,2,3")
		if want := fmt.Sprintf("a seed of 3 numbers, want %d at most", most); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s with three numbers: %v, want %q", name, err, want)
		}
	}
}

// A caller may change the slice that StreamNames returns.
func TestStreamNamesAreACopy(t *testing.T) {
	names := mask.StreamNames()
	names[0] = "changed"
	if got := mask.StreamNames()[0]; got != "philox" {
		t.Errorf("the first name is %s", got)
	}
}

func TestTypeAndRuleNames(t *testing.T) {
	for v, want := range map[fmt.Stringer]string{
		mask.Float32: "float32", mask.Float64: "float64", mask.Float16: "float16", mask.BFloat16: "bfloat16", mask.Type(4): "Type(4)",
		mask.Reciprocal: "Reciprocal", mask.WideReciprocal: "WideReciprocal", mask.RoundedReciprocal: "RoundedReciprocal", mask.Quotient: "Quotient", mask.CompiledQuotient: "CompiledQuotient", mask.Unscaled: "Unscaled",
		mask.Expectation: "Expectation", mask.Alpha: "Alpha", mask.AlphaGradient: "AlphaGradient", mask.Gaussian: "Gaussian", mask.AtInference: "AtInference", mask.Rule(11): "Rule(11)",
	} {
		if v.String() != want {
			t.Errorf("%v, want %s", v, want)
		}
	}
}

// A stream brings the arithmetic of its framework.
func TestArithmeticOfStreams(t *testing.T) {
	pytorch, jax := mask.Arithmetic{Policy: mask.Multiply, Rule: mask.WideReciprocal}, mask.Arithmetic{Rule: mask.CompiledQuotient}
	want := map[string]mask.Arithmetic{"pytorch": pytorch, "pytorch-mkl": pytorch, "keras-torch": {Rule: mask.Quotient}, "jax": jax, "keras-jax": jax, "flax-linen": jax, "flax-nnx": jax}
	for _, m := range makers(t) {
		name, _, _ := strings.Cut(m.name, "/")
		if got := m.of(0).Arithmetic(); got != want[name] {
			t.Errorf("%s: %v, want %v", m.name, got, want[name])
		}
	}
}

// Keys are folded as in the documentation of jax.random and the vectors of Random123.
func TestKeysOfJAX(t *testing.T) {
	if k := (mask.Key{0, 0}).FoldIn(0); k != (mask.Key{0x6b200159, 0x99ba4efe}) {
		t.Errorf("Threefry2x32-20 of zeros is %#x", k)
	}
	if k := (mask.Key{0x13198a2e, 0x03707344}); [2]uint32(k.FoldIn(0x85a308d3)) != threefry([2]uint32(k), [2]uint32{0, 0x85a308d3}) {
		t.Errorf("%v: data are not the low word of the counter", k)
	}
	if got := threefry([2]uint32{0x13198a2e, 0x03707344}, [2]uint32{0x243f6a88, 0x85a308d3}); got != [2]uint32{0xc4923a9c, 0x483df7a0} {
		t.Errorf("the oracle's Threefry2x32-20 of the digits of π is %#x", got)
	}
	if k := mask.KeyOf(-2, false); k != (mask.Key{0, 1<<32 - 2}) {
		t.Errorf("the key of -2 is %v", k)
	}
	if k := mask.KeyOf(-2, true); k != (mask.Key{1<<32 - 1, 1<<32 - 2}) {
		t.Errorf("the key of -2 with 64-bit types is %v", k)
	}
}

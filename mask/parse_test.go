package mask_test

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/spatialdropout/spatialdropout/internal/excerpt"
	"github.com/spatialdropout/spatialdropout/mask"
)

// must returns the stream of a constructor that returned no error.
func must(s mask.Stream, err error) mask.Stream {
	if err != nil {
		panic(err)
	}
	return s
}

// streamTexts are texts of all kinds and the streams that they describe.
var streamTexts = map[string]mask.Stream{
	"philox":                       mask.Philox(0),
	"philox:0":                     mask.Philox(0),
	"philox:18446744073709551615":  mask.Philox(1<<64 - 1),
	"philox:0x10":                  mask.Philox(16),
	"philox:010":                   mask.Philox(10),
	"philox:+5":                    mask.Philox(5),
	"philox:-0":                    mask.Philox(0),
	"pytorch:-0x10":                mask.PyTorch(1<<64 - 16),
	"onednn:+0x10":                 mask.OneDNN(16),
	"flax-linen:1/path=a":          must(mask.Linen(mask.Key{0, 1}, "a", 1)),
	"pytorch":                      mask.PyTorch(0),
	"pytorch:42":                   mask.PyTorch(42),
	"pytorch:-1":                   mask.PyTorch(1<<64 - 1),
	"pytorch:-9223372036854775808": mask.PyTorch(1 << 63),
	"pytorch:18446744073709551615": mask.PyTorch(1<<64 - 1),
	"pytorch-mkl":                  mask.PyTorchMKL(0),
	"pytorch-mkl:-2":               mask.PyTorchMKL(1<<64 - 2),
	"keras-torch":                  mask.KerasTorch(0),
	"keras-torch:2147483647":       mask.KerasTorch(1<<31 - 1),
	"keras-torch:-2147483648":      mask.KerasTorch(-1 << 31),
	"tensorflow":                   must(mask.TensorFlow([2]int64{}, mask.Float32)),
	"tensorflow:5":                 must(mask.TensorFlow([2]int64{5, 0}, mask.Float32)),
	"tensorflow:-5,7":              must(mask.TensorFlow([2]int64{-5, 7}, mask.Float32)),
	"tensorflow:1,0/float16":       must(mask.TensorFlow([2]int64{1, 0}, mask.Float16)),
	"tensorflow/bfloat16":          must(mask.TensorFlow([2]int64{}, mask.BFloat16)),
	"tensorflow:1,2/float64":       must(mask.TensorFlow([2]int64{1, 2}, mask.Float64)),
	"tensorflow:1,2/float32":       must(mask.TensorFlow([2]int64{1, 2}, mask.Float32)),
	"tensorflow:9223372036854775807,-9223372036854775808": must(mask.TensorFlow([2]int64{math.MaxInt64, math.MinInt64}, mask.Float32)),
	"tensorflow:1,2/float64/xla":                          must(mask.TensorFlow([2]int64{1, 2}, mask.Float64, mask.XLA)),
	"keras-tensorflow":                                    must(mask.KerasTensorFlow(0, mask.Float32)),
	"keras-tensorflow:7/float16":                          must(mask.KerasTensorFlow(7, mask.Float16)),
	"keras-tensorflow:-9223372036854775808":               must(mask.KerasTensorFlow(math.MinInt64, mask.Float32)),
	"flax-linen":                                          must(mask.Linen(mask.Key{}, "", 1)),
	"flax-linen:5/fold/x64/path=Block_0.Dropout_0/call=2": must(mask.Linen(mask.Key{0, 5}, "Block_0.Dropout_0", 2, mask.X64, mask.Fold)),
	"flax-linen:7,5/path=a":                               must(mask.Linen(mask.Key{7, 5}, "a", 1)),
	"flax-nnx":                                            must(mask.NNX(mask.Key{}, 0)),
	"flax-nnx:5/count=4294967295":                         must(mask.NNX(mask.Key{0, 5}, 1<<32-1)),
	"flax-nnx:-1/x64":                                     must(mask.NNX(mask.Key{1<<32 - 1, 1<<32 - 1}, 0, mask.X64)),
	"jax":                                                 must(mask.JAX(mask.Key{})),
	"jax:42":                                              must(mask.JAX(mask.Key{0, 42})),
	"jax:-1":                                              must(mask.JAX(mask.Key{0, 1<<32 - 1})),
	"jax:4294967338":                                      must(mask.JAX(mask.Key{0, 42})),
	"jax:1,2":                                             must(mask.JAX(mask.Key{1, 2})),
	"jax:4294967295,4294967295":                           must(mask.JAX(mask.Key{1<<32 - 1, 1<<32 - 1})),
	"jax:3/fold":                                          must(mask.JAX(mask.Key{0, 3}, mask.Fold)),
	"jax:3/original":                                      must(mask.JAX(mask.Key{0, 3}, mask.Original)),
	"jax:1,3/original/fold":                               must(mask.JAX(mask.Key{1, 3}, mask.Fold, mask.Original)),
	"jax:-1/x64":                                          must(mask.JAX(mask.Key{1<<32 - 1, 1<<32 - 1}, mask.X64)),
	"jax:4294967338/x64/original":                         must(mask.JAX(mask.Key{1, 42}, mask.X64, mask.Original)),
	"keras-jax:7/x64":                                     must(mask.KerasJAX(7, mask.X64)),
	"keras-jax":                                           must(mask.KerasJAX(0)),
	"keras-jax:4294967295":                                must(mask.KerasJAX(1<<32 - 1)),
	"onednn":                                              mask.OneDNN(0),
	"onednn:-1":                                           mask.OneDNN(1<<32 - 1),
	"onednn:-2147483648":                                  mask.OneDNN(1 << 31),
	"onednn:4294967295":                                   mask.OneDNN(1<<32 - 1),
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
		mask.Philox(1<<64 - 1): "philox:18446744073709551615",
		mask.PyTorch(42):       "pytorch:42",
		mask.PyTorchMKL(42):    "pytorch-mkl:42",
		mask.KerasTorch(42):    "keras-torch:42",
		must(mask.TensorFlow([2]int64{-1, 2}, mask.Float32)):           "tensorflow:-1,2",
		must(mask.TensorFlow([2]int64{0, 2}, mask.BFloat16)):           "tensorflow:0,2/bfloat16",
		must(mask.KerasTensorFlow(-7, mask.Float16)):                   "keras-tensorflow:-7/float16",
		must(mask.TensorFlow([2]int64{}, mask.Float16, mask.XLA)):      "tensorflow:0,0/float16/xla",
		must(mask.Linen(mask.Key{0, 42}, "a/b", 1)):                    "flax-linen:42/path=a.b",
		must(mask.Linen(mask.Key{1, 42}, "", 3, mask.Fold, mask.Fold)): "flax-linen:1,42/fold/call=3",
		must(mask.NNX(mask.Key{0, 42}, 2, mask.X64)):                   "flax-nnx:42/x64/count=2",
		must(mask.NNX(mask.Key{0, 42}, 0)):                             "flax-nnx:42",
		must(mask.KerasJAX(42, mask.X64)):                              "keras-jax:42/x64",
		must(mask.JAX(mask.KeyOf(42, false))):                          "jax:42",
		must(mask.JAX(mask.Key{3, 42}, mask.Fold, mask.Original)):      "jax:3,42/fold/original",
		must(mask.KerasJAX(42)):                                        "keras-jax:42",
		mask.OneDNN(42):                                                "onednn:42",
		mask.Source(&countingSource{}):                                 "source:*mask_test.countingSource",
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
		"source:1":                             {"rand.Source", "no text restores", "want the stream that Source makes"},
		" philox:1":                            names,
		"philox:":                              {`seed ""`, "whole number"},
		"philox:x":                             {`seed "x"`, "whole number"},
		"philox:1.5":                           {`seed "1.5"`, "whole number"},
		"philox: 1":                            {`seed " 1"`, "whole number"},
		"philox:1:2":                           {`seed "1:2"`, "whole number"},
		"philox:-1":                            {"seed -1", "0 to 2⁶⁴−1"},
		"philox:18446744073709551616":          {"seed 18446744073709551616", "0 to 2⁶⁴−1"},
		"philox:1,2":                           {"a seed of 2 numbers", "want 1"},
		"philox:1/float16":                     {`unknown option "float16", want none: this stream takes none`},
		"philox/":                              {`unknown option "", want none: this stream takes none`},
		"pytorch:18446744073709551616":         {"seed 18446744073709551616", "−2⁶³ to 2⁶⁴−1"},
		"pytorch:-9223372036854775809":         {"seed -9223372036854775809", "−2⁶³ to 2⁶⁴−1"},
		"pytorch-mkl:18446744073709551616":     {"−2⁶³ to 2⁶⁴−1"},
		"keras-torch:-2147483649":              {"seed -2147483649", "-2147483648 to 2147483647"},
		"keras-torch:2147483648":               {"seed 2147483648", "-2147483648 to 2147483647"},
		"keras-tensorflow:9223372036854775808": {"-9223372036854775808 to 9223372036854775807"},
		"flax-linen:1/call=0":                  {`call "0"`, "1 to 2³¹−1"},
		"flax-linen:1/call=x":                  {`call "x"`, "1 to 2³¹−1"},
		"flax-linen:1/call=2147483648":         {`call "2147483648"`, "1 to 2³¹−1"},
		"flax-nnx:1/count=4294967296":          {`count "4294967296"`, "0 to 2³²−1"},
		"flax-nnx:1/fold":                      {`"fold"`, "original, x64, count"},
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
		"jax:1/fold/x64/fold":                  {`option "fold" after another fold`},
		"tensorflow:1/float16/bfloat16":        {`option "bfloat16" after another type`},
		"flax-linen:1/path=a/path=b":           {`option "path=b" after another path`},
		"flax-linen:1/path":                    {`unknown option "path"`},
		"flax-linen:1/path=a\xff":              {"want UTF-8"},
		"jax:1/folded":                         {`unknown option "folded"`, "fold, original, x64"},
		"philox:" + strings.Repeat("9", 50):    {"seed " + strings.Repeat("9", 50), "0 to 2⁶⁴−1"},
		"pytorch:-" + strings.Repeat("9", 49):  {"−2⁶³ to 2⁶⁴−1"},
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
		var typed *mask.ArgumentError
		if !errors.As(err, &typed) || typed.Argument != "stream" || !strings.HasPrefix(typed.Given, "stream "+excerpt.Quote(text)+": ") {
			t.Errorf("%q is not an ArgumentError of this text: %#v", text, err)
		}
		for _, w := range append(words, "mask: stream ", fmt.Sprintf("%q", text)) {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%q does not say %q", err, w)
			}
		}
	}
}

// What a constructor accepts comes back from its text.
func TestParametersThatNoTextRestoresAreRefused(t *testing.T) {
	key, long := mask.Key{3, 4}, strings.Repeat("a", 1025)
	for reason, of := range map[string]func() (mask.Stream, error){
		`"jax": flag xla, want one of fold, x64, original`:                             func() (mask.Stream, error) { return mask.JAX(key, mask.Fold, mask.XLA) },
		`"jax": flag 4, want one of fold, x64, original`:                               func() (mask.Stream, error) { return mask.JAX(key, 4) },
		`"jax": flag 255, want`:                                                        func() (mask.Stream, error) { return mask.JAX(key, 255) },
		`"flax-linen": flag xla, want one of fold, x64, original`:                      func() (mask.Stream, error) { return mask.Linen(key, "", 1, mask.XLA) },
		`"flax-linen": call 0, want a number from 1 to 2³¹−1`:                          func() (mask.Stream, error) { return mask.Linen(key, "", 0) },
		`"flax-linen": call -1, want`:                                                  func() (mask.Stream, error) { return mask.Linen(key, "", -1) },
		`"flax-linen": a path of 1025 bytes, want 1024 at most`:                        func() (mask.Stream, error) { return mask.Linen(key, long, 1) },
		`"flax-linen": path "a\xff", want UTF-8`:                                       func() (mask.Stream, error) { return mask.Linen(key, "a\xff", 1) },
		`"flax-nnx": flag fold, want one of x64, original`:                             func() (mask.Stream, error) { return mask.NNX(key, 0, mask.Fold) },
		`"keras-jax": flag fold, want one of x64, original`:                            func() (mask.Stream, error) { return mask.KerasJAX(0, mask.Fold) },
		`"tensorflow": flag x64, want one of xla`:                                      func() (mask.Stream, error) { return mask.TensorFlow([2]int64{}, mask.Float32, mask.X64) },
		`"tensorflow": numbers of Type(4), want float32, float64, float16 or bfloat16`: func() (mask.Stream, error) { return mask.TensorFlow([2]int64{}, 4) },
		`"keras-tensorflow": numbers of Type(255), want float32`:                       func() (mask.Stream, error) { return mask.KerasTensorFlow(0, 255) },
	} {
		s, err := of()
		if s != nil || !refuses(err, "stream") || !strings.Contains(err.Error(), reason) {
			t.Errorf("%v, %v, want an ArgumentError that says %q", s, err, reason)
		}
	}
	if math.MaxInt > math.MaxInt32 {
		call := math.MaxInt32
		if s, err := mask.Linen(key, "", call+1); err == nil {
			t.Errorf("%v is a stream", s)
		}
	}
	for _, s := range []mask.Stream{
		must(mask.Linen(key, long[1:], math.MaxInt32, mask.Fold, mask.X64)), must(mask.Linen(key, "a/b.c//", 2)), must(mask.Linen(key, "call=2/x64", 1)),
		must(mask.Linen(key, "a=b:c,d \x00\n\"é", 1)), must(mask.NNX(key, 1<<32-1, mask.X64)), must(mask.NNX(key, 3, mask.Original)), must(mask.KerasJAX(5, mask.Original, mask.X64)), must(mask.Linen(key, "a", 2, mask.Original)), must(mask.JAX(key, mask.Original, mask.X64, mask.Fold)),
		must(mask.TensorFlow([2]int64{math.MinInt64, math.MaxInt64}, mask.Float64, mask.XLA, mask.XLA)), must(mask.KerasTensorFlow(math.MinInt64, mask.BFloat16)),
	} {
		if back, err := mask.ParseStream(s.String()); err != nil || !reflect.DeepEqual(back, s) {
			t.Errorf("%v comes back as %v, %v", s, back, err)
		}
	}
	if s := mask.Source(nil); s != nil {
		t.Errorf("a source of nil is the stream %v", s)
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

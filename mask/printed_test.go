package mask_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/spatialdropout/spatialdropout/mask"
	"github.com/spatialdropout/spatialdropout/mask/testdata/golden"
)

// Masks that users of frameworks have printed in public: elements that are not 0 are kept.
var printedMasks = []struct {
	source, call string
	stream       string
	rate         float64
	rows         []string
}{
	{
		"github.com/rasbt/LLMs-from-scratch/issues/57, the author's macOS", "torch.manual_seed(123), Dropout(0.5)(torch.ones(6, 6))", "pytorch:123", 0.5,
		[]string{"110110", "000101", "111101", "011001", "010101", "011110"},
	},
	{
		"github.com/rasbt/LLMs-from-scratch/issues/57, the reader's build", "the same", "pytorch-mkl:123", 0.5,
		[]string{"111111", "010000", "001010", "110001", "100001", "010000"},
	},
	{
		"github.com/pytorch/pytorch/issues/121595, 2.3.0a0", "torch.manual_seed(123), Dropout(0.5)(torch.randn(5, 5))", "pytorch:123/from=41", 0.5,
		[]string{"00101", "00110", "11100", "10110", "10111"},
	},
	{
		"github.com/pytorch/pytorch/issues/15714, 1.0.0 on Linux", "torch.manual_seed(0), torch.zeros(5).long().bernoulli_()", "pytorch-mkl:0", 0.5,
		[]string{"10011"},
	},
	{
		"github.com/pytorch/pytorch/issues/94388, a build with MKL by its mask", "torch.manual_seed(314159), torch.zeros(15).bernoulli(0.75)", "pytorch-mkl:314159", 0.25,
		[]string{"100110111111111"},
	},
	{
		"tensorflow.org/api_docs/python/tf/nn/experimental/stateless_dropout", "stateless_dropout(tf.ones([3,5]), rate=0.5, seed=[1, 0])", "tensorflow:1,0", 0.5,
		[]string{"10100", "00101", "00001"},
	},
	{
		"the same", "stateless_dropout(tf.ones([3,5]), rate=0.8, seed=[1, 0])", "tensorflow:1,0", 0.8,
		[]string{"10000", "00001", "00001"},
	},
	{
		"the same", "stateless_dropout(tf.ones([3,5]), rate=0.8, seed=[2, 0])", "tensorflow:2,0", 0.8,
		[]string{"10000", "00010", "00000"},
	},
	{
		"the same", "stateless_dropout(tf.ones([3,10]), rate=2/3, noise_shape=[1,10], seed=[1, 0])", "tensorflow:1,0", 2.0 / 3,
		[]string{"1000000101"},
	},
}

func TestMasksThatWerePrintedInPublic(t *testing.T) {
	for _, p := range printedMasks {
		if got, want := golden.Text(drawnBy(t, parse(p.stream), len(p.rows), len(p.rows[0]), p.rate, mask.Place{})), strings.Join(p.rows, ""); got != want {
			t.Errorf("%s: %s gave\n%s, %s draws\n%s", p.source, p.call, want, p.stream, got)
		}
	}
}

// github.com/pytorch/pytorch/issues/84030 has the sums of torch.rand(10) after
// torch.manual_seed(123), and of its dropout at rate 0.5 with and without MKL.
func TestSumsThatWerePrintedInPublic(t *testing.T) {
	words := newTwister(123)
	var x [10]float64
	sum := 0.0
	for i := range x {
		x[i] = float64(words.word(uint64(i))&(1<<24-1)) * 0x1p-24 // rand takes the low 24 bits of a word
		sum += x[i]
	}
	if got := fmt.Sprintf("%.4f", sum); got != "3.8430" {
		t.Errorf("the sum before is %s, was 3.8430", got)
	}
	for stream, want := range map[string]string{"pytorch:123/from=10": "2.4471", "pytorch-mkl:123/from=10": "1.8894"} {
		m := drawnBy(t, parse(stream), 1, 10, 0.5, mask.Place{})
		sum := 0.0
		for i := range x {
			if m.Kept(0, i) {
				sum += 2 * x[i]
			}
		}
		if got := fmt.Sprintf("%.4f", sum); got != want {
			t.Errorf("%s: the sum is %s, was %s", stream, got, want)
		}
	}
}

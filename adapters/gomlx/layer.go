package gomlx

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// stepName is the name of the variable that holds the step of the next draw.
const stepName = "spatial_dropout_step"

// mostRamp is the longest [spatialdropout.Ramp] whose rates a graph holds.
const mostRamp = 1 << 20

// supported returns an error if a graph cannot draw what drop draws.
func supported(drop *spatialdropout.Dropout, s spatialdropout.State) error {
	const want = "Draw and WithMasks, which take every mask"
	switch {
	case !strings.HasPrefix(s.Stream, "philox:"):
		return &UnsupportedError{"drawing from the stream " + s.Stream + " in a graph", want}
	case s.Scheduled:
		return &UnsupportedError{"a schedule that is not a Ramp in a graph", want}
	case s.Ramp > mostRamp:
		return &UnsupportedError{fmt.Sprintf("a ramp of %d steps in a graph", s.Ramp), fmt.Sprintf("%d at most, or %s", mostRamp, want)}
	case s.Sharing == mask.FixedCount:
		return &UnsupportedError{"a fixed count of channels in a graph", want}
	case s.Arithmetic.Rule == mask.Gaussian:
		return &UnsupportedError{"Gaussian noise in a graph", want}
	}
	return nil
}

// ratesOf returns the rates of steps 0, 1, …: the last one is that of all later steps.
func ratesOf(s spatialdropout.State) []float64 {
	rates := make([]float64, s.Ramp+1)
	for step := range rates {
		rates[step] = s.Rate
		if s.Ramp > 0 {
			rates[step] = s.Ramp.Rate(s.Rate, uint64(step))
		}
	}
	return rates
}

// table holds a number for each rate.
type table struct {
	kind     kind
	elements []byte
}

// at returns the number of a step.
func (t table) at(step *graph.Node) *graph.Node {
	count := len(t.elements) / t.kind.size()
	if count == 1 {
		return t.constant(step.Graph())
	}
	last := graph.Const(step.Graph(), uint64(count-1))
	index := graph.ConvertDType(graph.Min(step, last), dtypes.Int32)
	return graph.Gather(t.constant(step.Graph(), count), graph.Reshape(index, 1))
}

// constant returns the numbers as a constant: from their bits, since the backend takes the
// constants 0 and −0 for one.
func (t table) constant(g *graph.Graph, dims ...int) *graph.Node {
	c, err := tensorOf(t.kind.unsigned, t.elements, dims...)
	if err != nil {
		panic(err)
	}
	n := graph.ConstTensor(g, c)
	if t.kind.dtype == t.kind.unsigned {
		return n
	}
	return graph.Bitcast(n, t.kind.dtype)
}

// has reports whether one of the numbers has these bits.
func (t table) has(bits uint64) bool {
	for i := range len(t.elements) / t.kind.size() {
		if t.kind.get(t.elements, i) == bits {
			return true
		}
	}
	return false
}

// word is the kind of the thresholds.
var word = kind{dtype: dtypes.Uint64, unsigned: dtypes.Uint64, mask: mask.Float64}

// tables are the numbers of kept and of dropped channels at every rate.
type tables struct{ thresholds, factor, keptShift, droppedShift table }

// tablesOf returns the numbers for some rates.
func tablesOf(rates []float64, a mask.Arithmetic, f form, k kind) tables {
	t := tables{table{kind: word}, table{kind: k}, table{kind: k}, table{kind: k}}
	for _, rate := range rates {
		// The probability of the core: a word is below 2³²·(1−rate).
		threshold := uint64(math.Ceil((1 - math.Abs(rate)) * (1 << 32)))
		t.thresholds.elements = binary.NativeEndian.AppendUint64(t.thresholds.elements, threshold)
		m, err := mask.New(1, 2, rate, a)
		if err != nil {
			panic(err) // the core has accepted it
		}
		m.Set(0, 0, true)
		m.Set(0, 1, false)
		n, size := numbersOf(m, f, k), k.size()
		t.factor.elements = append(t.factor.elements, n.factors[:size]...)
		t.keptShift.elements = append(t.keptShift.elements, n.shifts[:size]...)
		t.droppedShift.elements = append(t.droppedShift.elements, n.shifts[size:]...)
	}
	return t
}

// train returns x with the mask of the next step, which it spends.
func (c *Config) train(drop *spatialdropout.Dropout, s spatialdropout.State, t tensor) *graph.Node {
	variable := c.step(s)
	step := variable.NodeValue(t.x.Graph())
	variable.SetNodeValue(graph.Add(step, graph.Const(t.x.Graph(), uint64(1))))
	if t.x.Shape().Size() == 0 || s.Rate == 0 {
		return t.x
	}
	f, rates := formOf(s.Arithmetic, t.kind), ratesOf(s)
	n := tablesOf(rates, s.Arithmetic, f, t.kind)
	kept := graph.LessThan(c.words(drop, s, t, step), n.thresholds.at(step))

	o := operands{divide: f.divide, factor: n.factor.at(step)}
	if f.drop {
		o.keep = kept
	}
	// A dropped element is 0·factor, unless that is 0·∞ or 0/0.
	other := graph.ScalarZero(t.x.Graph(), t.kind.dtype)
	if f.divide {
		other = graph.ScalarOne(t.x.Graph(), t.kind.dtype)
	}
	if !f.drop || n.factor.has(t.kind.infinity) || f.divide && n.factor.has(0) {
		o.factor = choose(kept, o.factor, other)
	}
	if f.shift {
		o.shift = choose(kept, n.keptShift.at(step), n.droppedShift.at(step))
	}
	return t.apply(o)
}

// choose returns x for a kept channel and y for a dropped one, both scalars.
func choose(kept, x, y *graph.Node) *graph.Node {
	dims := kept.Shape().Dimensions
	return graph.Where(kept, graph.BroadcastToDims(x, dims...), graph.BroadcastToDims(y, dims...))
}

// words returns the random words of the channels, of shape [samples, channels].
func (c *Config) words(drop *spatialdropout.Dropout, s spatialdropout.State, t tensor, step *graph.Node) *graph.Node {
	// What the core refuses, such as a shard that does not hold the tensor, is refused here.
	m, err := mask.New(t.samples, t.channels, 0.5, mask.Arithmetic{})
	if err == nil {
		err = mask.Draw(m, drop.Generator().Stream(), s.Sharing, mask.Place{Shard: s.Shard})
	}
	if err != nil {
		panic(err)
	}
	seed, err := strconv.ParseUint(strings.TrimPrefix(s.Stream, "philox:"), 10, 64)
	if err != nil {
		panic(err)
	}
	first, samples, channels, whole := s.Shard.SampleOffset, t.samples, t.channels, int(max(s.Shard.ChannelOffset+uint64(t.channels), s.Shard.Channels))
	from := int(s.Shard.ChannelOffset)
	switch s.Sharing {
	case mask.PerChannel:
		first, samples = 0, 1
	case mask.PerSample:
		channels, whole, from = 1, 1, 0
	}
	w := philoxWords(seed, step, first*uint64(whole), samples*whole)
	w = graph.Reshape(w, samples, whole)
	if channels != whole {
		w = graph.Slice(w, graph.AxisRange(), graph.AxisRange(from, from+channels))
	}
	if !slices.Equal(w.Shape().Dimensions, []int{t.samples, t.channels}) {
		w = graph.BroadcastToDims(w, t.samples, t.channels)
	}
	return w
}

// evaluate returns x as evaluation has it.
func (c *Config) evaluate(s spatialdropout.State, t tensor) *graph.Node {
	a, scaled := s.Arithmetic.Evaluation()
	if !scaled || t.x.Shape().Size() == 0 {
		return t.x
	}
	f, rates := formOf(a, t.kind), ratesOf(s)
	n := tablesOf(rates, a, f, t.kind)
	var step *graph.Node
	if len(rates) > 1 {
		step = c.step(s).NodeValue(t.x.Graph())
	} else {
		step = graph.Const(t.x.Graph(), uint64(0))
	}
	o := operands{factor: n.factor.at(step)}
	if f.drop && slices.Contains(rates, 1) {
		o.keep = graph.GreaterThan(n.thresholds.at(step), graph.Const(t.x.Graph(), uint64(0)))
	}
	return t.apply(o)
}

// step returns the variable of the step.
func (c *Config) step(s spatialdropout.State) *model.Variable {
	return c.scope.VariableWithValue(stepName, s.Step).SetTrainable(false)
}

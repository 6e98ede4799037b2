package main

import (
	"errors"
	"fmt"
	"io"
	"math/bits"
	"path/filepath"
	"strings"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/bench/npy"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// Applied is the report on a tensor from a file.
type Applied struct {
	Input        string  `json:"input"` // "-" is standard input
	Array        string  `json:"array"` // shape and type as NumPy writes them
	Type         string  `json:"type"`
	Shape        []int   `json:"shape"`
	Layout       string  `json:"layout"`
	Rate         float64 `json:"rate"`
	Stream       string  `json:"stream"` // including its seed
	Step         uint64  `json:"step"`
	SampleOffset int     `json:"sample_offset"`
	Batch        int     `json:"batch,omitempty"`

	ChannelOffset int `json:"channel_offset,omitempty"`
	AllChannels   int `json:"all_channels,omitempty"` // of a sample of the larger tensor

	Policy   string `json:"policy"`
	Rule     string `json:"rule"`
	Sharing  string `json:"sharing"`
	Samples  int    `json:"samples"`
	Channels int    `json:"channels"` // of a sample
	Kept     int    `json:"kept"`     // of all samples
	Dropped  int    `json:"dropped"`
	Tier     string `json:"tier"`
	Output   string `json:"output,omitempty"` // "-" is standard output
	PNG      string `json:"png,omitempty"`
}

func (a Applied) print(w io.Writer) error {
	array := a.Array
	if a.Type == bfloat16s.String() {
		array += ", read as bfloat16,"
	}
	line := fmt.Sprintf("%s: %s in %s, rate %v, %s, step %d: kept %d of %d×%d channels, dropped %d",
		shown(a.Input, "standard input"), array, a.Layout, a.Rate, a.Stream, a.Step, a.Kept, a.Samples, a.Channels, a.Dropped)
	output := shown(a.Output, "standard output")
	switch {
	case output != "" && a.PNG != "":
		line += ", wrote " + output + " and " + a.PNG
	case output+a.PNG != "":
		line += ", wrote " + output + a.PNG
	}
	_, err := fmt.Fprintln(w, line)
	return err
}

// benchTensor applies dropout to the tensor in the file that -input names. It writes text
// or JSON to report.
func benchTensor(o options, stdin io.Reader, stdout, report io.Writer) error {
	in, err := o.read(stdin)
	if err != nil {
		return err
	}
	k, err := o.kindOf(in)
	if err != nil {
		return err
	}
	g, err := geometryOf(o.order, in.Shape)
	if err != nil {
		return fmt.Errorf("%s: %v in %v: %w", o.input, in, o.order, err)
	}
	if err := o.fits(in, g); err != nil {
		return err
	}
	m, stream, err := o.draw(g, k.Type())
	if err != nil {
		return err
	}
	done := outcomeOf(m)
	a := Applied{
		Input: o.input, Array: in.String(), Type: k.String(), Shape: in.Shape, Layout: o.order.String(),
		Rate: o.rate, Stream: stream.String(), Step: o.step, SampleOffset: o.offset, Batch: o.batch, ChannelOffset: o.channelOffset, AllChannels: o.channels,
		Policy: m.Arithmetic().Policy.String(), Rule: m.Arithmetic().Rule.String(), Sharing: o.sharing.String(),
		Samples: m.Samples(), Channels: m.Channels(), Kept: done.Kept, Dropped: done.Dropped, Tier: kernel.Tier(), Output: o.output, PNG: o.png,
	}
	switch x := in.Data.(type) {
	case []npy.Float16:
		err = applyTo(o, in, x, float16s, m, g, stdout)
	case []npy.BFloat16:
		err = applyTo(o, in, x, bfloat16s, m, g, stdout)
	case []float32:
		err = applyTo(o, in, x, float32s, m, g, stdout)
	case []float64:
		err = applyTo(o, in, x, float64s, m, g, stdout)
	case []uint16:
		err = applyTo(o, in, x, brainWords, m, g, stdout)
	}
	if err != nil {
		return err
	}
	if o.json {
		return writeJSON(report, a)
	}
	return a.print(report)
}

// read returns the array of -input.
func (o options) read(stdin io.Reader) (*npy.Array, error) {
	if o.input != standard {
		return npy.ReadFile(o.input)
	}
	in, err := npy.Read(stdin)
	if err != nil {
		return nil, fmt.Errorf("standard input: %w", err)
	}
	return in, nil
}

// emptyTrials bounds the channels of a tensor without elements. Those of other tensors are
// as many as the elements at most, which have been read.
const emptyTrials = 1 << 20

// fits refuses a tensor whose mask would be out of proportion to its data, and one that
// is not in the batch, or among the channels, of the flags.
func (o options) fits(in *npy.Array, g layout.Geometry) error {
	over, trials := bits.Mul64(uint64(g.Samples()), uint64(g.Channels()))
	if g.Len() == 0 && (over > 0 || trials > emptyTrials) {
		return fmt.Errorf("%s: %v in %v has no elements and %d×%d channels, want %d at most of an empty tensor", o.input, in, o.order, g.Samples(), g.Channels(), emptyTrials)
	}
	end := uint64(o.offset) + uint64(g.Samples())
	if o.batch > 0 && end > uint64(o.batch) {
		return usagef("-batch %d for samples %d to %d, want a batch that holds them", o.batch, o.offset, end-1)
	}
	last := uint64(o.channelOffset) + uint64(g.Channels())
	if o.channels > 0 && last > uint64(o.channels) {
		return usagef("-channels %d for channels %d to %d, want a tensor that holds them", o.channels, o.channelOffset, last-1)
	}
	whole := max(last, uint64(o.channels))
	if over, _ := bits.Mul64(max(end, uint64(o.batch)), whole); over > 0 {
		return usagef("-sample-offset %d and -batch %d with -channel-offset %d and -channels %d, want fewer than 2⁶⁴ channels in all", o.offset, o.batch, o.channelOffset, o.channels)
	}
	return nil
}

// kindOf returns the kind of the elements of an array.
func (o options) kindOf(in *npy.Array) (*kernel.Kind, error) {
	var k *kernel.Kind
	switch in.Data.(type) {
	case []npy.Float16:
		k = kernel.F16
	case []npy.BFloat16:
		k = kernel.BF16
	case []float32:
		k = kernel.F32
	case []float64:
		k = kernel.F64
	case []uint16:
		if k = kernel.BF16; o.kind == nil {
			return nil, fmt.Errorf("%s: %v, want an array of floats, or -type bfloat16 if it holds bfloat16", o.input, in)
		}
	}
	if o.kind != nil && o.kind != k {
		want := o.kind.String()
		if o.kind == kernel.BF16 {
			want = "bfloat16 or uint16"
		}
		return nil, fmt.Errorf("%s: %v, want an array of %s for -type %v", o.input, in, want, o.kind)
	}
	return k, nil
}

// applyTo applies m to src, the data of in, and writes the files that the flags name. The
// result has the type of in.
func applyTo[T element](o options, in *npy.Array, src []T, k kind[T], m *mask.Mask, g layout.Geometry, stdout io.Writer) error {
	dst := make([]T, len(src))
	if err := spatialdropout.ApplyTensor(k.tensor(dst, g), k.tensor(src, g), m, o.workers); err != nil {
		return err
	}
	switch out := npy.Of(dst, in.Shape...); o.output {
	case "":
	case standard:
		if err := out.Write(stdout); err != nil {
			return fmt.Errorf("standard output: %w", err)
		}
	default:
		if err := out.WriteFile(o.output); err != nil {
			return err
		}
	}
	if o.png == "" {
		return nil
	}
	p, err := panelOf(o, k, filepath.Base(shown(o.input, "standard input")), dst, src, m, g, in.Shape)
	if err != nil {
		return err
	}
	return o.drawPanels([]panel{p})
}

// dropout returns the Dropout that the flags ask for, on data of a type.
func (o options) dropout(t mask.Type) (*spatialdropout.Dropout, error) {
	stream, err := o.streamFor(t)
	if err != nil {
		return nil, err
	}
	a := stream.Arithmetic()
	if o.policy != nil {
		a.Policy = *o.policy
	}
	if o.rule != nil {
		a.Rule = *o.rule
	}
	return spatialdropout.New(o.rate,
		spatialdropout.WithStream(stream), spatialdropout.WithArithmetic(a), spatialdropout.WithSharing(o.sharing),
		spatialdropout.WithShard(mask.Shard{
			SampleOffset: uint64(o.offset), Samples: uint64(o.batch), ChannelOffset: uint64(o.channelOffset), Channels: uint64(o.channels),
		}))
}

// streamFor returns the stream that the flags ask for, on data of a type.
func (o options) streamFor(t mask.Type) (mask.Stream, error) {
	if o.torch != nil {
		return o.torch, nil
	}
	name, arguments, seed := o.streamParts()
	text := name + ":" + seed
	if arguments != "" {
		text += "/" + arguments
	}
	if strings.HasSuffix(name, "tensorflow") && !strings.Contains(arguments, "float") {
		text += "/" + t.String() // on which the masks of these streams depend
	}
	return mask.ParseStream(text)
}

// streamTitle names the stream in a picture, in part if its text is long.
func (o options) streamTitle() string {
	stream, arguments, seed := o.streamParts()
	if arguments != "" {
		stream += "/" + arguments
	}
	stream += ", seed " + seed
	if o.torch != nil {
		stream = o.torch.String()
	}
	const most = 60
	if len(stream) > most {
		stream = strings.ToValidUTF8(stream[:most], "") + "…"
	}
	return stream
}

// streamParts returns the name of the stream, what follows its first slash, and the seed,
// which is part of -stream or the value of -seed.
func (o options) streamParts() (name, arguments, seed string) {
	name, arguments, _ = strings.Cut(o.stream, "/")
	name, seed, found := strings.Cut(name, ":")
	if !found {
		seed = o.seed
	}
	return name, arguments, seed
}

// draw returns the mask that the flags ask for, and the stream that it comes from.
func (o options) draw(g layout.Geometry, t mask.Type) (*mask.Mask, mask.Stream, error) {
	d, err := o.dropout(t)
	if err != nil {
		return nil, nil, err
	}
	at := d.Next(g).Place()
	// Each call on a tensor of this size takes as many numbers as the first one.
	over, cursor := bits.Mul64(o.step, d.Generator().State().Cursor)
	if over > 0 {
		return nil, nil, usagef("-step %d, want fewer calls: %d numbers of the stream for each, 2⁶⁴−1 in all", o.step, d.Generator().State().Cursor)
	}
	at.Step, at.Cursor = o.step, cursor
	m, err := d.At(at, g).Mask()
	if errors.As(err, new(*mask.PlaceError)) {
		err = usagef("-channel-offset %d and -channels %d: %w", o.channelOffset, o.channels, err)
	}
	return m, d.Generator().Stream(), err
}

// geometryOf returns the geometry of an array of the given shape. In a blocked order the
// array has a last axis for the channels of a group: N, C/8, H, W, 8.
func geometryOf(o layout.Order, shape []int) (layout.Geometry, error) {
	unit, err := o.Of(1, 1, 1, 1)
	if err != nil || unit.PaddedChannels() == 1 {
		return o.Of(shape...)
	}
	block := unit.PaddedChannels()
	if len(shape) != 5 || shape[4] != block {
		return layout.Geometry{}, fmt.Errorf("want the 5 dims N, C/%d, H, W, %d", block, block)
	}
	return o.Of(shape[0], shape[1]*block, shape[2], shape[3])
}

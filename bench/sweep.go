package main

import (
	"errors"
	"fmt"
	"image/color"
	"io"
	"math"
	"os"
	"runtime"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"

	"github.com/spatialdropout/spatialdropout/bench/npy"
	"github.com/spatialdropout/spatialdropout/layout"
)

// The sizes in bytes of the smallest and of the largest tensor of a sweep.
const (
	sweepFrom = 8 << 10
	sweepTo   = 256 << 20
)

// measureSweep verifies and times tensors whose size doubles from one to the next,
// rounded to a number of planes of 28×28.
func (r *Report) measureSweep(from, to int, all []featureMap, begin progress) error {
	for bytes := from; bytes <= to; bytes *= 2 {
		if err := r.measure(sweepContest(bytes, all[0].data, r.Machine.Tiers[:1]), begin); err != nil {
			return err
		}
		runtime.GC() // free the tensor before the next one is allocated
	}
	return nil
}

// sweepContest returns the contest of one size, out of place: channels first with no
// channel dropped and with half of them, and channels last with half. Beside the second
// stand the plain loop and what a program does with gonum.
func sweepContest(bytes int, data []float32, tiers []string) contest {
	const plane = 28 * 28
	pairs := (bytes + 4*plane) / (8 * plane)
	first := shape{1, 2 * pairs, 28, 28}
	last := shape{1, 64, first.len() / 64, 1}
	t := tensorOf(float32s, data, first.len())
	c := contest{name: binary(bytes), bytes: t.bytes(first), tiers: tiers, probes: probes(t, first, tiers[0])}
	for _, m := range masks(first, barely, halfOf(first)) {
		r := t.row(work{order: layout.NCHW}, first, m, tiers)
		if m.rate > 0 {
			r.plain = plain(t, r.work, first, m, tiers[0])
			r.peer = planeByPlane(t, first, m, tiers[0])
		}
		c.rows = append(c.rows, r)
	}
	c.rows = append(c.rows, t.row(work{order: layout.NHWC}, last, masks(last, barely, halfOf(last))[1], tiers))
	return c
}

// binary writes a number of bytes in KiB, MiB or GiB.
func binary(bytes int) string {
	unit := 0
	for ; bytes >= 1024 && bytes%1024 == 0 && unit < 3; unit++ {
		bytes /= 1024
	}
	return fmt.Sprintf("%d %s", bytes, [...]string{"B", "KiB", "MiB", "GiB"}[unit])
}

// curve is a line of the plot.
type curve struct {
	name   string
	colour color.Color
	dashed bool
	of     func(Result) float64
	row    int // among those of a size
}

// drawable returns an error if path cannot be written, before minutes are spent on
// measurements. It leaves a file as it is.
func drawable(path string) error {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		return nil // the reader of a pipe would notice the attempt
	}
	nothing := errors.New("nothing to write")
	if err := npy.Save(path, func(io.Writer) error { return nothing }); !errors.Is(err, nothing) {
		return fmt.Errorf("drawing %s: %w", path, err)
	}
	return nil
}

// drawSweep writes the plot of a sweep to a file.
func (r *Report) drawSweep(path string) error {
	p, err := r.sweepPlot()
	if err == nil {
		var svg io.WriterTo
		if svg, err = p.WriterTo(9*vg.Inch, 5.5*vg.Inch, "svg"); err == nil {
			err = npy.Save(path, func(w io.Writer) error {
				_, err := svg.WriteTo(w)
				return err
			})
		}
	}
	if err != nil {
		return fmt.Errorf("drawing %s: %w", path, err)
	}
	return nil
}

// sweepPlot returns the plot of a sweep's results, three for each size.
func (r *Report) sweepPlot() (*plot.Plot, error) {
	const rows = 3
	blue, orange, green := color.RGBA{31, 97, 180, 255}, color.RGBA{214, 96, 20, 255}, color.RGBA{38, 138, 75, 255}
	purple, brown := color.RGBA{128, 70, 160, 255}, color.RGBA{140, 86, 60, 255}
	best := r.Machine.Tiers[0]
	kernel := func(res Result) float64 { return res.Kernel[best].Median }
	limit := func(res Result) float64 { return res.Limit }
	p := plot.New()
	p.Title.Text = fmt.Sprintf("Spatial dropout of float32, out of place, %s, one core of %s", best, r.Machine.CPU)
	p.X.Label.Text = "tensor"
	p.Y.Label.Text = "GB/s"
	p.X.Scale = plot.LogScale{}
	first, last := float64(r.Results[0].Bytes), float64(r.Results[len(r.Results)-1].Bytes)
	p.X.Tick.Marker = plot.TickerFunc(func(low, _ float64) []plot.Tick { return binaryTicks(low, last) })
	p.Y.Scale = plot.LogScale{}
	p.Y.Tick.Marker = plot.TickerFunc(decimalTicks)
	p.Legend.Top, p.Legend.Left, p.Legend.Padding = true, true, vg.Points(2)
	p.Legend.XOffs, p.Legend.YOffs = vg.Points(435), -vg.Points(20)
	p.Title.Padding = vg.Points(6)
	for _, style := range []*font.Font{&p.Title.TextStyle.Font, &p.X.Label.TextStyle.Font, &p.Y.Label.TextStyle.Font, &p.X.Tick.Label.Font, &p.Y.Tick.Label.Font, &p.Legend.TextStyle.Font} {
		style.Variant = "Sans"
	}
	grid := plotter.NewGrid()
	grid.Vertical.Width = 0
	grid.Horizontal.Color = hair
	p.Add(grid)

	for _, c := range []curve{
		{"NCHW, rate 0.5", blue, false, kernel, 1},
		{"its limit", blue, true, limit, 1},
		{"NCHW, rate 0", orange, false, kernel, 0},
		{"its limit, also NHWC", orange, true, limit, 0},
		{"NHWC, rate 0.5", green, false, kernel, 2},
		{"gonum by plane", purple, false, func(res Result) float64 { return res.Peer.Median }, 1},
		{"plain Go", brown, false, func(res Result) float64 { return res.Plain.Median }, 1},
		{"copy", ink, false, func(res Result) float64 { return res.Copy.Median }, 0},
		{"clear", softInk, true, func(res Result) float64 { return res.Clear.Median }, 0},
	} {
		var points plotter.XYs
		for i := c.row; i < len(r.Results); i += rows {
			points = append(points, plotter.XY{X: float64(r.Results[i-c.row].Bytes), Y: c.of(r.Results[i])})
		}
		line, err := plotter.NewLine(points)
		if err != nil {
			return nil, err
		}
		line.Color, line.Width = c.colour, vg.Points(1.5)
		if c.dashed {
			line.Width, line.Dashes = vg.Points(1), []vg.Length{vg.Points(5), vg.Points(3)}
		}
		p.Add(line)
		p.Legend.Add(c.name, line)
	}
	p.X.Min, p.X.Max = first, last*math.Pow(last/first, 0.4) // the legend stands at the right of the curves
	p.Y.Min, p.Y.Max = 0.8*p.Y.Min, 1.25*p.Y.Max
	return p, r.markCaches(p)
}

// markCaches draws a line at the size whose source and destination fill a cache.
func (r *Report) markCaches(p *plot.Plot) error {
	for i, bytes := range []int{r.Machine.L1, r.Machine.L2, r.Machine.L3} {
		x := float64(bytes) / 2
		if x < p.X.Min || x > float64(r.Results[len(r.Results)-1].Bytes) {
			continue // unknown, or outside the sweep
		}
		line, err := plotter.NewLine(plotter.XYs{{X: x, Y: p.Y.Min}, {X: x, Y: p.Y.Max}})
		if err != nil {
			return err
		}
		line.Color, line.Dashes = softInk, []vg.Length{vg.Points(1), vg.Points(2)}
		label, err := plotter.NewLabels(plotter.XYLabels{
			XYs:    plotter.XYs{{X: x, Y: p.Y.Max / 1.1}},
			Labels: []string{fmt.Sprintf("half of L%d", i+1)},
		})
		if err != nil {
			return err
		}
		label.Offset.X = vg.Points(-3)
		style := &label.TextStyle[0]
		style.Color, style.Font.Variant, style.XAlign = softInk, "Sans", text.XRight
		p.Add(line, label)
	}
	return nil
}

// binaryTicks marks the powers of 2 and labels every other one.
func binaryTicks(low, high float64) []plot.Tick {
	var ticks []plot.Tick
	for e := int(math.Ceil(math.Log2(low))); math.Exp2(float64(e)) <= high; e++ {
		t := plot.Tick{Value: math.Exp2(float64(e))}
		if e%2 == 1 {
			t.Label = binary(1 << e)
		}
		ticks = append(ticks, t)
	}
	return ticks
}

// decimalTicks marks 1, 2 and 5 times the powers of 10.
func decimalTicks(low, high float64) []plot.Tick {
	var ticks []plot.Tick
	for e := math.Floor(math.Log10(low)); math.Pow(10, e) <= high; e++ {
		for _, digit := range []float64{1, 2, 5} {
			if x := digit * math.Pow(10, e); x >= low && x <= high {
				ticks = append(ticks, plot.Tick{Value: x, Label: fmt.Sprintf("%g", x)})
			}
		}
	}
	return ticks
}

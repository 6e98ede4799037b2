package main

import (
	"fmt"
	"image/color"
	"math"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

var (
	hair    = color.NRGBA{222, 224, 230, 255}
	paper   = color.NRGBA{255, 255, 255, 255}
	colours = [len(kinds)]color.NRGBA{none: {90, 94, 108, 255}, element: {214, 96, 20, 255}, spatial: {31, 97, 180, 255}}
)

// measure is what a panel of the curves shows.
type measure struct {
	title string
	tick  float64 // distance of the ticks
	of    func(result) float64
}

var measures = []measure{
	{"error (percentage)", 10, func(r result) float64 { return 100 * r.error }},
	{"cross-entropy (nats)", 0.5, func(r result) float64 { return r.loss }},
}

// drawCurves draws the mean over the replicates, with a band of one standard deviation on
// either side, on the training and on the validation set.
func (e experiment) drawCurves(c draw.Canvas) error {
	plots := [][]*plot.Plot{nil}
	for i, m := range measures {
		p, err := e.panel(m, i == 0)
		if err != nil {
			return err
		}
		plots[0] = append(plots[0], p)
	}
	tiles := draw.Tiles{Rows: 1, Cols: len(measures), PadX: 18, PadLeft: 6, PadRight: 10, PadTop: 6, PadBottom: 4}
	for i, p := range plots[0] {
		p.Draw(plot.Align(plots, tiles, c)[0][i])
	}
	return nil
}

// panel returns the plot of one measure.
func (e experiment) panel(m measure, legend bool) (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text = m.title
	p.X.Label.Text = "epoch"
	p.Legend.Top, p.Legend.Padding = true, vg.Points(3)
	p.Title.Padding = vg.Points(6)
	for _, f := range []*font.Font{&p.Title.TextStyle.Font, &p.X.Label.TextStyle.Font, &p.X.Tick.Label.Font, &p.Y.Tick.Label.Font, &p.Legend.TextStyle.Font} {
		f.Variant = "Sans"
	}
	grid := plotter.NewGrid()
	grid.Vertical.Width, grid.Horizontal.Color = 0, hair
	p.Add(grid)

	top := 0.0
	var lines []*plotter.Line
	for _, a := range e.arms {
		for _, validation := range []bool{false, true} {
			mean, band := a.curve(func(at point) float64 {
				if validation {
					return m.of(at.validation)
				}
				return m.of(at.training)
			})
			area, err := plotter.NewPolygon(band)
			if err != nil {
				return nil, err
			}
			area.Color, area.LineStyle.Width = faint(colours[a.kind]), 0
			line, err := plotter.NewLine(mean)
			if err != nil {
				return nil, err
			}
			line.Color, line.Width = colours[a.kind], vg.Points(1.6)
			if validation {
				top = max(top, mean[len(mean)/2].Y)
				if legend {
					p.Legend.Add(a.kind.String()+", validation", line)
				}
			} else {
				line.Width, line.Dashes = vg.Points(1.1), []vg.Length{vg.Points(4), vg.Points(2.5)}
				if legend && a.kind == none {
					p.Legend.Add("dashed: training set", line)
				}
			}
			p.Add(area)
			lines = append(lines, line)
		}
	}
	for _, line := range lines {
		p.Add(line)
	}
	// The first epochs are above the frame.
	p.X.Min, p.X.Max = 0, float64(e.plan.epochs)
	p.Y.Min, p.Y.Max = 0, m.tick*math.Ceil(2*top/m.tick)
	p.X.Tick.Marker = ticks(p.X.Max/6, p.X.Max)
	p.Y.Tick.Marker = ticks(m.tick, p.Y.Max)
	return p, nil
}

// curve returns the mean of a number over the outcomes of an arm, and the outline of the band
// round it.
func (a arm) curve(of func(point) float64) (mean, band plotter.XYs) {
	n := len(a.outcomes[0].curve)
	mean, band = make(plotter.XYs, n), make(plotter.XYs, 2*n)
	for i := range n {
		m, deviation := stat.MeanStdDev(a.values(func(o outcome) float64 { return of(o.curve[i]) }), nil)
		if math.IsNaN(deviation) {
			deviation = 0 // of one replicate
		}
		x := float64(a.outcomes[0].curve[i].epoch)
		mean[i] = plotter.XY{X: x, Y: m}
		band[i] = plotter.XY{X: x, Y: max(0, m-deviation)}
		band[2*n-1-i] = plotter.XY{X: x, Y: m + deviation}
	}
	return mean, band
}

// ticks returns ticks at the multiples of a step up to a number.
func ticks(step, last float64) plot.ConstantTicks {
	var all plot.ConstantTicks
	for i := 0.0; i*step <= last*(1+1e-9); i++ {
		all = append(all, plot.Tick{Value: i * step, Label: fmt.Sprintf("%.3g", i*step)})
	}
	return all
}

func faint(c color.NRGBA) color.NRGBA {
	c.A = 40
	return c
}

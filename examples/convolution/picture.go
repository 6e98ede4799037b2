package main

import (
	"bytes"
	"fmt"
	"image/color"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

var (
	hair    = color.NRGBA{222, 224, 230, 255}
	ink     = color.NRGBA{90, 94, 108, 255}
	paper   = color.NRGBA{255, 255, 255, 255}
	colours = map[int]color.NRGBA{56: {31, 97, 180, 255}, 28: {26, 140, 96, 255}, 14: {214, 140, 20, 255}, 7: {190, 50, 60, 255}} // by side
)

const (
	width, height = 9 * vg.Inch, 3.4 * vg.Inch
	resolution    = 110 // of a PNG, in pixels an inch
)

// save writes the picture of all speed-ups to dir as name.svg and name.png.
func (m measurement) save(dir, name string) error {
	for _, file := range []struct {
		extension string
		canvas    interface {
			vg.CanvasSizer
			io.WriterTo
		}
	}{
		{".svg", vgsvg.New(width, height)},
		{".png", vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(resolution))}},
	} {
		c := draw.New(file.canvas)
		c.SetColor(paper)
		c.Fill(c.Rectangle.Path())
		path := filepath.Join(dir, name+file.extension)
		if err := m.draw(c); err != nil {
			return fmt.Errorf("drawing %s: %w", path, err)
		}
		var b bytes.Buffer
		if _, err := file.canvas.WriteTo(&b); err != nil {
			return fmt.Errorf("drawing %s: %w", path, err)
		}
		if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
			return err
		}
	}
	return nil
}

// draw draws a panel for each contender but the first.
func (m measurement) draw(c draw.Canvas) error {
	plots := [][]*plot.Plot{nil}
	for i, k := range contenders[1:] {
		p, err := m.panel(k.name, i == 0)
		if err != nil {
			return err
		}
		plots[0] = append(plots[0], p)
	}
	tiles := draw.Tiles{Rows: 1, Cols: len(plots[0]), PadX: 14, PadLeft: 6, PadRight: 10, PadTop: 6, PadBottom: 4}
	for i, p := range plots[0] {
		p.Draw(plot.Align(plots, tiles, c)[0][i])
	}
	return nil
}

// panel draws the speed-up of a contender, forward and backward together, over the rate: a line for each
// convolution, and one for as many times as fast as there are fewer channels.
func (m measurement) panel(contender string, legend bool) (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text = contender
	p.Title.Padding = vg.Points(6)
	p.X.Label.Text = "rate"
	if legend {
		p.Y.Label.Text = "times as fast"
	}
	p.Legend.Top, p.Legend.Left, p.Legend.Padding = true, true, vg.Points(2)
	for _, f := range []*font.Font{&p.Title.TextStyle.Font, &p.X.Label.TextStyle.Font, &p.Y.Label.TextStyle.Font, &p.X.Tick.Label.Font, &p.Y.Tick.Label.Font, &p.Legend.TextStyle.Font} {
		f.Variant = "Sans"
	}
	p.Legend.TextStyle.Font.Size = vg.Points(8)
	grid := plotter.NewGrid()
	grid.Vertical.Width, grid.Horizontal.Color = 0, hair
	p.Add(grid)

	var fewer plotter.XYs
	for _, rate := range m.rates {
		fewer = append(fewer, plotter.XY{X: rate, Y: 1 / (1 - rate)})
	}
	top, err := plotter.NewLine(fewer)
	if err != nil {
		return nil, err
	}
	top.Color, top.Width = ink, vg.Points(0.8)
	p.Add(top)
	if legend {
		p.Legend.Add("1/(1−rate)", top)
	}
	for _, s := range m.shapes {
		var points plotter.XYs
		for _, rate := range m.rates {
			points = append(points, plotter.XY{X: rate, Y: m.speedup(s, rate, contender, both)[1]})
		}
		line, err := plotter.NewLine(points)
		if err != nil {
			return nil, err
		}
		line.Color, line.Width = colours[s.side], vg.Points(1.5)
		if s.filter == 1 {
			line.Dashes = []vg.Length{vg.Points(4), vg.Points(2.5)}
		}
		p.Add(line)
		if legend {
			p.Legend.Add(fmt.Sprintf("%d×%[1]d filters, %d×%[2]d", s.filter, s.side), line)
		}
	}
	var ticks plot.ConstantTicks
	for _, rate := range append([]float64{0}, m.rates...) {
		ticks = append(ticks, plot.Tick{Value: rate, Label: strconv.FormatFloat(rate, 'g', -1, 64)})
	}
	p.X.Tick.Marker = ticks
	p.X.Min, p.X.Max = 0, max(0.5, slices.Max(m.rates))
	p.Y.Min, p.Y.Max = 0, 1.6/(1-p.X.Max) // the legend is above the lines
	return p, nil
}

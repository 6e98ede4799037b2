package main

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"math"
	"strings"

	xdraw "golang.org/x/image/draw"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/palette"
	"gonum.org/v1/plot/palette/moreland"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	vgdraw "gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/bench/npy"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// panel is the first sample of a tensor before and after dropout, one plane for each
// channel. A plane is as wide as the last spatial dim. The other spatial dims are stacked
// from top to bottom.
type panel struct {
	title, note   string
	before, after [][]float64
	kept          []bool
	height, width int // of a plane
}

const (
	maxTiles  = 384     // feature maps of a tensor
	maxPixels = 1 << 24 // elements of a tensor, unless a single plane has more
)

// panelOf returns the panel of an array of the given shape and geometry.
func panelOf[T element](o options, k kind[T], name string, dst, src []T, m *mask.Mask, g layout.Geometry, shape []int) (panel, error) {
	if g.Len() == 0 {
		return panel{}, fmt.Errorf("%s: %s has no elements, want one or more to draw", name, dims(shape))
	}
	w := planeWidth(o.order, shape, g)
	channels := min(g.Channels(), maxTiles, max(1, maxPixels/g.Spatial()))
	p := panel{
		title:  fmt.Sprintf("%s   %s in %v   rate %v, %s", name, dims(shape), o.order, o.rate, o.streamTitle()),
		before: planesOf(k.value, src, g, channels),
		after:  planesOf(k.value, dst, g, channels),
		height: g.Spatial() / w, width: w,
	}
	if o.step > 0 {
		p.title += fmt.Sprintf(", step %d", o.step)
	}
	dropped := 0
	for c := range channels {
		p.kept = append(p.kept, m.Kept(0, c))
		if !p.kept[c] {
			dropped++
		}
	}
	p.note = fmt.Sprintf("%d of %d feature maps dropped", dropped, channels)
	if channels < g.Channels() {
		p.note += fmt.Sprintf(" (the first of %d)", g.Channels())
	}
	if g.Samples() > 1 {
		p.note += fmt.Sprintf(", first of %d samples", g.Samples())
	}
	return p, nil
}

func dims(shape []int) string {
	return strings.ReplaceAll(strings.Trim(fmt.Sprint(shape), "[]"), " ", "×")
}

// planeWidth returns the last spatial dim of an array.
func planeWidth(o layout.Order, shape []int, g layout.Geometry) int {
	i := len(shape) - 1
	if name := o.String(); strings.HasSuffix(strings.ToUpper(name), "C") || o == layout.ChannelsLast {
		i--
	}
	if g.Spatial() == 1 {
		return 1
	}
	return shape[i]
}

// planesOf returns the planes of the first channels of the first sample.
func planesOf[T element](value func(T) float64, data []T, g layout.Geometry, channels int) [][]float64 {
	planes := make([][]float64, channels)
	var visit func(k, at, trial int)
	visit = func(k, at, trial int) {
		if trial >= channels {
			return
		}
		if k == len(g.Loops()) {
			planes[trial] = append(planes[trial], value(data[at]))
			return
		}
		loop := g.Loops()[k]
		for i := range loop.Size {
			visit(k+1, at+i*loop.Dst, trial+i*loop.Factor)
		}
	}
	visit(0, 0, 0)
	return planes
}

// drawMaps draws the feature maps of this module.
func drawMaps(o options, all []featureMap) error {
	var panels []panel
	for _, m := range all {
		g := m.shape.geometry(o.order)
		mk, _, err := o.draw(g, mask.Float32)
		if err != nil {
			return err
		}
		src := inOrder(m.data, m.shape, o.order)
		dst := make([]float32, len(src))
		if err := spatialdropout.Apply(dst, src, mk, g); err != nil {
			return err
		}
		p, err := panelOf(o, float32s, m.name, dst, src, mk, g, m.shape.dims(o.order))
		if err != nil {
			return err
		}
		panels = append(panels, p)
	}
	return o.drawPanels(panels)
}

// drawPanels writes a picture to the file that -png names.
func (o options) drawPanels(panels []panel) error {
	img, err := picture(panels)
	if err != nil {
		return err
	}
	if err := npy.Save(o.png, func(w io.Writer) error { return (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(w, img) }); err != nil {
		return fmt.Errorf("drawing %s: %w", o.png, err)
	}
	return nil
}

// Measures of the picture in pixels, and numbers of colours.
const (
	margin     = 36
	between    = 48  // the feature maps before and those after
	sideWidth  = 724 // of the feature maps before, and of those after, at most
	leastWidth = 466 // the same at least: the text needs it
	heading    = 78  // above the feature maps of a panel
	footing    = 64  // at the bottom

	levels = 208 // colours of numbers
	shades = 22  // of a text colour, on its edges
)

// colourTable holds the colours of numbers from dark to bright, and one for NaN.
type colourTable [levels + 1]color.RGBA

var (
	paper   = color.RGBA{255, 255, 255, 255}
	hair    = color.RGBA{214, 216, 222, 255} // round an empty map
	ink     = color.RGBA{32, 34, 44, 255}
	softInk = color.RGBA{104, 108, 122, 255}
)

// grid places the tiles of a panel.
type grid struct {
	columns, rows int
	tile          image.Point
	gap           int
}

// gridOf returns the grid for n planes. It is at most sideWidth wide, wider than high,
// and has few empty places. An element of a plane takes a whole number of pixels, unless
// the plane is too wide or too high.
func gridOf(n, height, width int) grid {
	most := min(n, (sideWidth+2)/3) // columns of tiles with one pixel and a gap of two
	ideal := min(float64(most), math.Sqrt(float64(n)*float64(height)/float64(width)))
	best, waste := 1, math.Inf(1)
	for c := max(1, int(math.Ceil(ideal))); c <= max(1, min(most, int(ideal*1.5)+1)); c++ {
		if w := float64((n+c-1)/c*c-n) / float64(n); w < waste {
			best, waste = c, w
		}
	}
	g := grid{columns: best, rows: (n + best - 1) / best, gap: max(2, 24/best)}
	w := max(1, min((sideWidth-(best-1)*g.gap)/best, sideWidth*width/height))
	if w > width {
		w -= w % width
	}
	// A plane of a million rows is drawn no higher than one of four times its width.
	g.tile = image.Pt(w, min(4*sideWidth, max(6, w*height/width)))
	return g
}

// rect returns the place of tile i.
func (g grid) rect(i int) image.Rectangle {
	at := image.Pt(i%g.columns*(g.tile.X+g.gap), i/g.columns*(g.tile.Y+g.gap))
	return image.Rectangle{at, at.Add(g.tile)}
}

func (g grid) width() int  { return g.columns*(g.tile.X+g.gap) - g.gap }
func (g grid) height() int { return g.rows*(g.tile.Y+g.gap) - g.gap }

// picture draws panels from top to bottom, before dropout on the left and after it on
// the right.
func picture(panels []panel) (image.Image, error) {
	colours, err := colourMap()
	if err != nil {
		return nil, err
	}
	side, height := leastWidth, footing
	for _, p := range panels {
		g := gridOf(len(p.before), p.height, p.width)
		side = max(side, g.width())
		height += margin + heading + g.height()
	}
	width := 2*margin + 2*side + between
	canvas := vgimg.NewWith(vgimg.UseWH(vg.Length(width), vg.Length(height)), vgimg.UseDPI(72), vgimg.UseBackgroundColor(paper))
	img := canvas.Image()
	write := func(x, y int, size vg.Length, c color.Color, s string) {
		f := font.From(plot.DefaultFont, size)
		f.Variant = "Sans"
		style := text.Style{Color: c, Font: f, Handler: text.Plain{Fonts: font.DefaultCache}}
		d := vgdraw.New(canvas)
		d.FillText(style, vg.Point{X: vg.Length(x), Y: vg.Length(height - y)}, s)
	}

	left, right := margin, margin+side+between
	y := margin
	for _, p := range panels {
		write(left, y+22, 24, ink, p.title)
		write(left, y+heading-16, 17, softInk, "before")
		write(right, y+heading-16, 17, softInk, "after: "+p.note)
		y += heading
		g := gridOf(len(p.before), p.height, p.width)
		for i := range p.before {
			at := g.rect(i)
			lo, hi := extent(p.before[i], p.after[i])
			p.tile(img, at.Add(image.Pt(left, y)), p.before[i], lo, hi, colours)
			if !p.kept[i] && zeros(p.after[i]) {
				outline(img, at.Add(image.Pt(right, y)))
			} else {
				p.tile(img, at.Add(image.Pt(right, y)), p.after[i], lo, hi, colours)
			}
		}
		y += g.height() + margin
	}
	for x := range 256 {
		draw.Draw(img, image.Rect(left+x, y, left+x+1, y+16), image.NewUniform(colours[x*levels/256]), image.Point{}, draw.Src)
	}
	write(left+256+16, y+14, 15, softInk, "least to greatest value of each feature map, same scale before and after; an empty frame is a dropped map")
	return paletted(img, colours), nil
}

// paletted returns img with the colours of the feature maps and of text, 256 at most. A
// file with a palette is about a third as large.
func paletted(img image.Image, colours colourTable) image.Image {
	var p color.Palette
	for _, c := range colours {
		p = append(p, c)
	}
	p = append(p, paper, hair)
	for _, c := range []color.RGBA{ink, softInk} {
		for i := range shades {
			mix := func(c, paper uint8) uint8 { return paper - uint8(int(paper-c)*(i+1)/shades) }
			p = append(p, color.RGBA{mix(c.R, paper.R), mix(c.G, paper.G), mix(c.B, paper.B), 255})
		}
	}
	found := map[color.RGBA]uint8{}
	out := image.NewPaletted(img.Bounds(), p)
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			c := color.RGBAModel.Convert(img.At(x, y)).(color.RGBA)
			i, ok := found[c]
			if !ok {
				i = uint8(p.Index(c))
				found[c] = i
			}
			out.SetColorIndex(x, y, i)
		}
	}
	return out
}

func colourMap() (colours colourTable, err error) {
	var m palette.ColorMap = moreland.Kindlmann()
	m.SetMin(0)
	m.SetMax(1)
	for i := range levels {
		c, err := m.At(0.94 * float64(i) / (levels - 1)) // beyond, it is as white as the paper
		if err != nil {
			return colours, err
		}
		colours[i] = color.RGBAModel.Convert(c).(color.RGBA)
	}
	colours[levels] = color.RGBA{150, 150, 150, 255}
	return colours, nil
}

// tile draws a plane on dst.
func (p panel) tile(dst draw.Image, at image.Rectangle, plane []float64, lo, hi float64, colours colourTable) {
	src := image.NewRGBA(image.Rect(0, 0, p.width, p.height))
	for i, x := range plane {
		level := levels
		if !math.IsNaN(x) {
			level = int(min(levels-1, max(0, levels*(x-lo)/max(hi-lo, math.SmallestNonzeroFloat64))))
		}
		src.SetRGBA(i%p.width, i/p.width, colours[level])
	}
	var scaler xdraw.Scaler = xdraw.CatmullRom
	if at.Dx()%p.width == 0 {
		scaler = xdraw.NearestNeighbor
	}
	scaler.Scale(dst, at, src, src.Bounds(), draw.Src, nil)
}

// outline draws an empty frame.
func outline(dst draw.Image, r image.Rectangle) {
	draw.Draw(dst, r, image.NewUniform(hair), image.Point{}, draw.Src)
	draw.Draw(dst, r.Inset(1), image.NewUniform(paper), image.Point{}, draw.Src)
}

// extent returns the least and the greatest finite number in planes.
func extent(planes ...[]float64) (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, plane := range planes {
		for _, x := range plane {
			if !math.IsNaN(x) && !math.IsInf(x, 0) {
				lo, hi = min(lo, x), max(hi, x)
			}
		}
	}
	return lo, hi
}

func zeros(plane []float64) bool {
	for _, x := range plane {
		if x != 0 {
			return false
		}
	}
	return true
}

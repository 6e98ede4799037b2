package main

import (
	"fmt"
	"image"
	"image/color"

	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/palette/moreland"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Sizes of the picture of feature maps: in how many columns they stand, and pixels for an element
// and between maps.
const (
	mapColumns            = 4
	magnification, mapGap = 6, 8
)

// shownRate is the rate of both kinds of dropout in the picture, so that they can be compared.
const shownRate = 0.25

// drawMaps draws the maps of the first convolution for the first test image, in a network that was
// trained with spatial dropout: all of them, and what a step with either kind of dropout leaves of them.
func (e experiment) drawMaps(c draw.Canvas, test samples[float32]) error {
	net := e.arms[spatial].outcomes[0].net
	out := net.convolution[0].out
	maps, err := net.maps(net.convolution[0], test.part(0, 1))
	if err != nil {
		return err
	}
	const margin, heading, between = 8, 24, 16
	width := (c.Max.X - c.Min.X - 2*margin - 2*between) / 3
	for i, a := range e.arms {
		left, top := c.Min.X+margin+vg.Length(i)*(width+between), c.Max.Y-margin
		title := a.kind.String()
		kept, after := ones(len(maps)), maps
		if a.kind != none {
			title = fmt.Sprintf("%v, rate %v", a.kind, shownRate)
			if after, err = dropped(a.kind, out, maps); err != nil {
				return err
			}
			if kept, err = dropped(a.kind, out, kept); err != nil {
				return err
			}
		}
		f := font.From(font.Font{Typeface: "Liberation", Variant: "Sans"}, 13)
		c.FillText(text.Style{Color: colours[a.kind], Font: f, Handler: text.Plain{Fonts: font.DefaultCache}}, vg.Point{X: left, Y: top - 13}, title)
		img, err := tiles(after, kept, out)
		if err != nil {
			return err
		}
		size := img.Bounds().Size()
		height := width * vg.Length(size.Y) / vg.Length(size.X)
		c.DrawImage(vg.Rectangle{Min: vg.Point{X: left, Y: top - heading - height}, Max: vg.Point{X: left + width, Y: top - heading}}, img)
	}
	return nil
}

// dropped returns what the first step of dropout leaves of feature maps. It is the same
// step in each call.
func dropped(k kind, s shape, maps []float32) ([]float32, error) {
	const seed = 1
	d, err := newDropout[float32](k, s, shownRate, seed)
	if err != nil {
		return nil, err
	}
	return d.forward(maps, 1, true)
}

func ones(n int) []float32 {
	s := make([]float32, n)
	for i := range s {
		s[i] = 1
	}
	return s
}

// tiles returns a picture of feature maps, from dark for 0 to bright. What was not kept is white.
func tiles(maps, kept []float32, s shape) (image.Image, error) {
	var greatest float32
	for _, v := range maps {
		greatest = max(greatest, v)
	}
	colourMap := moreland.Kindlmann()
	colourMap.SetMin(0)
	colourMap.SetMax(1)
	rows := (s.channels + mapColumns - 1) / mapColumns
	stepX, stepY := s.width*magnification+mapGap, s.height*magnification+mapGap
	img := image.NewRGBA(image.Rect(0, 0, mapColumns*stepX-mapGap, rows*stepY-mapGap))
	for i := range img.Pix {
		img.Pix[i] = 255
	}
	for k := range s.channels {
		for i := range s.plane() {
			at := k*s.plane() + i
			var c color.Color = color.White
			if kept[at] != 0 {
				var err error
				// Beyond 0.94 the map's colours are as white as the paper.
				if c, err = colourMap.At(0.94 * float64(maps[at]/greatest)); err != nil {
					return nil, err
				}
			}
			x, y := k%mapColumns*stepX+i%s.width*magnification, k/mapColumns*stepY+i/s.width*magnification
			for j := range magnification * magnification {
				img.Set(x+j%magnification, y+j/magnification, c)
			}
		}
		outline(img, image.Rect(0, 0, s.width*magnification, s.height*magnification).Add(image.Pt(k%mapColumns*stepX, k/mapColumns*stepY)))
	}
	return img, nil
}

// outline draws a line at the edge of a map, so that a dropped one can be seen.
func outline(img *image.RGBA, r image.Rectangle) {
	for x := r.Min.X; x < r.Max.X; x++ {
		img.Set(x, r.Min.Y, hair)
		img.Set(x, r.Max.Y-1, hair)
	}
	for y := r.Min.Y; y < r.Max.Y; y++ {
		img.Set(r.Min.X, y, hair)
		img.Set(r.Max.X-1, y, hair)
	}
}

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// resolution of a PNG, in pixels an inch.
const resolution = 110

// save writes a picture to dir as name.svg and name.png.
func save(dir, name string, width, height vg.Length, drawing func(draw.Canvas) error) error {
	svg := vgsvg.New(width, height)
	png := vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(resolution))}
	for _, file := range []struct {
		extension string
		canvas    interface {
			vg.CanvasSizer
			io.WriterTo
		}
	}{{".svg", svg}, {".png", png}} {
		c := draw.New(file.canvas)
		c.SetColor(paper)
		c.Fill(c.Rectangle.Path())
		var b bytes.Buffer
		path := filepath.Join(dir, name+file.extension)
		if err := drawing(c); err != nil {
			return fmt.Errorf("drawing %s: %w", path, err)
		}
		if _, err := file.canvas.WriteTo(&b); err != nil {
			return fmt.Errorf("drawing %s: %w", path, err)
		}
		if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
			return err
		}
	}
	return nil
}

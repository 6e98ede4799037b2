package main

import (
	"fmt"
	"strings"
)

// shape is a convolution with stride 1 whose output maps are as large as its input maps.
type shape struct {
	in, out int // channels
	side    int // height and width of a map
	filter  int // height and width of a filter: 3 with a border of one zero, or 1
	order   order
}

// stages are the 3×3 convolutions of the four stages of ResNet-50, and the 1×1 convolutions that
// widen each stage (He et al., "Deep residual learning for image recognition", 2015).
var stages = []shape{
	{64, 64, 56, 3, hwio}, {128, 128, 28, 3, hwio}, {256, 256, 14, 3, hwio}, {512, 512, 7, 3, hwio},
	{64, 256, 56, 1, hwio}, {128, 512, 28, 1, hwio}, {256, 1024, 14, 1, hwio}, {512, 2048, 7, 1, hwio},
}

func (s shape) String() string {
	return fmt.Sprintf("%d×%[1]d, %d→%d, %d×%[4]d", s.filter, s.in, s.out, s.side)
}

// plane returns the number of elements of a map.
func (s shape) plane() int { return s.side * s.side }

// taps returns the number of elements of a filter for one input channel.
func (s shape) taps() int { return s.filter * s.filter }

// inputs and outputs return the number of elements of a sample.
func (s shape) inputs() int  { return s.in * s.plane() }
func (s shape) outputs() int { return s.out * s.plane() }

// weights returns the number of elements of all filters.
func (s shape) weights() int { return s.out * s.in * s.taps() }

// of returns the convolution of so many input channels.
func (s shape) of(in int) shape {
	s.in = in
	return s
}

// matching returns the stages whose name holds the text.
func matching(text string) []shape {
	var found []shape
	for _, s := range stages {
		if strings.Contains(s.String(), text) {
			found = append(found, s)
		}
	}
	return found
}

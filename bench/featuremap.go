package main

import (
	"fmt"
	"io/fs"
	"strings"

	"github.com/spatialdropout/spatialdropout/bench/maps"
	"github.com/spatialdropout/spatialdropout/bench/npy"
	"github.com/spatialdropout/spatialdropout/layout"
)

// shape is N, C, H and W, whatever the order in memory.
type shape [4]int

func (s shape) samples() int  { return s[0] }
func (s shape) channels() int { return s[1] }
func (s shape) spatial() int  { return s[2] * s[3] }
func (s shape) len() int      { return s[0] * s[1] * s[2] * s[3] }

func (s shape) String() string { return fmt.Sprintf("%d×%d×%d×%d", s[0], s[1], s[2], s[3]) }

// dims returns the shape in the order that NCHW or NHWC spells.
func (s shape) dims(o layout.Order) []int {
	if o == layout.NHWC {
		return []int{s[0], s[2], s[3], s[1]}
	}
	return s[:]
}

// geometry returns the geometry in NCHW or NHWC.
func (s shape) geometry(o layout.Order) layout.Geometry {
	g, err := o.Of(s.dims(o)...)
	must(err)
	return g
}

// at returns the index in memory of position p of channel c of sample n.
func (s shape) at(o layout.Order, n, c, p int) int {
	if o == layout.NHWC {
		return (n*s.spatial()+p)*s.channels() + c
	}
	return (n*s.channels()+c)*s.spatial() + p
}

// inOrder returns data, which lies in NCHW, in NCHW or NHWC.
func inOrder[T any](data []T, s shape, o layout.Order) []T {
	if o == layout.NCHW {
		return data
	}
	moved, i := make([]T, len(data)), 0
	for n := range s.samples() {
		for c := range s.channels() {
			for p := range s.spatial() {
				moved[s.at(o, n, c, p)] = data[i]
				i++
			}
		}
	}
	return moved
}

// featureMap is an activation of a trained network, in NCHW.
type featureMap struct {
	name  string
	shape shape
	data  []float32
}

// loadMaps returns the feature maps of this module, the finest first.
func loadMaps() ([]featureMap, error) {
	var all []featureMap
	for _, name := range []string{"stem", "middle", "deep"} {
		m, err := loadMap(maps.Files, name+".npy")
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

func loadMap(files fs.FS, path string) (featureMap, error) {
	f, err := files.Open(path)
	if err != nil {
		return featureMap{}, err
	}
	defer f.Close()
	a, err := npy.Read(f)
	if err != nil {
		return featureMap{}, fmt.Errorf("%s: %w", path, err)
	}
	data, ok := a.Data.([]float32)
	if !ok || len(a.Shape) != 4 || len(data) == 0 {
		return featureMap{}, fmt.Errorf("%s: %v, want four dims of float32", path, a)
	}
	return featureMap{strings.TrimSuffix(path, ".npy"), shape(a.Shape), data}, nil
}

// Package mnist holds an excerpt of the MNIST database of handwritten digits. README.md says
// where it comes from, and under which licence.
package mnist

import (
	"compress/gzip"
	"embed"
	"encoding/binary"
	"fmt"
	"io"
)

// Side is the width and the height of an image in pixels, and Classes the number of digits.
const (
	Side    = 28
	Classes = 10
)

// Magic numbers of the IDX format: bytes in three dimensions, and in one.
const (
	ImagesMagic = 0x00000803
	LabelsMagic = 0x00000801
)

//go:embed *.gz
var files embed.FS

// Set is images with their labels. Image i is Pixels[i·Side²:(i+1)·Side²], row by row, 0 for
// paper and 255 for ink, and shows the digit Labels[i].
type Set struct {
	Pixels, Labels []byte
}

// Len returns the number of images.
func (s Set) Len() int { return len(s.Labels) }

// Load returns a set of this package: "train", "validation" or "test".
func Load(name string) (Set, error) {
	images, err := files.Open(name + "-images-idx3-ubyte.gz")
	if err != nil {
		return Set{}, fmt.Errorf("set %q: %w, want train, validation or test", name, err)
	}
	defer images.Close()
	labels, err := files.Open(name + "-labels-idx1-ubyte.gz")
	if err != nil {
		return Set{}, fmt.Errorf("set %q: %w", name, err)
	}
	defer labels.Close()
	s, err := Read(images, labels)
	if err != nil {
		return Set{}, fmt.Errorf("set %q: %w", name, err)
	}
	return s, nil
}

// Read returns the set of two compressed files in the IDX format.
func Read(images, labels io.Reader) (Set, error) {
	pixels, n, err := read(images, ImagesMagic, Side, Side)
	if err != nil {
		return Set{}, fmt.Errorf("images: %w", err)
	}
	digits, m, err := read(labels, LabelsMagic)
	if err != nil {
		return Set{}, fmt.Errorf("labels: %w", err)
	}
	if n != m {
		return Set{}, fmt.Errorf("%d images and %d labels, want as many", n, m)
	}
	for i, d := range digits {
		if d >= Classes {
			return Set{}, fmt.Errorf("label %d is %d, want a digit from 0 to 9", i, d)
		}
	}
	return Set{pixels, digits}, nil
}

// read returns the bytes of an IDX file, and the size of its first dimension. The others must
// have the given sizes.
func read(r io.Reader, magic uint32, sizes ...uint32) ([]byte, int, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, 0, err
	}
	header := make([]uint32, 2+len(sizes))
	if err := binary.Read(z, binary.BigEndian, header); err != nil {
		return nil, 0, err
	}
	if header[0] != magic {
		return nil, 0, fmt.Errorf("magic number %#08x, want %#08x", header[0], magic)
	}
	size := 1
	for i, want := range sizes {
		if got := header[2+i]; got != want {
			return nil, 0, fmt.Errorf("size %d of dimension %d, want %d", got, 1+i, want)
		}
		size *= int(want)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		return nil, 0, err
	}
	if want := uint64(header[1]) * uint64(size); uint64(len(data)) != want {
		return nil, 0, fmt.Errorf("%d bytes of data, want %d", len(data), want)
	}
	return data, int(header[1]), nil
}

// Write writes n elements to a compressed file in the IDX format, whose other dimensions have the
// given sizes.
func Write(w io.Writer, magic uint32, data []byte, n int, sizes ...uint32) error {
	z, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return err
	}
	header := append([]uint32{magic, uint32(n)}, sizes...)
	if err := binary.Write(z, binary.BigEndian, header); err != nil {
		return err
	}
	if _, err := z.Write(data); err != nil {
		return err
	}
	return z.Close()
}

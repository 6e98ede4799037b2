package mnist_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/spatialdropout/spatialdropout/examples/digits/mnist"
)

// The first labels are those of MNIST, of which the test set holds every fifth image.
func TestSets(t *testing.T) {
	for _, want := range []struct {
		name   string
		images int
		labels []byte
	}{
		{"train", 3000, []byte{5, 0, 4, 1, 9, 2, 1, 3, 1, 4}},
		{"validation", 500, nil},
		{"test", 2000, []byte{7, 1, 0}},
	} {
		s, err := mnist.Load(want.name)
		if err != nil {
			t.Fatal(err)
		}
		if s.Len() != want.images || len(s.Pixels) != want.images*mnist.Side*mnist.Side {
			t.Errorf("%s has %d labels and %d pixels, want %d images", want.name, s.Len(), len(s.Pixels), want.images)
		}
		if !bytes.HasPrefix(s.Labels, want.labels) {
			t.Errorf("%s has the labels %d…, want %d…", want.name, s.Labels[:len(want.labels)], want.labels)
		}
		if slices.Max(s.Pixels) != 255 || slices.Min(s.Pixels) != 0 {
			t.Errorf("%s has pixels from %d to %d, want 0 to 255", want.name, slices.Min(s.Pixels), slices.Max(s.Pixels))
		}
	}
}

func TestSetIsReadAsItWasWritten(t *testing.T) {
	s, err := mnist.Load("validation")
	if err != nil {
		t.Fatal(err)
	}
	var images, labels bytes.Buffer
	if err := mnist.Write(&images, mnist.ImagesMagic, s.Pixels, s.Len(), mnist.Side, mnist.Side); err != nil {
		t.Fatal(err)
	}
	if err := mnist.Write(&labels, mnist.LabelsMagic, s.Labels, s.Len()); err != nil {
		t.Fatal(err)
	}
	again, err := mnist.Read(&images, &labels)
	if err != nil || !bytes.Equal(again.Pixels, s.Pixels) || !bytes.Equal(again.Labels, s.Labels) {
		t.Errorf("read otherwise than written: %v", err)
	}
}

func TestNoImageIsTwice(t *testing.T) {
	seen := map[string]string{}
	for _, name := range []string{"train", "validation", "test"} {
		s, err := mnist.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		for i := range s.Len() {
			image := string(s.Pixels[i*mnist.Side*mnist.Side:][:mnist.Side*mnist.Side])
			if other, ok := seen[image]; ok {
				t.Errorf("image %d of %s is also in %s", i, name, other)
			}
			seen[image] = name
		}
	}
}

func TestReadRefusesOtherFiles(t *testing.T) {
	file := func(magic uint32, data []byte, n int, sizes ...uint32) string {
		var b bytes.Buffer
		if err := mnist.Write(&b, magic, data, n, sizes...); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	const side = mnist.Side
	images := file(mnist.ImagesMagic, make([]byte, 2*side*side), 2, side, side)
	labels := file(mnist.LabelsMagic, []byte{1, 2}, 2)
	if _, err := mnist.Read(strings.NewReader(images), strings.NewReader(labels)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ images, labels, want string }{
		{"", labels, "images: EOF"},
		{images, labels[:8], "labels: "},
		{labels, labels, "images: "},
		{file(mnist.ImagesMagic, nil, 0, 27, side), labels, "images: size 27 of dimension 1, want 28"},
		{file(mnist.ImagesMagic, make([]byte, side*side), 2, side, side), labels, "images: 784 bytes of data, want 1568"},
		{images, file(7, []byte{1, 2}, 2), "labels: magic number 0x00000007, want 0x00000801"},
		{images, file(mnist.LabelsMagic, []byte{1}, 1), "2 images and 1 labels"},
		{images, file(mnist.LabelsMagic, []byte{1, 10}, 2), "label 1 is 10, want a digit"},
	} {
		_, err := mnist.Read(strings.NewReader(c.images), strings.NewReader(c.labels))
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("error %v, want %s…", err, c.want)
		}
	}
	if _, err := mnist.Load("valid"); err == nil || !strings.HasPrefix(err.Error(), `set "valid": `) {
		t.Errorf("error %v of a set that does not exist", err)
	}
}

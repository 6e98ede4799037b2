package spatialdropout_test

import (
	"fmt"
	"log"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// The maps that are kept, and nothing else, go into what follows dropout.
func ExampleCompaction_Reset() {
	geom, err := layout.NCHW.Of(2, 4, 1, 3)
	if err != nil {
		log.Fatal(err)
	}
	drop, err := spatialdropout.New(0.5, spatialdropout.WithSeed(3), spatialdropout.WithSharing(mask.FixedCount))
	if err != nil {
		log.Fatal(err)
	}
	m, err := drop.Draw(geom)
	if err != nil {
		log.Fatal(err)
	}
	var kept spatialdropout.Compaction
	if err := kept.Reset(m, geom); err != nil {
		log.Fatal(err)
	}
	x := make([]float32, geom.Len())
	for i := range x {
		x[i] = float32(i)
	}
	packed := make([]float32, kept.Len())
	if err := kept.Gather(kernel.Of(packed), kernel.Of(x), 0); err != nil {
		log.Fatal(err)
	}
	for n := range geom.Samples() {
		at := kept.Offset(n)
		fmt.Println(kept.Kept(n), packed[at:at+len(kept.Kept(n))*geom.Spatial()])
	}
	rectangle, ok := kept.Packed()
	fmt.Println(rectangle, ok)

	// The gradient goes back to the maps that it belongs to.
	if err := kept.Scatter(kernel.Of(x), kernel.Of(packed), 0); err != nil {
		log.Fatal(err)
	}
	fmt.Println(x[:12])
	// Output:
	// [0 3] [0 2 4 18 20 22]
	// [1 2] [30 32 34 36 38 40]
	// 2×2 channels of 3 true
	// [0 4 8 0 0 0 0 0 0 36 40 44]
}

// A convolution behind dropout computes with the kept maps and their filters alone.
func ExampleCompaction() {
	const batch, in, out = 2, 4, 3
	geom, err := layout.NCHW.Of(batch, in, 5, 5)
	if err != nil {
		log.Fatal(err)
	}
	x, filters := make([]float32, geom.Len()), make([]float32, out*in*3*3)

	// All samples of a batch keep the same maps.
	drop, err := spatialdropout.New(0.5, spatialdropout.WithSeed(7), spatialdropout.WithSharing(mask.PerChannel))
	if err != nil {
		log.Fatal(err)
	}
	m, err := drop.Draw(geom)
	if err != nil {
		log.Fatal(err)
	}
	var maps spatialdropout.Compaction // the next step resets it, without an allocation
	if err := maps.Reset(m, geom); err != nil {
		log.Fatal(err)
	}
	packed := make([]float32, maps.Len()) // [batch][k][5][5], of k kept maps
	if err := maps.Gather(kernel.Of(packed), kernel.Of(x), 0); err != nil {
		log.Fatal(err)
	}
	// Filters of [out][in][3][3]: the kept channels along axis 1.
	weights, err := layout.Strided([]int{out, in, 3, 3}, []int{in * 9, 9, 3, 1}, layout.Unbatched, 1)
	if err != nil {
		log.Fatal(err)
	}
	var inputs spatialdropout.Compaction
	if err := inputs.ResetWeights(m, 0, weights); err != nil { // sample 0 stands for all
		log.Fatal(err)
	}
	fewer := make([]float32, inputs.Len()) // [out][k][3][3]
	if err := inputs.Gather(kernel.Of(fewer), kernel.Of(filters), 0); err != nil {
		log.Fatal(err)
	}

	fmt.Println(maps.Kept(0), maps.Shared(), len(packed), len(fewer))
	// Backward: the gradients of packed and of fewer go back.
	dPacked, dFewer, dx, dFilters := packed, fewer, x, filters
	if err := maps.Scatter(kernel.Of(dx), kernel.Of(dPacked), 0); err != nil {
		log.Fatal(err)
	}
	if err := inputs.ScatterAdd(kernel.Of(dFilters), kernel.Of(dFewer), 0); err != nil {
		log.Fatal(err)
	}
	// Output:
	// [2 3] true 100 54
}

// What a fused call has written is scaled already: it is packed as it is.
func ExampleCompaction_Unscaled() {
	geom, err := layout.NHWC.Of(1, 1, 2, 4)
	if err != nil {
		log.Fatal(err)
	}
	drop, err := spatialdropout.New(0.5, spatialdropout.WithSeed(7))
	if err != nil {
		log.Fatal(err)
	}
	around := spatialdropout.Around{Activation: kernel.ReLU}
	activations, gradient, result := make([]float32, geom.Len()), make([]float32, geom.Len()), make([]float32, geom.Len())
	x := spatialdropout.Of([]float32{1, 2, 3, 4, 5, 6, -7, 8}, geom) // two pixels of four channels
	y, dy, dx := spatialdropout.Of(activations, geom), spatialdropout.Of(gradient, geom), spatialdropout.Of(result, geom)

	pass, err := drop.Fuse(y, x, spatialdropout.Tensor{}, around)
	if err != nil {
		log.Fatal(err)
	}
	m, err := pass.Mask()
	if err != nil {
		log.Fatal(err)
	}
	var maps spatialdropout.Compaction
	if err := maps.Reset(m, geom); err != nil {
		log.Fatal(err)
	}
	asIs := maps.Unscaled()
	packed := make([]float32, asIs.Len())
	if err := asIs.Gather(kernel.Of(packed), kernel.Of(activations), 0); err != nil {
		log.Fatal(err)
	}
	fmt.Println(asIs.Kept(0), packed)

	// The gradient with respect to packed, of the layer behind, goes back the same way.
	dPacked := []float32{1, 1, 1, 1}
	if err := asIs.Scatter(kernel.Of(gradient), kernel.Of(dPacked), 0); err != nil {
		log.Fatal(err)
	}
	if err := pass.FuseBackward(dx, dy, spatialdropout.FromInput(x), around); err != nil {
		log.Fatal(err)
	}
	fmt.Println(result)
	// Output:
	// [2 3] [6 8 0 16]
	// [0 0 2 2 0 0 0 2]
}

// The weights of the layer behind are a tensor whose channels are its input channels.
func ExampleCompaction_ResetWeights() {
	m, err := mask.New(1, 3, 0.5, mask.Arithmetic{})
	if err != nil {
		log.Fatal(err)
	}
	m.Set(0, 1, false)
	// Two output channels, three input channels, a filter of 1×2, in each of the two usual orders.
	const out, in, kh, kw = 2, 3, 1, 2
	outIn, err := layout.Strided([]int{out, in, kh, kw}, []int{in * kh * kw, kh * kw, kw, 1}, layout.Unbatched, 1)
	if err != nil {
		log.Fatal(err)
	}
	inOut, err := layout.Strided([]int{kh, kw, in, out}, []int{kw * in * out, in * out, out, 1}, layout.Unbatched, 2)
	if err != nil {
		log.Fatal(err)
	}
	w := []float64{
		111, 112, 121, 122, 131, 132,
		211, 212, 221, 222, 231, 232,
	}
	v := []float64{
		111, 211, 121, 221, 131, 231,
		112, 212, 122, 222, 132, 232,
	}
	for _, weights := range []struct {
		geom layout.Geometry
		all  []float64
	}{{outIn, w}, {inOut, v}} {
		var kept spatialdropout.Compaction
		if err := kept.ResetWeights(m, 0, weights.geom); err != nil {
			log.Fatal(err)
		}
		some := make([]float64, kept.Len())
		if err := kept.Gather(kernel.Of(some), kernel.Of(weights.all), 1); err != nil {
			log.Fatal(err)
		}
		fmt.Println(kept.Kept(0), some)
		// The gradient of these weights is added to that of all.
		gradient := make([]float64, len(weights.all))
		if err := kept.ScatterAdd(kernel.Of(gradient), kernel.Of(some), 1); err != nil {
			log.Fatal(err)
		}
		fmt.Println(gradient)
	}
	// Output:
	// [0 2] [111 112 131 132 211 212 231 232]
	// [111 112 0 0 131 132 211 212 0 0 231 232]
	// [0 2] [111 211 131 231 112 212 132 232]
	// [111 211 0 0 131 231 112 212 0 0 132 232]
}

package spatialdropout_test

import (
	"fmt"
	"log"
	"math"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

func Example() {
	// Two samples of four feature maps, each 2×3, channels first.
	x := make([]float32, 2*4*2*3)
	for i := range x {
		x[i] = 1
	}

	drop, err := spatialdropout.New(0.5, spatialdropout.WithSeed(42))
	if err != nil {
		log.Fatal(err)
	}
	geom, err := layout.NCHW.Of(2, 4, 2, 3)
	if err != nil {
		log.Fatal(err)
	}
	m := drop.Draw(geom) // 2×4 trials; the next Draw is the next step
	y := make([]float32, len(x))
	if err := spatialdropout.Apply(y, x, m, geom); err != nil {
		log.Fatal(err)
	}
	for c := range 4 {
		fmt.Println(m.Kept(0, c), y[c*6:(c+1)*6])
	}
	// Output:
	// false [0 0 0 0 0 0]
	// true [2 2 2 2 2 2]
	// true [2 2 2 2 2 2]
	// true [2 2 2 2 2 2]
}

func ExampleLayer() {
	layer, err := spatialdropout.NewLayer[float32](0.5, spatialdropout.WithSeed(7))
	if err != nil {
		log.Fatal(err)
	}
	geom, err := layout.NHWC.Of(1, 1, 2, 3) // one row of two pixels, three channels
	if err != nil {
		log.Fatal(err)
	}
	x := []float32{1, 2, 3, 4, 5, 6}
	y, dx := make([]float32, 6), make([]float32, 6)
	dy := []float32{1, 1, 1, 1, 1, 1}

	// Training: a new mask, and the same one for the gradient.
	if err := layer.Forward(y, x, geom); err != nil {
		log.Fatal(err)
	}
	if err := layer.Backward(dx, dy, geom); err != nil {
		log.Fatal(err)
	}
	fmt.Println(y, dx)

	// Evaluation: the identity.
	layer.SetTraining(false)
	if err := layer.Forward(y, x, geom); err != nil {
		log.Fatal(err)
	}
	fmt.Println(y)
	// Output:
	// [0 0 6 0 0 12] [0 0 2 0 0 2]
	// [1 2 3 4 5 6]
}

func ExampleLayer_BackwardAddTo() {
	layer, err := spatialdropout.NewLayer[float32](0.5, spatialdropout.WithSeed(7))
	if err != nil {
		log.Fatal(err)
	}
	geom, err := layout.NC.Of(1, 3)
	if err != nil {
		log.Fatal(err)
	}
	x := []float32{1, 2, 3}
	if err := layer.Forward(x, x, geom); err != nil {
		log.Fatal(err)
	}
	dx := []float32{100, 100, 100} // what other branches of the tape have added
	if err := layer.BackwardAddTo(dx, []float32{1, 1, 1}, geom); err != nil {
		log.Fatal(err)
	}
	fmt.Println(x, dx)
	// Output: [0 0 6] [100 100 102]
}

func ExampleNew() {
	_, err := spatialdropout.New(20)
	fmt.Println(err)
	// Output:
	// mask: rate 20, want a number from 0 to 1
}

func ExampleApply() {
	geom, err := layout.CHW.Of(2, 1, 3)
	if err != nil {
		log.Fatal(err)
	}
	m, err := mask.New(1, 2, 0.5, mask.Select)
	if err != nil {
		log.Fatal(err)
	}
	m.Set(0, 0, false) // decided by hand instead of drawn

	x := []float64{1, 2, 3, 4, 5, 6}
	if err := spatialdropout.Apply(x, x, m, geom); err != nil { // in place
		log.Fatal(err)
	}
	fmt.Println(x)

	fmt.Println(spatialdropout.Apply(x[:5], x[:5], m, geom))
	// Output:
	// [0 0 0 8 10 12]
	// spatialdropout: dst holds 5 elements, want 6 for 1×2 channels of 3
}

func ExampleApplyF16() {
	geom, err := layout.CHW.Of(2, 1, 3)
	if err != nil {
		log.Fatal(err)
	}
	m, err := mask.New(1, 2, 0.5, mask.Select)
	if err != nil {
		log.Fatal(err)
	}
	m.Set(0, 1, false)

	// Float16 is what packages of such numbers have: their slices are taken as
	// they are.
	type Float16 uint16
	x := []Float16{0x3c00, 0x4000, 0x4200, 0x4400, 0x4500, 0x4600} // 1 to 6
	if err := spatialdropout.ApplyF16(x, x, m, geom); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%#04x\n", x) // 2, 4, 6 and nothing
	// Output: [0x4000 0x4400 0x4600 0x0000 0x0000 0x0000]
}

func ExampleAddTo() {
	geom, err := layout.CHW.Of(2, 1, 3)
	if err != nil {
		log.Fatal(err)
	}
	m, err := mask.New(1, 2, 0.5, mask.Select)
	if err != nil {
		log.Fatal(err)
	}
	m.Set(0, 0, false)

	dx := []float32{1, 1, 1, 1, 1, 1} // what other branches of the tape have added
	dy := []float32{1, 2, 3, 4, 5, 6}
	if err := spatialdropout.AddTo(dx, dy, m, geom); err != nil {
		log.Fatal(err)
	}
	fmt.Println(dx)
	// Output:
	// [1 1 1 9 11 13]
}

func ExampleAddToBF16() {
	geom, err := layout.CHW.Of(2, 1, 3)
	if err != nil {
		log.Fatal(err)
	}
	m, err := mask.New(1, 2, 0.5, mask.Select)
	if err != nil {
		log.Fatal(err)
	}
	m.Set(0, 0, false)

	// A bfloat16 is the upper half of a float32.
	dx := []uint16{0x3f80, 0x3f80, 0x3f80, 0x3f80, 0x3f80, 0x3f80} // 1
	dy := []uint16{0x3f80, 0x4000, 0x4040, 0x4080, 0x40a0, 0x40c0} // 1 to 6
	if err := spatialdropout.AddToBF16(dx, dy, m, geom); err != nil {
		log.Fatal(err)
	}
	for _, h := range dx {
		fmt.Print(math.Float32frombits(uint32(h)<<16), " ")
	}
	// Output: 1 1 1 9 11 13
}

func ExampleNewLayerBF16() {
	layer, err := spatialdropout.NewLayerBF16[uint16](0.5, spatialdropout.WithSeed(7))
	if err != nil {
		log.Fatal(err)
	}
	geom, err := layout.NC.Of(1, 3)
	if err != nil {
		log.Fatal(err)
	}
	x := []uint16{0x3f80, 0x4000, 0x4040} // 1, 2 and 3 in bfloat16
	y := make([]uint16, 3)
	if err := layer.Forward(y, x, geom); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%#04x\n", y) // the third is kept, and doubled
	// Output: [0x0000 0x0000 0x40c0]
}

func ExampleWithSampleOffset() {
	// Samples 0 to 3 on one machine, or 0, 1 and 2, 3 on two.
	batch, err := layout.NCHW.Of(4, 8, 5, 5)
	if err != nil {
		log.Fatal(err)
	}
	shard, err := layout.NCHW.Of(2, 8, 5, 5)
	if err != nil {
		log.Fatal(err)
	}
	whole, err := spatialdropout.New(0.5, spatialdropout.WithSeed(1))
	if err != nil {
		log.Fatal(err)
	}
	second, err := spatialdropout.New(0.5, spatialdropout.WithSeed(1), spatialdropout.WithSampleOffset(2))
	if err != nil {
		log.Fatal(err)
	}
	m, part := whole.Draw(batch), second.Draw(shard)
	same := true
	for n := range 2 {
		for c := range 8 {
			same = same && part.Kept(n, c) == m.Kept(2+n, c)
		}
	}
	fmt.Println(same)
	// Output: true
}

func ExampleDropout_DrawInto() {
	drop, err := spatialdropout.New(0.5, spatialdropout.WithSeed(3))
	if err != nil {
		log.Fatal(err)
	}
	geom, err := layout.NCHW.Of(16, 64, 7, 7)
	if err != nil {
		log.Fatal(err)
	}
	var m mask.Mask
	for step := range 3 { // no allocation after the first
		drop.DrawInto(&m, geom)
		fmt.Println(step, m.CountKept(), "of", 16*64)
	}
	// Output:
	// 0 481 of 1024
	// 1 511 of 1024
	// 2 530 of 1024
}

func ExampleWorkers() {
	geom, err := layout.NCHW.Of(8, 32, 28, 28)
	if err != nil {
		log.Fatal(err)
	}
	drop, err := spatialdropout.New(0.3)
	if err != nil {
		log.Fatal(err)
	}
	x := make([]float32, geom.Len())
	// At most two goroutines, whatever the size.
	fmt.Println(spatialdropout.Apply(x, x, drop.Draw(geom), geom, spatialdropout.Workers(2)))
	// Output: <nil>
}

func ExampleWithStep() {
	geom, err := layout.NC.Of(2, 16)
	if err != nil {
		log.Fatal(err)
	}
	first, err := spatialdropout.New(0.5, spatialdropout.WithSeed(9))
	if err != nil {
		log.Fatal(err)
	}
	first.Draw(geom)
	resumed, err := spatialdropout.New(0.5, spatialdropout.WithState(first.State()))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(first.Draw(geom).CountKept() == resumed.Draw(geom).CountKept(), resumed.Step())
	// Output: true 2
}

func ExampleWithPolicy() {
	geom, err := layout.NC.Of(1, 2)
	if err != nil {
		log.Fatal(err)
	}
	drop, err := spatialdropout.New(1, spatialdropout.WithPolicy(mask.Multiply))
	if err != nil {
		log.Fatal(err)
	}
	x := []float32{3, -3}
	if err := spatialdropout.Apply(x, x, drop.Draw(geom), geom); err != nil {
		log.Fatal(err)
	}
	fmt.Println(x) // the product with 0 has a sign; mask.Select would give [0 0]
	// Output: [0 -0]
}

func ExampleWithWorkers() {
	layer, err := spatialdropout.NewLayer[float64](0.5, spatialdropout.WithWorkers(1)) // nothing leaves the goroutine
	if err != nil {
		log.Fatal(err)
	}
	geom, err := layout.CW.Of(2, 2)
	if err != nil {
		log.Fatal(err)
	}
	x := []float64{1, 2, 3, 4}
	if err := layer.Forward(x, x, geom); err != nil {
		log.Fatal(err)
	}
	fmt.Println(x)
	// Output: [2 4 0 0]
}

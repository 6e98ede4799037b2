package spatialdropout_test

import (
	"encoding/json"
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
	m, err := mask.New(1, 2, 0.5, mask.Arithmetic{})
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
	m, err := mask.New(1, 2, 0.5, mask.Arithmetic{})
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
	m, err := mask.New(1, 2, 0.5, mask.Arithmetic{})
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
	m, err := mask.New(1, 2, 0.5, mask.Arithmetic{})
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

func ExampleWithStream() {
	// What torch.manual_seed(0) and dropout2d(torch.ones(2, 4, 1, 2), 0.5) give in
	// PyTorch from 2.7 on.
	drop, err := spatialdropout.New(0.5, spatialdropout.WithStream(&mask.PyTorch{Seed: 0}))
	if err != nil {
		log.Fatal(err)
	}
	geom, err := layout.NCHW.Of(2, 4, 1, 2)
	if err != nil {
		log.Fatal(err)
	}
	x := make([]float32, geom.Len())
	for i := range x {
		x[i] = 1
	}
	if err := spatialdropout.Apply(x, x, drop.Draw(geom), geom); err != nil {
		log.Fatal(err)
	}
	fmt.Println(x[:8])
	fmt.Println(x[8:])
	// Output:
	// [0 0 0 0 2 2 0 0]
	// [0 0 0 0 2 2 2 2]
}

func ExampleApplyAt() {
	drop, err := spatialdropout.New(0.5, spatialdropout.WithSeed(7))
	if err != nil {
		log.Fatal(err)
	}
	geom, err := layout.NC.Of(2, 4)
	if err != nil {
		log.Fatal(err)
	}
	x := []float32{1, 2, 3, 4, 5, 6, 7, 8}
	dy := []float32{1, 1, 1, 1, 1, 1, 1, 1}
	y, dx := make([]float32, 8), make([]float32, 8)

	at := drop.Advance(geom) // a few integers are all that the tape keeps
	if err := spatialdropout.ApplyAt(y, x, drop, at, geom); err != nil {
		log.Fatal(err)
	}
	if err := spatialdropout.ApplyAt(dx, dy, drop.Gradient(), at, geom); err != nil {
		log.Fatal(err)
	}
	fmt.Println(y)
	fmt.Println(dx)
	// Output:
	// [0 0 6 8 10 0 14 0]
	// [0 0 2 2 2 0 2 0]
}

func ExampleWithState() {
	geom, err := layout.NC.Of(1, 16)
	if err != nil {
		log.Fatal(err)
	}
	drop, err := spatialdropout.New(0.5, spatialdropout.WithStream(&mask.PyTorch{Seed: 1}))
	if err != nil {
		log.Fatal(err)
	}
	drop.Draw(geom)
	checkpoint, err := json.Marshal(drop.State())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", checkpoint)

	var state spatialdropout.State
	if err := json.Unmarshal(checkpoint, &state); err != nil {
		log.Fatal(err)
	}
	resumed, err := spatialdropout.New(0.5, spatialdropout.WithState(state))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(resumed.Draw(geom).Equal(drop.Draw(geom)))
	// Output:
	// {"stream":"pytorch:1","step":1,"cursor":32}
	// true
}

func ExampleWithSharing() {
	// DropPath, or stochastic depth: whole samples skip a block of the network.
	path, err := spatialdropout.New(0.5, spatialdropout.WithSeed(2), spatialdropout.WithSharing(mask.PerSample))
	if err != nil {
		log.Fatal(err)
	}
	geom, err := layout.NCHW.Of(4, 3, 1, 1)
	if err != nil {
		log.Fatal(err)
	}
	x := []float32{1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4}
	if err := spatialdropout.Apply(x, x, path.Draw(geom), geom); err != nil {
		log.Fatal(err)
	}
	fmt.Println(x)
	// Output:
	// [2 2 2 4 4 4 0 0 0 8 8 8]
}

func ExampleWithSharing_fixedCount() {
	drop, err := spatialdropout.New(0.5, spatialdropout.WithSeed(1), spatialdropout.WithSharing(mask.FixedCount))
	if err != nil {
		log.Fatal(err)
	}
	geom, err := layout.NC.Of(3, 5)
	if err != nil {
		log.Fatal(err)
	}
	m := drop.Draw(geom) // 3 of 5 channels are left in every sample
	for n := range 3 {
		kept := 0
		m.KeptOf(n)(func(int) bool { kept++; return true })
		fmt.Println(kept, "times", m.Factor())
	}
	// Output:
	// 3 times 1.6666666666666667
	// 3 times 1.6666666666666667
	// 3 times 1.6666666666666667
}

func ExampleWithSchedule() {
	drop, err := spatialdropout.New(0.2, spatialdropout.WithSchedule(spatialdropout.Ramp(4)))
	if err != nil {
		log.Fatal(err)
	}
	geom, err := layout.NC.Of(32, 64)
	if err != nil {
		log.Fatal(err)
	}
	for range 6 {
		fmt.Printf("step %d: %.2f\n", drop.Step(), drop.Draw(geom).Rate())
	}
	// Output:
	// step 0: 0.00
	// step 1: 0.05
	// step 2: 0.10
	// step 3: 0.15
	// step 4: 0.20
	// step 5: 0.20
}

func ExampleWithAlways() {
	layer, err := spatialdropout.NewLayer[float64](0.5, spatialdropout.WithSeed(1), spatialdropout.WithAlways())
	if err != nil {
		log.Fatal(err)
	}
	layer.SetTraining(false) // what else the network holds evaluates
	geom, err := layout.NC.Of(1, 100)
	if err != nil {
		log.Fatal(err)
	}
	x, y := make([]float64, 100), make([]float64, 100)
	for i := range x {
		x[i] = 0.01
	}
	// How far do the outputs of a network, here the sum of its inputs, lie apart?
	const passes = 1000
	var sum, squares float64
	for range passes {
		if err := layer.Forward(y, x, geom); err != nil {
			log.Fatal(err)
		}
		var output float64
		for _, v := range y {
			output += v
		}
		sum += output
		squares += output * output
	}
	mean := sum / passes
	fmt.Printf("%.1f ± %.1f\n", mean, math.Sqrt(squares/passes-mean*mean))
	// Output:
	// 1.0 ± 0.1
}

func ExampleWithAlpha() {
	layer, err := spatialdropout.NewLayer[float64](0.5, spatialdropout.WithSeed(7), spatialdropout.WithAlpha())
	if err != nil {
		log.Fatal(err)
	}
	geom, err := layout.NC.Of(1, 4)
	if err != nil {
		log.Fatal(err)
	}
	y := make([]float64, 4)
	if err := layer.Forward(y, []float64{1, -1, 1, -1}, geom); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.4f\n", y) // a dropped channel is where a SELU saturates, not 0
	if err := layer.Backward(y, []float64{1, 1, 1, 1}, geom); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.4f\n", y)
	// Output:
	// [-0.7792 -0.7792 1.6656 -0.1072]
	// [0.0000 0.0000 0.8864 0.8864]
}

func ExampleWithGaussian() {
	drop, err := spatialdropout.New(0.2, spatialdropout.WithGaussian())
	if err != nil {
		log.Fatal(err)
	}
	geom, err := layout.NCW.Of(1, 3, 2)
	if err != nil {
		log.Fatal(err)
	}
	x := []float64{1, 1, 1, 1, 1, 1}
	if err := spatialdropout.Apply(x, x, drop.Draw(geom), geom); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.3f\n", x) // one factor a channel, about 1 ± 0.5
	// Output:
	// [1.589 1.589 1.134 1.134 0.824 0.824]
}

func ExampleWithGenerator() {
	// Layers that draw from one generator, as those of a PyTorch program do.
	gen := spatialdropout.NewGenerator(&mask.PyTorch{Seed: 0})
	first, err := spatialdropout.New(0.5, spatialdropout.WithGenerator(gen))
	if err != nil {
		log.Fatal(err)
	}
	second, err := spatialdropout.New(0.1, spatialdropout.WithGenerator(gen))
	if err != nil {
		log.Fatal(err)
	}
	geom, err := layout.NC.Of(2, 8)
	if err != nil {
		log.Fatal(err)
	}
	for range 2 {
		first.Draw(geom)
		second.Draw(geom)
	}
	fmt.Printf("%+v\n", gen.State()) // four draws of 16 trials, two words each
	// Output:
	// {Stream:pytorch:0 Step:4 Cursor:128}
}

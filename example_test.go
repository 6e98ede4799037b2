package spatialdropout_test

import (
	"encoding/json"
	"fmt"
	"log"
	"math"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

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

	// Training: a new mask, and the same mask for the gradient.
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

func ExampleLayer_AddTo() {
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
	dx := []float32{100, 100, 100} // what other branches of a tape have added
	if err := layer.AddTo(dx, []float32{1, 1, 1}, geom); err != nil {
		log.Fatal(err)
	}
	fmt.Println(x, dx)
	// Output: [0 0 6] [100 100 102]
}

func ExampleLayer_Pass() {
	layer, err := spatialdropout.NewLayer[float32](0.5, spatialdropout.WithSeed(7))
	if err != nil {
		log.Fatal(err)
	}
	geom, err := layout.NC.Of(1, 4)
	if err != nil {
		log.Fatal(err)
	}
	x, y := []float32{1, 2, 3, 4}, make([]float32, 4)
	var tape []spatialdropout.Pass // of a layer that runs several times
	for range 3 {
		if err := layer.Forward(y, x, geom); err != nil {
			log.Fatal(err)
		}
		fmt.Println(y)
		tape = append(tape, layer.Pass())
	}
	dx, dy := make([]float32, 4), []float32{1, 1, 1, 1}
	for i := len(tape) - 1; i >= 0; i-- {
		if err := tape[i].AddTo(spatialdropout.Of(dx, geom), spatialdropout.Of(dy, geom)); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(dx) // the sum of three gradients
	// Output:
	// [0 0 6 8]
	// [2 4 6 8]
	// [0 0 6 8]
	// [2 2 6 6]
}

func ExamplePass() {
	// A network that sees two inputs with the same weights, as siamese ones do: two
	// passes of one Dropout.
	geom, err := layout.NC.Of(1, 4)
	if err != nil {
		log.Fatal(err)
	}
	x1, x2 := []float32{1, 2, 3, 4}, []float32{5, 6, 7, 8}
	dy1, dy2 := []float32{1, 1, 1, 1}, []float32{10, 10, 10, 10}
	y1, y2, dx := make([]float32, 4), make([]float32, 4), make([]float32, 4)

	drop, err := spatialdropout.New(0.5, spatialdropout.WithSeed(7))
	if err != nil {
		log.Fatal(err)
	}
	left, err := drop.Forward(spatialdropout.Of(y1, geom), spatialdropout.Of(x1, geom))
	if err != nil {
		log.Fatal(err)
	}
	right, err := drop.Forward(spatialdropout.Of(y2, geom), spatialdropout.Of(x2, geom))
	if err != nil {
		log.Fatal(err)
	}
	if err := left.Backward(spatialdropout.Of(dx, geom), spatialdropout.Of(dy1, geom)); err != nil {
		log.Fatal(err)
	}
	if err := right.AddTo(spatialdropout.Of(dx, geom), spatialdropout.Of(dy2, geom)); err != nil {
		log.Fatal(err)
	}
	fmt.Println(y1, y2)
	fmt.Println(dx)
	// Output:
	// [0 0 6 8] [10 12 14 16]
	// [20 20 22 22]
}

func ExamplePass_Forward() {
	// Activations that are dropped and computed again: the pass is all that is kept.
	geom, err := layout.NC.Of(1, 4)
	if err != nil {
		log.Fatal(err)
	}
	drop, err := spatialdropout.New(0.5, spatialdropout.WithSeed(7))
	if err != nil {
		log.Fatal(err)
	}
	x, y := []float32{1, 2, 3, 4}, make([]float32, 4)
	pass, err := drop.Forward(spatialdropout.Of(y, geom), spatialdropout.Of(x, geom))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(y)
	clear(y)
	if err := pass.Forward(spatialdropout.Of(y, geom), spatialdropout.Of(x, geom)); err != nil {
		log.Fatal(err)
	}
	fmt.Println(y)
	// Output:
	// [0 0 6 8]
	// [0 0 6 8]
}

func ExampleDropout_At() {
	geom, err := layout.NC.Of(2, 4)
	if err != nil {
		log.Fatal(err)
	}
	drop, err := spatialdropout.New(0.5, spatialdropout.WithSeed(7))
	if err != nil {
		log.Fatal(err)
	}
	place := drop.Next(geom).Place() // plain data, for another process or another time
	x, y := []float32{1, 2, 3, 4, 5, 6, 7, 8}, make([]float32, 8)
	if err := drop.At(place, geom).Forward(spatialdropout.Of(y, geom), spatialdropout.Of(x, geom)); err != nil {
		log.Fatal(err)
	}
	fmt.Println(y)
	// Output:
	// [0 0 6 8 10 0 14 0]
}

func ExampleDropout_Draw() {
	geom, err := layout.NCHW.Of(2, 4, 2, 3)
	if err != nil {
		log.Fatal(err)
	}
	x, y := make([]float32, geom.Len()), make([]float32, geom.Len())
	for i := range x {
		x[i] = 1
	}
	drop, err := spatialdropout.New(0.5, spatialdropout.WithSeed(42))
	if err != nil {
		log.Fatal(err)
	}
	m, err := drop.Draw(geom) // 2×4 trials, one bit each; the next Draw is the next step
	if err != nil {
		log.Fatal(err)
	}
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
		if err := drop.DrawInto(&m, geom); err != nil {
			log.Fatal(err)
		}
		fmt.Println(step, m.CountKept(), "of", 16*64)
	}
	// Output:
	// 0 481 of 1024
	// 1 511 of 1024
	// 2 530 of 1024
}

func ExampleDropout_Evaluate() {
	geom, err := layout.NC.Of(1, 4)
	if err != nil {
		log.Fatal(err)
	}
	// Dropout as in the first papers, which scale in evaluation.
	drop, err := spatialdropout.New(0.5, spatialdropout.WithArithmetic(mask.Arithmetic{Rule: mask.AtInference}))
	if err != nil {
		log.Fatal(err)
	}
	x, y := []float32{1, 2, 3, 4}, make([]float32, 4)
	if _, err := drop.Evaluate(spatialdropout.Of(y, geom), spatialdropout.Of(x, geom)); err != nil {
		log.Fatal(err)
	}
	fmt.Println(y)
	// Output: [0.5 1 1.5 2]
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
	m.Set(0, 0, false) // set by hand instead of drawn

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

func ExampleApplyTensor() {
	// Dropout and a change of layout in one pass: channels first in src, channels last
	// in dst.
	first, err := layout.NCHW.Of(1, 2, 1, 3)
	if err != nil {
		log.Fatal(err)
	}
	last, err := layout.NHWC.Of(1, 1, 3, 2)
	if err != nil {
		log.Fatal(err)
	}
	m, err := mask.New(1, 2, 0.5, mask.Arithmetic{})
	if err != nil {
		log.Fatal(err)
	}
	m.Set(0, 1, false)

	x, y := []float32{1, 2, 3, 4, 5, 6}, make([]float32, 6)
	if err := spatialdropout.ApplyTensor(spatialdropout.Of(y, last), spatialdropout.Of(x, first), m, 0); err != nil {
		log.Fatal(err)
	}
	fmt.Println(y)
	// Output: [2 0 4 0 6 0]
}

func ExampleAs() {
	geom, err := layout.CHW.Of(2, 1, 3)
	if err != nil {
		log.Fatal(err)
	}
	m, err := mask.New(1, 2, 0.5, mask.Arithmetic{})
	if err != nil {
		log.Fatal(err)
	}
	m.Set(0, 1, false)

	// Float16 is what packages of such numbers have: their slices are taken as they are.
	type Float16 uint16
	x := []Float16{0x3c00, 0x4000, 0x4200, 0x4400, 0x4500, 0x4600} // 1 to 6
	half := spatialdropout.As(kernel.F16, x, geom)
	if err := spatialdropout.ApplyTensor(half, half, m, 1); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%#04x\n", x) // 2, 4, 6 and zeros
	// Output: [0x4000 0x4400 0x4600 0x0000 0x0000 0x0000]
}

func ExampleTensor_list() {
	// Two samples of three feature maps, each a slice of its own.
	maps := [][]float32{{1, 1}, {2, 2}, {3, 3}, {4, 4}, {5, 5}, {6, 6}}
	drop, err := spatialdropout.New(0.5, spatialdropout.WithSeed(3))
	if err != nil {
		log.Fatal(err)
	}
	geom, err := layout.NCHW.Of(2, 3, 1, 2)
	if err != nil {
		log.Fatal(err)
	}
	// One slice for each channel of each sample; one for each sample would do, too.
	x := spatialdropout.Tensor{Data: kernel.OfList(maps), Geometry: geom}
	if _, err := drop.Forward(x, x); err != nil {
		log.Fatal(err)
	}
	fmt.Println(maps)
	// Output: [[0 0] [4 4] [0 0] [0 0] [10 10] [0 0]]
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

	dx := []float32{1, 1, 1, 1, 1, 1} // what other branches of a tape have added
	dy := []float32{1, 2, 3, 4, 5, 6}
	if err := spatialdropout.AddTo(dx, dy, m, geom); err != nil {
		log.Fatal(err)
	}
	fmt.Println(dx)
	// Output:
	// [1 1 1 9 11 13]
}

func ExampleAddToTensor() {
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
	if err := spatialdropout.AddToTensor(spatialdropout.As(kernel.BF16, dx, geom), spatialdropout.As(kernel.BF16, dy, geom), m, 0); err != nil {
		log.Fatal(err)
	}
	for _, h := range dx {
		fmt.Print(math.Float32frombits(uint32(h)<<16), " ")
	}
	// Output: 1 1 1 9 11 13
}

func ExampleLayerOf() {
	drop, err := spatialdropout.New(0.5, spatialdropout.WithSeed(7))
	if err != nil {
		log.Fatal(err)
	}
	layer, err := spatialdropout.LayerOf[uint16](kernel.BF16, drop)
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

func ExampleWithShard() {
	// Samples 0 to 3 on one machine, or 0, 1 and 2, 3 on two.
	batch, err := layout.NCHW.Of(4, 8, 5, 5)
	if err != nil {
		log.Fatal(err)
	}
	half, err := layout.NCHW.Of(2, 8, 5, 5)
	if err != nil {
		log.Fatal(err)
	}
	whole, err := spatialdropout.New(0.5, spatialdropout.WithSeed(1))
	if err != nil {
		log.Fatal(err)
	}
	second, err := spatialdropout.New(0.5, spatialdropout.WithSeed(1),
		spatialdropout.WithShard(mask.Shard{SampleOffset: 2, Samples: 4}))
	if err != nil {
		log.Fatal(err)
	}
	m, err := whole.Draw(batch)
	if err != nil {
		log.Fatal(err)
	}
	part, err := second.Draw(half)
	if err != nil {
		log.Fatal(err)
	}
	same := true
	for n := range 2 {
		for c := range 8 {
			same = same && part.Kept(n, c) == m.Kept(2+n, c)
		}
	}
	fmt.Println(same)
	// Output: true
}

func ExampleWithShard_channels() {
	// Machines that split the channels of a layer draw columns of one mask.
	geom, err := layout.NC.Of(1, 4)
	if err != nil {
		log.Fatal(err)
	}
	for machine := range 2 {
		drop, err := spatialdropout.New(0.5, spatialdropout.WithSeed(7),
			spatialdropout.WithShard(mask.Shard{ChannelOffset: uint64(4 * machine), Channels: 8}))
		if err != nil {
			log.Fatal(err)
		}
		m, err := drop.Draw(geom)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(m)
	}
	// Output:
	// 1×4 channels, rate 0.5, Select, Reciprocal
	// ..##
	// 1×4 channels, rate 0.5, Select, Reciprocal
	// #.#.
}

func ExampleRestore() {
	geom, err := layout.NC.Of(1, 16)
	if err != nil {
		log.Fatal(err)
	}
	drop, err := spatialdropout.New(0.5, spatialdropout.WithStream(mask.PyTorch(1)))
	if err != nil {
		log.Fatal(err)
	}
	if _, err := drop.Draw(geom); err != nil {
		log.Fatal(err)
	}
	checkpoint, err := json.Marshal(drop.State())
	if err != nil {
		log.Fatal(err)
	}
	// Later, in another process:
	var state spatialdropout.State
	if err := json.Unmarshal(checkpoint, &state); err != nil {
		log.Fatal(err)
	}
	resumed, err := spatialdropout.Restore(state)
	if err != nil {
		log.Fatal(err)
	}
	a, err := drop.Draw(geom)
	if err != nil {
		log.Fatal(err)
	}
	b, err := resumed.Draw(geom)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", checkpoint)
	fmt.Println(a.Equal(b))
	// Output:
	// {"rate":0.5,"stream":"pytorch:1","step":1,"cursor":32,"arithmetic":{"policy":"Multiply","rule":"WideReciprocal"},"shard":{}}
	// true
}

func ExampleWithArithmetic() {
	geom, err := layout.NC.Of(1, 2)
	if err != nil {
		log.Fatal(err)
	}
	// The arithmetic of a stream is where another one starts from.
	a := mask.Philox(0).Arithmetic()
	a.Policy = mask.Multiply
	drop, err := spatialdropout.New(1, spatialdropout.WithArithmetic(a))
	if err != nil {
		log.Fatal(err)
	}
	x := spatialdropout.Of([]float32{3, -3}, geom)
	y := make([]float32, 2)
	if _, err := drop.Forward(spatialdropout.Of(y, geom), x); err != nil {
		log.Fatal(err)
	}
	fmt.Println(y) // a product with 0 has a sign; mask.Select would give [0 0]
	// Output: [0 -0]
}

func ExampleWithArithmetic_alpha() {
	layer, err := spatialdropout.NewLayer[float64](0.5, spatialdropout.WithSeed(7),
		spatialdropout.WithArithmetic(mask.Arithmetic{Rule: mask.Alpha}))
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
	fmt.Printf("%.4f\n", y) // a dropped channel is what a SELU saturates at, not 0
	if err := layer.Backward(y, []float64{1, 1, 1, 1}, geom); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.4f\n", y)
	// Output:
	// [-0.7792 -0.7792 1.6656 -0.1072]
	// [0.0000 0.0000 0.8864 0.8864]
}

func ExampleWithArithmetic_gaussian() {
	drop, err := spatialdropout.New(0.2, spatialdropout.WithSeed(0), spatialdropout.WithArithmetic(mask.Arithmetic{Rule: mask.Gaussian}))
	if err != nil {
		log.Fatal(err)
	}
	geom, err := layout.NCW.Of(1, 3, 2)
	if err != nil {
		log.Fatal(err)
	}
	x := []float64{1, 1, 1, 1, 1, 1}
	if _, err := drop.Forward(spatialdropout.Of(x, geom), spatialdropout.Of(x, geom)); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.3f\n", x) // one factor a channel, about 1 ± 0.5
	// Output:
	// [1.589 1.589 1.134 1.134 0.824 0.824]
}

func ExampleWithWorkers() {
	layer, err := spatialdropout.NewLayer[float64](0.5, spatialdropout.WithSeed(0), spatialdropout.WithWorkers(1)) // no other goroutine takes part
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
	drop, err := spatialdropout.New(0.5, spatialdropout.WithStream(mask.PyTorch(0)))
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
	if _, err := drop.Forward(spatialdropout.Of(x, geom), spatialdropout.Of(x, geom)); err != nil {
		log.Fatal(err)
	}
	fmt.Println(x[:8])
	fmt.Println(x[8:])
	// Output:
	// [0 0 0 0 2 2 0 0]
	// [0 0 0 0 2 2 2 2]
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
	if _, err := path.Forward(spatialdropout.Of(x, geom), spatialdropout.Of(x, geom)); err != nil {
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
	m, err := drop.Draw(geom) // 3 of 5 channels are kept in every sample
	if err != nil {
		log.Fatal(err)
	}
	for n := range 3 {
		fmt.Println(len(m.AppendKept(nil, n)), "times", m.Factor())
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
	for step := range 6 {
		m, err := drop.Draw(geom)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("step %d: %.2f\n", step, m.Rate())
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
	layer.SetTraining(false) // as the rest of the network
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

func ExampleWithGenerator() {
	// Layers that draw from one generator, as those of a PyTorch program do.
	gen := spatialdropout.NewGenerator(mask.PyTorch(0))
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
		for _, drop := range []*spatialdropout.Dropout{first, second} {
			if _, err := drop.Draw(geom); err != nil {
				log.Fatal(err)
			}
		}
	}
	fmt.Printf("%+v\n", gen.State()) // four draws of 16 trials, two words each
	// Output:
	// {Stream:pytorch:0 Step:4 Cursor:128}
}

func ExampleGenerator_Skip() {
	// A PyTorch program that makes a layer between two calls of dropout.
	drop, err := spatialdropout.New(0.5, spatialdropout.WithStream(mask.PyTorch(0)))
	if err != nil {
		log.Fatal(err)
	}
	geom, err := layout.NC.Of(2, 8)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := drop.Draw(geom); err != nil {
		log.Fatal(err)
	}

	drop.Generator().Skip(55) // nn.Linear(10, 5)

	fmt.Printf("%+v\n", drop.Generator().State()) // 16 trials of two words, and 55 words
	// Output:
	// {Stream:pytorch:0 Step:1 Cursor:87}
}

func Example_kernel() {
	// Factors of your own do not need a mask.
	x := []float32{1, 2, 3, 4, 5, 6} // three pixels of two channels
	kernel.Pixels(kernel.Scale, x, x, []float32{10, 0}, nil)
	fmt.Println(x)
	// Output: [10 0 30 0 50 0]
}

package mask_test

import (
	"encoding/binary"
	"fmt"
	"log"
	"math"

	"github.com/spatialdropout/spatialdropout/mask"
)

func ExamplePhilox() {
	m, err := mask.New(2, 16, 0.5, mask.Arithmetic{})
	if err != nil {
		log.Fatal(err)
	}
	mask.Philox(42).Draw(m, mask.Place{})
	for n := range 2 {
		for c := range 16 {
			fmt.Print(map[bool]string{true: "#", false: "."}[m.Kept(n, c)])
		}
		fmt.Println()
	}
	// Output:
	// .###.#.#.......#
	// #.#######.######
}

func ExampleFactors() {
	m, err := mask.New(1, 3, 0.2, mask.Arithmetic{})
	if err != nil {
		log.Fatal(err)
	}
	m.Set(0, 1, false)
	factors := make([]float32, 4)
	if err := mask.Factors(mask.Float32, factors, m, 4); err != nil { // a sample takes four entries: one is padding
		log.Fatal(err)
	}
	fmt.Println(factors)
	// Output: [1.25 0 1.25 0]
}

func ExampleFactors_half() {
	m, err := mask.New(1, 3, 0.2, mask.Arithmetic{})
	if err != nil {
		log.Fatal(err)
	}
	m.Set(0, 1, false)
	factors := make([]uint16, 3)
	if err := mask.Factors(mask.Float16, factors, m, 3); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%#04x\n", factors) // 1.25 in float16 is 0x3d00
	// Output: [0x3d00 0x0000 0x3d00]
}

func ExampleMask_Fill() {
	// Keras on PyTorch divides, and says so.
	m, err := mask.New(1, 3, 0.2, mask.KerasTorch(0).Arithmetic())
	if err != nil {
		log.Fatal(err)
	}
	m.Set(0, 1, false)
	factors := make([]byte, 3*mask.Float32.Size())
	action := m.Fill(mask.Float32, factors, nil, 3)
	for i := 0; i < len(factors); i += 4 {
		fmt.Println(math.Float32frombits(binary.NativeEndian.Uint32(factors[i:])))
	}
	fmt.Printf("%+v\n", action)
	fmt.Println(mask.Factors(mask.Float32, make([]float32, 3), m, 3))
	// Output:
	// 0.8
	// 0
	// 0.8
	// {Divide:true Shift:false Drop:true}
	// mask: factors of a mask whose rule, Quotient, divides float32, want a rule that multiplies only, or Mask.Fill
}

func ExampleDraw_shard() {
	// Two machines hold 8 of 16 channels each. Together they draw what one machine draws.
	for machine := range uint64(2) {
		m, err := mask.New(1, 8, 0.5, mask.Arithmetic{})
		if err != nil {
			log.Fatal(err)
		}
		if err := mask.Draw(m, mask.Philox(42), mask.Each, mask.Place{Shard: mask.Shard{ChannelOffset: 8 * machine, Channels: 16}}); err != nil {
			log.Fatal(err)
		}
		for c := range 8 {
			fmt.Print(map[bool]string{true: "#", false: "."}[m.Kept(0, c)])
		}
	}
	// Output: .###.#.#.......#
}

func ExampleChild() {
	const seed = 42 // of the network
	for layer := range uint64(3) {
		fmt.Println(mask.Philox(mask.Child(seed, layer)))
	}
	// Output:
	// philox:4715622552460234781
	// philox:12044034248161307332
	// philox:8177460747896818910
}

func ExampleMask_Set() {
	m, err := mask.New(1, 4, 0.5, mask.Arithmetic{})
	if err != nil {
		log.Fatal(err)
	}
	m.Set(0, 2, false)
	fmt.Println(m.Kept(0, 1), m.Kept(0, 2), m.CountKept())
	// Output: true false 3
}

func ExampleCheck() {
	noise := mask.Arithmetic{Rule: mask.Gaussian}
	fmt.Println(mask.Check(0.5, mask.Philox(1), noise, mask.Each))
	fmt.Println(mask.Check(0.5, mask.PyTorch(1), noise, mask.Each))
	fmt.Println(mask.Check(-0.5, mask.Philox(1), noise, mask.Each))
	// Output:
	// <nil>
	// mask: Gaussian noise from pytorch:1, want Philox
	// mask: rate -0.5, want a number from 0 to 1
}

func ExamplePyTorchFrom() {
	// What bytes(torch.get_rng_state().numpy()) gives after torch.manual_seed(42) and layers
	// with 1234 parameters.
	state, err := mask.PyTorchState(mask.PyTorch(42), mask.Place{Cursor: 1234})
	if err != nil {
		log.Fatal(err)
	}

	stream, err := mask.PyTorchFrom(state, false)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(stream)
	// Output: pytorch:42/from=1234
}

func ExampleJAX() {
	// A training loop that draws with jax.random.fold_in(jax.random.key(42), step).
	stream, err := mask.JAX(mask.KeyOf(42, false), mask.Fold)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(stream)
	// Output: jax:42/fold
}

func ExampleMask_Reset() {
	var m mask.Mask
	for step := range uint64(2) { // the second Reset and Draw do not allocate
		if err := m.Reset(8, 64, 0.25, mask.Arithmetic{}); err != nil {
			log.Fatal(err)
		}
		mask.Philox(1).Draw(&m, mask.Place{Step: step})
		fmt.Println(m.CountKept(), "of", m.Samples()*m.Channels(), "times", m.Factor())
	}
	// Output:
	// 392 of 512 times 1.3333333333333333
	// 386 of 512 times 1.3333333333333333
}

package guide_test

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

func Example_numbering() {
	const seed, layers = 42, 3
	geom := must(layout.NC.Of(1, 16))
	network := make([]*spatialdropout.Dropout, layers)
	for k := range network {
		drop, err := spatialdropout.New(0.5, spatialdropout.WithSeed(mask.Child(seed, uint64(k))))
		if err != nil {
			log.Fatal(err)
		}
		network[k] = drop
	}
	for _, drop := range network {
		fmt.Println(kept(must(drop.Draw(geom))))
	}
	// Output:
	// [0 0 1 0 0 1 1 0 1 0 1 1 1 1 1 0]
	// [0 1 0 0 0 1 0 1 1 1 0 1 0 0 0 0]
	// [1 1 0 0 1 0 0 1 1 1 0 0 1 0 0 0]
}

func Example_shards() {
	whole := must(spatialdropout.New(0.5, spatialdropout.WithSeed(7)))
	fmt.Println(kept(must(whole.Draw(must(layout.NCW.Of(2, 4, 2))))))
	// Sample 1 of 2 and channels 2 and 3 of 4.
	drop, err := spatialdropout.New(0.5, spatialdropout.WithSeed(7), spatialdropout.WithShard(mask.Shard{
		SampleOffset: 1, Samples: 2, ChannelOffset: 2, Channels: 4,
	}))
	if err != nil {
		log.Fatal(err)
	}
	geom, err := layout.NCW.Of(1, 2, 2) // what is here
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(kept(must(drop.Draw(geom))))
	// Output:
	// [0 0 1 1 1 0 1 0]
	// [1 0]
}

func Example_elements() {
	drop := must(spatialdropout.New(0.5, spatialdropout.WithSeed(7)))
	geom := must(layout.NC.Of(1, 4))
	// tensorOf makes a tensor of what a framework holds: bytes, and the name of their type.
	tensorOf := func(memory []byte, dtype string, geom layout.Geometry) (spatialdropout.Tensor, error) {
		kind := map[string]*kernel.Kind{"float32": kernel.F32, "float64": kernel.F64, "float16": kernel.F16, "bfloat16": kernel.BF16}[dtype]
		if kind == nil {
			return spatialdropout.Tensor{}, fmt.Errorf("dropout of %s", dtype)
		}
		return spatialdropout.Tensor{Data: kernel.OfBytes(kind, memory), Geometry: geom}, nil
	}
	memory := make([]byte, 8)
	for i, h := range []uint16{0x3f80, 0x4000, 0x4040, 0x4080} { // 1 to 4
		binary.NativeEndian.PutUint16(memory[2*i:], h)
	}
	x := must(tensorOf(memory, "bfloat16", geom))
	must(drop.Forward(x, x))
	for i := range 4 {
		fmt.Print(kernel.BF16.Type().Widen(binary.NativeEndian.Uint16(memory[2*i:])), " ")
	}
	_, err := tensorOf(memory, "int8", geom)
	fmt.Println(err)
	// Output:
	// 0 0 6 8 dropout of int8
}

func Example_workers() {
	geom := must(layout.NCW.Of(1, 4, 2))
	x := numbers(geom)
	drop, err := spatialdropout.New(0.5, spatialdropout.WithSeed(7), spatialdropout.WithWorkers(1))
	if err != nil {
		log.Fatal(err)
	}
	must(drop.Forward(spatialdropout.Of(x, geom), spatialdropout.Of(x, geom)))
	fmt.Println(x)
	// Output:
	// [0 0 0 0 10 12 14 16]
}

func Example_factors() {
	const samples, channels = 2, 4
	geom := must(layout.NHWC.Of(samples, 8, 8, channels))
	drop := must(spatialdropout.New(0.5, spatialdropout.WithSeed(7)))
	m, err := drop.Draw(geom)
	if err != nil {
		log.Fatal(err)
	}
	factors := make([]float32, samples*channels) // N×1×1×C, or N×C×1×1 for channels first
	if err := mask.Factors(mask.Float32, factors, m, channels); err != nil {
		log.Fatal(err) // a mask that divides or shifts
	}
	fmt.Println(factors)

	for _, r := range []mask.Rule{mask.Quotient, mask.CompiledQuotient, mask.Alpha, mask.Unscaled} {
		m := must(mask.New(samples, channels, 0.5, mask.Arithmetic{Rule: r}))
		var refused *mask.ArgumentError
		fmt.Println(r,
			errors.As(mask.Factors(mask.Float32, factors, m, channels), &refused),
			errors.As(mask.Factors(mask.BFloat16, make([]uint16, samples*channels), m, channels), &refused))
	}
	// Output:
	// [0 0 2 2 2 0 2 0]
	// Quotient true true
	// CompiledQuotient false true
	// Alpha true true
	// Unscaled false false
}

func Example_state() {
	gen := spatialdropout.NewGenerator(mask.PyTorch(0))
	geom := must(layout.NC.Of(1, 16))
	drop := must(spatialdropout.New(0.5, spatialdropout.WithGenerator(gen)))
	must(drop.Draw(geom))
	// Layers that share a generator: its state once, and theirs without it.
	saved, err := json.Marshal(struct {
		Generator spatialdropout.GeneratorState
		Layers    []spatialdropout.State
	}{gen.State(), []spatialdropout.State{drop.State()}})
	if err != nil {
		log.Fatal(err)
	}
	want := kept(must(drop.Draw(geom)))

	var checkpoint struct {
		Generator spatialdropout.GeneratorState
		Layers    []spatialdropout.State
	}
	if err := json.Unmarshal(saved, &checkpoint); err != nil {
		log.Fatal(err)
	}
	stream, err := mask.ParseStream(checkpoint.Generator.Stream)
	if err != nil {
		log.Fatal(err)
	}
	shared := spatialdropout.NewGenerator(stream)
	if err := shared.Restore(checkpoint.Generator); err != nil {
		log.Fatal(err)
	}
	for _, state := range checkpoint.Layers {
		layer, err := spatialdropout.Restore(state, spatialdropout.WithGenerator(shared))
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(want)
		fmt.Println(kept(must(layer.Draw(geom))))
	}
	// Output:
	// [1 1 0 0 1 0 1 0 1 0 0 0 0 1 0 0]
	// [1 1 0 0 1 0 1 0 1 0 0 0 0 1 0 0]
}

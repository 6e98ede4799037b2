package mask_test

import (
	"fmt"
	"log"

	"github.com/spatialdropout/spatialdropout/mask"
)

func ExamplePhilox() {
	m, err := mask.New(2, 16, 0.5, mask.Arithmetic{})
	if err != nil {
		log.Fatal(err)
	}
	mask.Philox{Seed: 42}.Draw(m, mask.Place{})
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
	if err := mask.Factors(factors, m, 4); err != nil { // a sample takes four entries: one is padding
		log.Fatal(err)
	}
	fmt.Println(factors)
	// Output: [1.25 0 1.25 0]
}

func ExampleFactorsF16() {
	m, err := mask.New(1, 3, 0.2, mask.Arithmetic{})
	if err != nil {
		log.Fatal(err)
	}
	m.Set(0, 1, false)
	factors := make([]uint16, 3)
	if err := mask.FactorsF16(factors, m, 3); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%#04x\n", factors) // 1.25 in float16 is 0x3d00
	// Output: [0x3d00 0x0000 0x3d00]
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

func ExampleCheckRate() {
	fmt.Println(mask.CheckRate(0.5))
	fmt.Println(mask.CheckRate(-0.5))
	// Output:
	// <nil>
	// mask: rate -0.5, want a number from 0 to 1
}

func ExampleMask_Reset() {
	var m mask.Mask
	for step := range uint64(2) { // the second Reset and Draw do not allocate
		if err := m.Reset(8, 64, 0.25, mask.Arithmetic{}); err != nil {
			log.Fatal(err)
		}
		mask.Philox{Seed: 1}.Draw(&m, mask.Place{Step: step})
		fmt.Println(m.CountKept(), "of", m.Samples()*m.Channels(), "times", m.Factor())
	}
	// Output:
	// 392 of 512 times 1.3333333333333333
	// 386 of 512 times 1.3333333333333333
}

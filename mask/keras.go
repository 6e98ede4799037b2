package mask

// KerasSeed returns the seed that a Keras layer without one gets after
// keras.utils.set_random_seed(seed), on every backend, if so many numbers were taken before:
// Python's random.randint(1, 10**9). Layers take one when they are made, and so do the
// initializers of parameters. README.md says which. The time grows with taken.
//
// It is the seed of [KerasTorch], [KerasTensorFlow] and [KerasJAX].
func KerasSeed(seed, taken uint32) int32 {
	const most = 1_000_000_000 // of 30 bits
	var g mersenne
	g.seedByArray(seed)
	for at := blockWords; ; at++ {
		if at == blockWords {
			g.next()
			at = 0
		}
		r := g.words[at] >> 2
		if r >= most {
			continue // Python draws again
		}
		if taken == 0 {
			return int32(r) + 1
		}
		taken--
	}
}

// seedByArray is init_by_array of mt19937's authors with one number: Python's random.seed.
func (g *mersenne) seedByArray(key uint32) {
	g.seed(19650218)
	s := &g.state
	i := 1
	step := func(factor, add uint32) {
		s[i] = (s[i] ^ (s[i-1]^s[i-1]>>30)*factor) + add
		if i++; i == blockWords {
			s[0], i = s[blockWords-1], 1
		}
	}
	for range blockWords {
		step(1664525, key)
	}
	for range blockWords - 1 {
		step(1566083941, -uint32(i))
	}
	s[0] = 1 << 31
}

//go:build purego || !(amd64 || arm64)

package kernel

func dispatchPhilox(bits *uint64, words int, t *trials) { philoxGeneric(bits, words, t) }

func dispatchThreefry(bits *uint64, words int, t *trials) { threefryGeneric(bits, words, t) }

func dispatchThreefryPairs(first, second *uint64, words int, t *trials) {
	threefryPairsGeneric(first, second, words, t)
}

func dispatchMersenneTwister(words, state *[624]uint32) { mersenneTwisterGeneric(words, state) }

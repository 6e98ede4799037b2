//go:build purego || !(amd64 || arm64)

package draw

func dispatchPhilox(bits *uint64, words int, t *trials) { philoxGeneric(bits, words, t) }

func dispatchThreefry(bits *uint64, words int, t *trials) { threefryGeneric(bits, words, t) }

func dispatchThreefryPairs(first, second *uint64, words int, t *trials) {
	threefryPairsGeneric(first, second, words, t)
}

func dispatchMersenneTwister(words, state *[624]uint32) { mersenneTwisterGeneric(words, state) }

func dispatchCompareWords(bits *uint64, words *uint32, eights int, mask, threshold uint32) {
	compareWordsGeneric(bits, words, eights, mask, threshold)
}

func dispatchComparePairs(bits *uint64, words *uint32, eights int, threshold uint64) {
	comparePairsGeneric(bits, words, eights, threshold)
}

func dispatchMCG31(bits *uint64, words int, powers *[66]uint32, x, threshold uint32) {
	mcg31Generic(bits, words, powers, x, threshold)
}

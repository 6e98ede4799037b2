//go:build purego || !(amd64 || arm64)

package kernel

func dispatchPhilox(bits *uint64, words int, t *trials) { philoxGeneric(bits, words, t) }

func dispatchThreefry(bits *uint64, words int, t *trials) { threefryGeneric(bits, words, t) }

func dispatchThreefryPairs(first, second *uint64, words int, t *trials) {
	threefryPairsGeneric(first, second, words, t)
}

func dispatchMersenneTwister(words, state *[624]uint32) { mersenneTwisterGeneric(words, state) }

func dispatchWordsBelow(bits *uint64, words *uint32, eights int, mask, below uint32) {
	wordsBelowGeneric(bits, words, eights, mask, below)
}

func dispatchPairsBelow(bits *uint64, words *uint32, eights int, below uint64) {
	pairsBelowGeneric(bits, words, eights, below)
}

func dispatchMCG31(bits *uint64, words int, powers *[66]uint32, x, below uint32) {
	mcg31Generic(bits, words, powers, x, below)
}

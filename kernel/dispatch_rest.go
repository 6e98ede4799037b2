//go:build !purego && (amd64 || arm64)

package kernel

func dispatchMersenneTwister(words, state *[624]uint32) { mersenneTwisterGeneric(words, state) }

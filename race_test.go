//go:build race

package spatialdropout_test

const raceEnabled = true

//go:build purego || !(amd64 || arm64)

package tier

// order has the tiers of this build: plain Go.
var order = []string{Generic}

func detect() []string { return supported() }

func set(string) {}

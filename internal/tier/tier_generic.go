//go:build purego || !(amd64 || arm64)

package tier

var order = []string{Generic}

func detect() string { return Generic }

func set(string) {}

// Package maps holds the activations of a trained network that the benchmark
// works on. README.md says where they come from.
package maps

import "embed"

// Files are the feature maps, one .npy file each: float32, laid out NCHW.
//
//go:embed *.npy
var Files embed.FS

// Package maps holds activations of a trained network, on which the benchmark works.
// README.md names their origin and licence.
package maps

import "embed"

// Files holds the feature maps as .npy files of float32 in NCHW.
//
//go:embed *.npy
var Files embed.FS

//go:build !purego

package kernel

import "github.com/spatialdropout/spatialdropout/internal/tier"

// streams reports whether the tier in use has kernels that store past the cache.
func streams() bool { return tier.AVX512 || tier.AVX2 }

// strips reports whether fused kernels of the tier in use hold what short rows of floats share.
func strips() bool { return tier.AVX512 }

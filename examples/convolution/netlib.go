//go:build netlib

package main

import (
	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/netlib/blas/netlib"
)

// With the tag netlib the products are those of a BLAS in C, which the linker is told by CGO_LDFLAGS.
func init() {
	blas32.Use(netlib.Implementation{})
	library = "gonum.org/v1/netlib"
}

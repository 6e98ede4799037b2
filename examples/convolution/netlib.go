//go:build netlib

package main

import (
	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/netlib/blas/netlib"
)

// library says whose products of matrices are measured: those of a BLAS in C, which CGO_LDFLAGS names to
// the linker.
const library = "gonum.org/v1/netlib"

func init() { blas32.Use(netlib.Implementation{}) }

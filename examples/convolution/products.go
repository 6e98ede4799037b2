//go:build !netlib

package main

// library says whose products of matrices are measured.
const library = "gonum.org/v1/gonum"

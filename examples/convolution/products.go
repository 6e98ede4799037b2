package main

// library says whose products of matrices are measured.
var library = "gonum.org/v1/gonum"

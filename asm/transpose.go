package main

import "fmt"

// A transposition is a routine that copies lines of elements of a size to the columns of
// rows.
type transposition struct {
	name string // without a tier
	typ  string // Go type with as many bytes
	size int
}

var transpositions = []transposition{
	{"transpose16", "uint16", 2},
	{"transpose32", "uint32", 4},
	{"transpose64", "uint64", 8},
}

// few is how many elements of a line, and how many lines, a small tile takes.
const few = 4

// signature is the signature of the routine on every tier.
func (t transposition) signature() string {
	return fmt.Sprintf("func(dst, src *%s, rows, columns, to, from int)", t.typ)
}

// doc is the doc comment of the routine on a tier.
func (t transposition) doc(tier string) []string {
	return []string{
		fmt.Sprintf("%s%s copies element r of line c of src to element c of row r of dst, for all r below rows and c below columns.", t.name, tier),
		"Rows begin to bytes apart, and lines from bytes apart. dst and src must not overlap.",
		fmt.Sprintf("Of a line fewer than %[1]d elements are read as %[1]d, and fewer than %[1]d rows or columns are written as %[1]d: the first rows may reach into those that follow.", few),
	}
}

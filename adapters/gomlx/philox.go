package gomlx

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

// philoxWords returns words of Philox4x32-10 with the key seed, as numbers of 64 bits: count
// of them from index first on, where word i is number i mod 4 of the block with counter
// (i div 4, step). Indexes are taken modulo 2⁶⁴.
func philoxWords(seed uint64, step *graph.Node, first uint64, count int) *graph.Node {
	g := step.Graph()
	number := func(x uint64) *graph.Node { return graph.Const(g, x) }
	low := func(x *graph.Node) *graph.Node { return graph.BitwiseAnd(x, number(1<<32-1)) }
	high := func(x *graph.Node) *graph.Node { return graph.BitwiseShiftRightLogical(x, number(32)) }
	xor := func(x, y *graph.Node, k uint32) *graph.Node {
		return graph.BitwiseXor(graph.BitwiseXor(x, y), number(uint64(k)))
	}

	skip := int(first % 4)
	blocks := (skip + count + 3) / 4
	block := graph.Add(graph.Iota(g, shapes.Make(dtypes.Uint64, blocks), 0), number(first/4))
	block = graph.BitwiseAnd(block, number(1<<62-1))
	c := [4]*graph.Node{low(block), high(block), low(step), high(step)}
	key := [2]uint32{uint32(seed), uint32(seed >> 32)}
	for range 10 {
		p, q := graph.Mul(c[0], number(0xd2511f53)), graph.Mul(c[2], number(0xcd9e8d57))
		c = [4]*graph.Node{xor(high(q), c[1], key[0]), low(q), xor(high(p), c[3], key[1]), low(p)}
		key[0], key[1] = key[0]+0x9e3779b9, key[1]+0xbb67ae85
	}
	words := graph.Reshape(graph.Stack(c[:], 1), 4*blocks)
	return graph.Slice(words, graph.AxisRange(skip, skip+count))
}

package kernel

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"

	"github.com/spatialdropout/spatialdropout/internal/dtype"
	"github.com/spatialdropout/spatialdropout/internal/machine"
	"github.com/spatialdropout/spatialdropout/internal/tier"
)

// meaning returns the operation that does to each kept or dropped element what a compaction does.
func (op Compaction) meaning() Op {
	if op == ScatterAdd {
		return Add
	}
	return Scale
}

// testCompact runs a kernel that compacts on planes or rows of all lengths, at misalignments of
// dst with one of src, Gather also in place and to memory that begins before src. What surrounds dst
// must stay, and what is left of src in place. known has what is expected of each meaning.
func testCompact[T number](t *testing.T, k compactID, known map[Op]any) {
	c := &compactCatalogue[k]
	op := &compactTable[c.op]
	r := rand.New(rand.NewPCG(5, uint64(k)))
	size := c.typ.Size()
	lanes := 64 / size
	guard := 2 * lanes
	lengths := lengths(c.typ)
	most := max(dense*mostRows, lengths[len(lengths)-1]*4) + lanes + 4*guard
	room, want, from := aligned[T](most), aligned[T](most), aligned[T](most)
	loose := make([]bool, most)
	meaning := c.op.meaning()
	if known[meaning] == nil {
		r := rand.New(rand.NewPCG(uint64(meaning), uint64(c.typ))) // the same whichever kernels run
		known[meaning] = expect(r, hard[T], most+dense, elsewhere, coreOracle(formatOf[T](), meaning, false))
	}
	e := known[meaning].(*expectation[T])
	machine.EveryTier(t, func(t *testing.T) {
		for _, length := range lengths {
			switch plain := Tier() == tier.Generic; {
			case plain && length > 20 && length%5 != 0:
				continue // slow, and without an end that differs
			case c.past && length < lanes, c.past && c.shape == pixels && length%lanes != 0:
				continue
			}
			for rep := range 8 {
				if length > dense && rep > 1 {
					break
				}
				count := 1 + r.IntN(4)
				if length < dense && rep%2 == 0 {
					count = 1 + r.IntN(min(mostRows, dense*mostRows/length))
				}
				shift, source, at := r.IntN(lanes), r.IntN(lanes), r.IntN(dense)
				if c.past && c.shape == pixels {
					shift = 0 // dst begins on a cache line
				}
				entries := count
				if c.shape == pixels {
					entries = length
				}
				channels, factors, _, _ := e.draw(r, entries)
				if rep%4 == 3 { // few are kept, at one end or anywhere
					channels, factors = slices.Clone(channels), slices.Clone(factors)
					for i := range channels {
						if i > 1 && i < entries-1 && r.IntN(8) > 0 {
							channels[i], factors[i] = 0, 0 // the first one is dropped
						}
					}
				}
				n := count * length
				all := n + shift + 3*guard
				// kept are the elements of the full side that the packed side has.
				var kept []int
				entry := func(i int) int {
					if c.shape == pixels {
						return i % length
					}
					return i / length
				}
				channel := func(i int) int { return channels[entry(i)] }
				for i := range n {
					if !formatOf[T]().zero(bitsOf(factors[entry(i)])) {
						kept = append(kept, i)
					}
				}
				copy(room[:all], e.y[at:])
				copy(want[:all], e.y[at:])
				clear(loose[:all])
				base := at + guard + shift
				src := from[guard+source:][:n]
				begin := guard + shift
				if op.gathers {
					switch rep % 3 {
					case 1:
						src = room[begin:][:n]
					case 2:
						src = room[begin+1+r.IntN(guard):][:n]
					}
					copy(src, e.x[base:][:n])
					copy(want[:all], room[:all])
					for j, i := range kept {
						want[begin+j], loose[begin+j] = e.want[channel(i)][base+i], e.loose[channel(i)][base+i]
					}
				} else {
					for j, i := range kept {
						src[j] = e.x[base+i]
					}
					src = src[:len(kept)]
					for i := range n {
						want[begin+i], loose[begin+i] = e.want[channel(i)][base+i], e.loose[channel(i)][base+i]
					}
				}
				before := append([]T(nil), from[:guard+source+n]...)
				compactDispatch[c.typ](k, unsafe.Pointer(&room[begin]), unsafe.Pointer(unsafe.SliceData(src)), unsafe.Pointer(&factors[0]), count, length)
				if i := differ(room[:all], want[:all], loose); i >= 0 {
					t.Fatalf("%v of %d×%d, %d kept, dst %d and src %d elements from a cache line, way %d: element %d is %#x, want %#x", k, count, length, len(kept), shift, source, rep, i-begin, bitsOf(room[i]), bitsOf(want[i]))
				}
				if !bytes.Equal(bytesOf(before), bytesOf(from[:len(before)])) {
					t.Fatalf("%v of %d×%d wrote to src", k, count, length)
				}
			}
		}
	})
}

// compactDispatch has the function of each type.
var compactDispatch = [...]func(k compactID, dst, src, factors unsafe.Pointer, count, length int){
	dtype.Float32: dispatchCompactF32, dtype.Float64: dispatchCompactF64, dtype.Float16: dispatchCompactF16, dtype.BFloat16: dispatchCompactBF16,
}

func compactRoutine(k compactID) routine {
	c := compactCatalogue[k]
	r := routine{family: "compact", name: c.name, does: c.op.String(), typ: c.typ, past: c.past, shape: c.shape}
	r.exec = func(a arguments, count, length int) {
		compactDispatch[c.typ](k, a.dst, a.src, a.factors, count, length)
	}
	r.call = func(count, length int, kept [2]bool) machine.Call {
		channels, each := count, length
		if c.shape == pixels {
			channels, each = length, count
		}
		keeps := 0
		for i := range channels {
			if kept[i%2] {
				keeps++
			}
		}
		to, from := channels*each, keeps*each
		if compactTable[c.op].gathers {
			to, from = from, to
		}
		dst := operand("dst", c.typ, to)
		dst.Written = true
		return machine.Call{
			Operands: []machine.Operand{dst, operand("src", c.typ, from), factorOperand(c.typ, channels, kept)},
			Run: func(at []unsafe.Pointer) {
				r.exec(arguments{dst: at[0], src: at[1], factors: at[2]}, count, length)
			},
		}
	}
	return r
}

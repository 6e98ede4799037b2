package kernel

import (
	"encoding/binary"
	"unsafe"

	"github.com/spatialdropout/spatialdropout/internal/dtype"
	"github.com/spatialdropout/spatialdropout/internal/machine"
)

// routine is a kernel of any family, as the tests know it.
type routine struct {
	family string
	name   string
	does   string // its operation: those of one type that do the same have the same results
	number uint64 // of all routines; of a core one its id
	typ    dtype.Type
	past   bool
	shape  shape
	// call returns a call on count planes or rows of a length. kept says which of every two
	// channels are not dropped. A kernel of four planes has count planes to clear, at most
	// four.
	call func(count, length int, kept [2]bool) machine.Call
	// meanings are what a kernel computes of elements that lie at the same place in all
	// operands. Others have none.
	meanings []meaning
	exec     func(a arguments, count, length int)
}

func (r routine) String() string { return r.name }

// arguments are the operands of a kernel of any family. Those that it does not take do not
// matter.
type arguments struct{ dst, src, aux, factors, scales, shifts, limit unsafe.Pointer }

// meaning says what a kernel computes where dst is at some place, and with some limit.
type meaning struct {
	conditions
	oracle oracle
}

// conditions are what, of routines that do the same, a result depends on besides the elements.
type conditions struct {
	place     placement
	limit     uint64
	untouched bool // see [format.oracle]
}

// placement says which operand dst is.
type placement uint8

const (
	elsewhere placement = iota
	ofSrc
	ofAux
)

func (p placement) String() string { return [...]string{"apart", "in place", "in aux"}[p] }

// oracle returns the result for an element and whether it is loose, see [format.oracle].
type oracle func(y, x, z uint64, c channel) (want uint64, loose bool)

// takes reports whether a kernel accepts planes or rows of a length.
func (r routine) takes(length int) bool {
	lanes := 64 / r.typ.Size()
	return !(r.past && length < lanes || (r.past && r.shape == pixels || r.shape == fourPlanes) && length%lanes != 0)
}

// eachRoutine calls f with the kernels of every family.
func eachRoutine(f func(r routine)) {
	n := uint64(0)
	each := func(r routine) {
		n++
		r.number = n
		f(r)
	}
	eachKernel(func(k id) { each(coreRoutine(k)) })
	for k := noFused + 1; k < fusedIDs; k++ {
		each(fusedRoutine(k))
	}
	for k := noCompact + 1; k < compactIDs; k++ {
		each(compactRoutine(k))
	}
}

// operand returns an operand of n elements.
func operand(name string, typ dtype.Type, n int) machine.Operand {
	return machine.Operand{Name: name, Bytes: n * typ.Size()}
}

// factorOperand returns the factors of channels, of which kept says which of every two are
// not dropped.
func factorOperand(typ dtype.Type, channels int, kept [2]bool) machine.Operand {
	o := operand("factors", typ, channels)
	all := alternating[typ][kept]
	for i := len(all) / typ.Size(); i < channels; i++ {
		value := uint64(0)
		if kept[i%2] {
			value = formats[typ].one() + 1
		}
		switch typ.Size() {
		case 2:
			all = binary.NativeEndian.AppendUint16(all, uint16(value))
		case 4:
			all = binary.NativeEndian.AppendUint32(all, uint32(value))
		case 8:
			all = binary.NativeEndian.AppendUint64(all, value)
		}
	}
	alternating[typ][kept] = all
	o.Fill = func(at unsafe.Pointer) { copy(unsafe.Slice((*byte)(at), o.Bytes), all) }
	return o
}

// alternating has the factors of all channels so far, by their type and by which are kept: filling
// an operand takes more time than a call.
var alternating = map[dtype.Type]map[[2]bool][]byte{dtype.Float32: {}, dtype.Float64: {}, dtype.Float16: {}, dtype.BFloat16: {}}

func coreRoutine(k id) routine {
	c, f := catalogue[k], formats[k.typ()]
	r := routine{family: "core", name: c.name, does: c.op.String(), typ: c.typ, past: c.past, shape: c.shape}
	r.call = func(count, length int, kept [2]bool) machine.Call { return coreCall(k, count, length, kept) }
	r.exec = func(a arguments, count, length int) { k.exec(a.dst, a.src, a.factors, a.shifts, count, length) }
	if c.shape == fourPlanes {
		return r
	}
	add := func(place placement, untouched bool) {
		r.meanings = append(r.meanings, meaning{conditions{place: place, untouched: untouched}, coreOracle(f, c.op, untouched)})
	}
	add(elsewhere, false)
	if !c.past {
		add(ofSrc, c.shape != pixels)
	}
	return r
}

func coreOracle(f *format, op Op, untouched bool) oracle {
	return func(y, x, _ uint64, c channel) (uint64, bool) {
		return f.oracle(op, y, x, c.factor, c.shift, untouched)
	}
}

func coreCall(k id, count, length int, kept [2]bool) machine.Call {
	c := catalogue[k]
	size := c.typ.Size()
	planes, channels := count, count
	var b fourPlaces
	switch {
	case c.shape == fourPlanes:
		// Four of eight planes are computed, with those at both ends or without.
		planes, channels = 8, 8
		b.fills, b.backward = count, -(count / 2 % 2)
		for i := range 4 {
			computed, cleared := (i+6)%8, (i+2)%8
			if count%2 == 0 {
				computed, cleared = cleared, computed
			}
			b.at[i], b.factor[i] = computed*length*size, computed*size
			b.fill[i] = cleared * length * size
		}
		count = 4
	case c.shape == pixels:
		channels = length
	}
	dst := operand("dst", c.typ, planes*length)
	dst.Written = true
	all := machine.Call{Operands: []machine.Operand{dst, operand("src", c.typ, planes*length), factorOperand(c.typ, channels, kept)}}
	switch {
	case c.shape == fourPlanes:
		all.Operands = append(all.Operands, machine.Operand{Name: "places", Bytes: int(unsafe.Sizeof(b)), Fill: func(at unsafe.Pointer) { *(*fourPlaces)(at) = b }})
	case operations[c.op].shifts:
		all.Operands = append(all.Operands, operand("shifts", c.typ, channels))
	default:
		all.Run = func(at []unsafe.Pointer) { k.exec(at[0], at[1], at[2], nil, count, length) }
		return all
	}
	all.Run = func(at []unsafe.Pointer) { k.exec(at[0], at[1], at[2], at[3], count, length) }
	return all
}

// fusedDispatch has the function of each type.
var fusedDispatch = [...]func(k fusedID, dst, src, aux, factors, scales, shifts, limit unsafe.Pointer, count, length int){
	dtype.Float32: dispatchFusedF32, dtype.Float64: dispatchFusedF64, dtype.Float16: dispatchFusedF16, dtype.BFloat16: dispatchFusedBF16,
}

func fusedRoutine(k fusedID) routine {
	c, f := fusedCatalogue[k], formats[fusedCatalogue[k].typ]
	op := &fusedTable[c.op]
	r := routine{family: "fused", name: c.name, does: c.op.String(), typ: c.typ, past: c.past, shape: c.shape}
	r.exec = func(a arguments, count, length int) {
		fusedDispatch[c.typ](k, a.dst, a.src, a.aux, a.factors, a.scales, a.shifts, a.limit, count, length)
	}
	r.call = func(count, length int, kept [2]bool) machine.Call {
		channels := count
		if c.shape == pixels {
			channels = length
		}
		var all machine.Call
		var to []func(*arguments) *unsafe.Pointer
		add := func(o machine.Operand, argument func(*arguments) *unsafe.Pointer) {
			all.Operands, to = append(all.Operands, o), append(to, argument)
		}
		dst := operand("dst", c.typ, count*length)
		dst.Written = true
		add(dst, func(a *arguments) *unsafe.Pointer { return &a.dst })
		add(operand("src", c.typ, count*length), func(a *arguments) *unsafe.Pointer { return &a.src })
		add(factorOperand(c.typ, channels, kept), func(a *arguments) *unsafe.Pointer { return &a.factors })
		add(operand("scales", c.typ, channels), func(a *arguments) *unsafe.Pointer { return &a.scales })
		if op.aux {
			add(operand("aux", c.typ, count*length), func(a *arguments) *unsafe.Pointer { return &a.aux })
		}
		if op.shifts {
			add(operand("shifts", c.typ, channels), func(a *arguments) *unsafe.Pointer { return &a.shifts })
		}
		if op.limit {
			add(operand("limit", c.typ, 1), func(a *arguments) *unsafe.Pointer { return &a.limit })
		}
		all.Run = func(at []unsafe.Pointer) {
			var a arguments
			for i, argument := range to {
				*argument(&a) = at[i]
			}
			r.exec(a, count, length)
		}
		return all
	}
	limits := []uint64{f.inf(), f.one()}
	if op.activation == leaking {
		limits = []uint64{f.of(0.01), f.of(-1.0 / 3)}
	}
	if !op.limit {
		limits = limits[:1]
	}
	add := func(place placement, limit uint64) {
		r.meanings = append(r.meanings, meaning{conditions{place: place, limit: limit}, func(_, x, z uint64, c channel) (uint64, bool) { return f.fused(op, x, z, c, limit) }})
	}
	for _, limit := range limits {
		add(elsewhere, limit)
	}
	if !c.past {
		add(ofSrc, limits[len(limits)-1])
		if op.aux {
			add(ofAux, limits[0])
		}
	}
	return r
}

// fused returns the result of a fusion for one element, as it is documented, see
// [format.oracle].
func (f *format) fused(op *fusion, x, z uint64, c channel, limit uint64) (want uint64, loose bool) {
	if f.zero(c.factor) {
		if op.adds() {
			return z, false
		}
		return 0, false
	}
	// Where two NaNs meet, the result is loose, and so is what follows from it.
	times := func(a, b uint64) uint64 {
		loose = loose || f.nan(a) && f.nan(b)
		return f.times(a, b)
	}
	plus := func(a, b uint64) uint64 {
		loose = loose || f.nan(a) && f.nan(b)
		return f.plus(a, b)
	}
	t := z
	if !op.backward {
		t = plus(c.shift, times(x, c.scale))
	} else if op.shifts {
		before := loose
		t = plus(c.shift, times(z, c.scale))
		loose = before // t is compared only
	}
	if op.backward {
		x = times(x, c.factor)
		switch above, limited := f.compare(t, 0) > 0, op.limit && limit != f.inf() && f.compare(t, limit) >= 0; {
		case op.activation == leaking && !above:
			x = times(limit, x)
		case op.activation == clipped && !f.nan(t) && (!above || limited):
			x = 0
		}
		return times(x, c.scale), loose
	}
	switch {
	case op.activation == leaking && !(f.compare(t, 0) > 0):
		t = times(limit, t)
	case op.activation == clipped && f.nan(t):
	case op.activation == clipped && f.compare(t, 0) <= 0:
		t = 0
	case op.activation == clipped && f.compare(t, limit) > 0:
		t = limit
	}
	y := times(t, c.factor)
	if op.adds() {
		y = plus(z, y)
	}
	return y, loose
}

// compare returns a negative number, 0 or a positive one as a is less than b, equal or greater.
// A NaN is less than everything.
func (f *format) compare(a, b uint64) int {
	if f.nan(a) {
		return -1
	}
	order := func(bits uint64) int64 {
		if bits&f.sign() != 0 {
			return -int64(bits &^ f.sign())
		}
		return int64(bits)
	}
	switch a, b := order(a), order(b); {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

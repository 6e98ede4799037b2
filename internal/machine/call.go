package machine

import (
	"fmt"
	"testing"
	"unsafe"
)

// Operand is memory that a call reads or writes.
type Operand struct {
	Name    string
	Bytes   int
	Written bool
	Fill    func(at unsafe.Pointer) // nil if any bits will do
}

// fill sets an operand that lies at an address.
func (o Operand) fill(at unsafe.Pointer) {
	if o.Fill != nil {
		o.Fill(at)
	}
}

// Call is one call of a routine that has assembly. A test chooses where its
// operands lie.
type Call struct {
	Operands []Operand // at most [MaxOperands]
	Run      func(at []unsafe.Pointer)
}

// MaxOperands is how many operands a call may have.
const MaxOperands = 7

// String says which operands a call has.
func (c Call) String() string {
	s := "a call with"
	for _, o := range c.Operands {
		s += fmt.Sprintf(" %d bytes of %s", o.Bytes, o.Name)
	}
	return s
}

// Calls runs a test on calls of many sizes of each routine of a package, in a
// subtest for each routine.
type Calls func(t *testing.T, test func(t *testing.T, c Call))

// onLine returns the first address from at up that a cache line begins at:
// streaming stores need one. There must be 64 bytes more than the operand has.
func onLine(at unsafe.Pointer) unsafe.Pointer { return unsafe.Add(at, -uintptr(at)&63) }

// Benchmark measures a call on every tier, in bytes that it writes. The name is made of keys and
// values as benchstat reads them, such as "routine=scale/bytes=256".
func Benchmark(b *testing.B, name string, c Call) {
	var at [MaxOperands]unsafe.Pointer
	written := 0
	for i, o := range c.Operands {
		at[i] = onLine(unsafe.Pointer(&make([]uint64, o.Bytes/8+9)[0]))
		o.fill(at[i])
		if o.Written {
			written += o.Bytes
		}
	}
	EachTier(func(tier string) {
		b.Run(name+"/tier="+tier, func(b *testing.B) {
			b.SetBytes(int64(written))
			for range b.N {
				c.Run(at[:])
			}
		})
	})
}

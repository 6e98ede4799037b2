package main

import (
	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/reg"
)

// amd64F16C returns the function that asks the processor for F16C, the one feature of
// the tiers that golang.org/x/sys/cpu does not report: leaf 1 of CPUID, bit 29 of ECX.
func amd64F16C() (*ir.File, error) {
	c := build.NewContext()
	c.ConstraintExpr("!purego")
	c.Function("f16c")
	c.Attributes(attr.NOSPLIT)
	c.Doc("f16c reports whether the CPU converts float16.")
	c.SignatureExpr("func() bool")
	c.MOVL(operand.U32(1), reg.EAX)
	c.XORL(reg.ECX, reg.ECX)
	c.CPUID()
	has := c.GP8()
	c.BTL(operand.U8(29), reg.ECX)
	c.SETCS(has)
	c.Store(has, c.ReturnIndex(0))
	c.RET()
	f, err := c.Result()
	if err != nil {
		return nil, err
	}
	return f, pass.Compile.Execute(f)
}

package main

import (
	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/reg"
)

// amd64CPUID returns the function that asks the processor: for F16C, the one feature of
// the tiers that x/sys does not know, and for its family and caches.
func amd64CPUID() (*ir.File, error) {
	c := build.NewContext()
	c.ConstraintExpr("!purego")
	c.Function("cpuid")
	c.Attributes(attr.NOSPLIT)
	c.Doc("cpuid returns what the CPUID instruction says of a leaf and its subleaf.")
	c.SignatureExpr("func(leaf, subleaf uint32) (a, b, c, d uint32)")
	c.Load(c.Param("leaf"), reg.EAX)
	c.Load(c.Param("subleaf"), reg.ECX)
	c.CPUID()
	for i, r := range []reg.Register{reg.EAX, reg.EBX, reg.ECX, reg.EDX} {
		c.Store(r, c.ReturnIndex(i))
	}
	c.RET()
	f, err := c.Result()
	if err != nil {
		return nil, err
	}
	return f, pass.Compile.Execute(f)
}

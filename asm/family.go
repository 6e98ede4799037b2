package main

import (
	"bytes"
	"fmt"
	"go/format"
	"strings"
)

// A family is a set of kernels of one signature. Package kernel has ids, a catalogue and a
// dispatch function for each type of every family, so that a program contains the families
// that it uses, and no others.
type family struct {
	name string // as in the names of files
	// kernels returns the kernels in the order of package kernel's constants.
	kernels func() []kernel
	// written reports whether a tier that may have a kernel has it in assembly. If no tier
	// has it, plain Go does its work.
	written func(t tier, k kernel) bool

	// The rest is of all families but core.
	operations []operation
	op, ops    string // the type of the operations in package kernel, and their number
	row        string // the type of what a table says of each
	inner      bool   // the constants of the operations are not exported
	doc        string // of the constants
	operands   string // of the function of a kernel, in order: pointers
	entry      func(o operation) string
}

var (
	core    = &family{name: "core", written: func(tier, kernel) bool { return true }}
	fused   = &family{name: "fused", op: "fusedOp", ops: "fusedOps", row: "fusion", inner: true, operands: "dst, src, aux, factors, scales, shifts, limit"}
	compact = &family{name: "compact", op: "Compaction", ops: "compactions", row: "compaction", operands: "dst, src, factors"}
)

// families are all of them, core first.
var families = []*family{core, fused, compact}

func init() {
	core.kernels = coreKernels
	describeFused()
	describeCompact()
}

// kernelsOf returns the kernels of operations of a family, those that write past the cache
// after the others.
func (f *family) kernelsOf(streamed map[string][]shape) []kernel {
	var all []kernel
	for _, stream := range []bool{false, true} {
		for _, o := range f.operations {
			some := shapes
			if stream {
				some = streamed[o.name]
			}
			for _, s := range some {
				for _, e := range elems {
					all = append(all, kernel{f, o, s, e, stream})
				}
			}
		}
	}
	return all
}

// dispatched returns the name of the family's function of a type, such as dispatchFusedF32.
func (f *family) dispatched(prefix string, e elem) string { return prefix + capital(f.name) + e.name }

// constant returns the name that package kernel has for an operation of the family.
func (f *family) constant(o operation) string {
	if f.inner {
		return o.name
	}
	return o.constant()
}

// catalogueFile returns the operations of a family, its kernels and what each computes.
func (f *family) catalogueFile() ([]byte, error) {
	id, none, ids := f.name+"ID", "no"+capital(f.name), f.name+"IDs"
	var b bytes.Buffer
	fmt.Fprintf(&b, "// %s\n\npackage kernel\n\nimport \"github.com/spatialdropout/spatialdropout/internal/dtype\"\n\n%sconst (\n", generated, commented(f.doc))
	for i, o := range f.operations {
		fmt.Fprintf(&b, "%s\t%s%s\n", commented(f.constant(o)+" "+o.meaning()), f.constant(o), map[bool]string{true: " " + f.op + " = iota"}[i == 0])
	}
	fmt.Fprintf(&b, "\t%s = iota\n)\n\n", f.ops)
	fmt.Fprintf(&b, "// %sTable says what each %s does.\nvar %[1]sTable = [%[3]s]%[2]s{\n", f.name, f.row, f.ops)
	for _, o := range f.operations {
		fmt.Fprintf(&b, "\t%s: {name: %q%s},\n", f.constant(o), f.constant(o), f.entry(o))
	}
	fmt.Fprintf(&b, "}\n\n// %s names a kernel of the family.\ntype %[1]s uint8\n\nconst (\n\t%s %[1]s = iota // no kernel\n", id, none)
	for _, k := range f.kernels() {
		fmt.Fprintf(&b, "\t%s\n", k.name())
	}
	fmt.Fprintf(&b, "\t%s = iota\n)\n\n// %sCatalogue says what each kernel computes.\nvar %[2]sCatalogue = [%[1]s]%[2]sEntry{\n", ids, f.name)
	for _, k := range f.kernels() {
		fmt.Fprintf(&b, "\t%s: {name: %q, op: %s, typ: %s, past: %v, shape: %s},\n", k.name(), k.name(), f.constant(k.operation), k.elem.id, k.stream, k.shape.constant())
	}
	fmt.Fprintf(&b, "}\n\n")
	for _, e := range elems {
		fmt.Fprintf(&b, "// %s lists the kernels of %s by operation: those that store as usual, and those that store past the cache.\nvar %[1]s = [%[3]s]%[4]sWays{\n", f.dispatched("ways", e), e.doc(), f.ops, f.name)
		for _, o := range f.operations {
			fmt.Fprintf(&b, "\t%s: {", f.constant(o))
			for _, past := range []bool{false, true} {
				fmt.Fprintf(&b, "{")
				for _, k := range f.kernels() {
					if k.elem == e && k.stream == past && k.operation.name == o.name {
						fmt.Fprintf(&b, "%s: %s, ", k.shape.constant(), k.name())
					}
				}
				fmt.Fprintf(&b, "}, ")
			}
			fmt.Fprintf(&b, "},\n")
		}
		fmt.Fprintf(&b, "}\n\n")
	}
	return format.Source(b.Bytes())
}

// commented returns a text as lines of a comment.
func commented(text string) string {
	var b strings.Builder
	line := "//"
	for _, word := range strings.Fields(text) {
		if len(line)+1+len(word) > 90 {
			b.WriteString(line + "\n")
			line = "//"
		}
		line += " " + word
	}
	return b.String() + line + "\n"
}

// dispatchFile returns, for each type, the choice between the tiers of one architecture,
// as the function of the same name does for core.
func (f *family) dispatchFile(arch string) ([]byte, error) {
	var b bytes.Buffer
	assembled := false
	for _, e := range elems {
		fmt.Fprintf(&b, "// %s runs kernel k of %s on the best tier in use.\nfunc %[1]s(k %[3]sID, %[4]s unsafe.Pointer, count, length int) {\n\tif race.Enabled {\n\t\trace%[5]s(k, %[4]s, count, length)\n\t}\n\tswitch k {\n", f.dispatched("dispatch", e), e.doc(), f.name, f.operands, capital(f.name))
		for _, k := range f.kernels() {
			if k.elem != e || k.symbol(tiers[arch][0].name) == "" {
				continue
			}
			assembled = true
			var arguments strings.Builder
			for _, o := range strings.Split(f.operands, ", ") {
				fmt.Fprintf(&arguments, "(*%s)(%s), ", k.typ, o)
			}
			fmt.Fprintf(&b, "\tcase %s:\n\t\tswitch {\n", k.name())
			for _, t := range tiers[arch] {
				if symbol := k.symbol(t.name); symbol != "" {
					fmt.Fprintf(&b, "\t\tcase tier.%s:\n\t\t\t%s(%scount, length)\n\t\t\treturn\n", t.name, symbol, arguments.String())
				}
			}
			fmt.Fprintf(&b, "\t\t}\n")
		}
		fmt.Fprintf(&b, "\t}\n\t%s(k, %s, count, length)\n}\n\n", f.dispatched("generic", e), f.operands)
	}
	imports := "\"github.com/spatialdropout/spatialdropout/internal/race\"\n"
	if assembled {
		imports += "\"github.com/spatialdropout/spatialdropout/internal/tier\"\n"
	}
	return format.Source([]byte(fmt.Sprintf("// %s\n\n//go:build !purego\n\npackage kernel\n\nimport (\n\"unsafe\"\n\n%s)\n\n%s", generated, imports, b.String())))
}

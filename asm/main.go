// Command asm writes the generated files of the packages kernel, internal/draw and
// internal/tier: the assembly of every tier with its declarations, the catalogue of
// kernels and the choice between the tiers. Its output depends on nothing but its
// source.
//
// An operation is an expression (expression.go, catalogue.go). Kernels of one signature are
// a family (family.go). A loop is written once
// (loops.go), over the primitives of a machine: x86 (amd64.go, and amd64_float.go and
// amd64_half.go for what depends on the type) and neon (arm64.go). The tiers are a table
// (tiers.go), and what only machines with streaming stores do is in amd64_stream.go. Routines that
// change the layout move elements and compute nothing (transpose.go).
// CONTRIBUTING.md says what a new tier, operation, type or stream takes.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/printer"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("asm: ")
	// avo claims the flags of flag.CommandLine.
	flags := flag.NewFlagSet("asm", flag.ExitOnError)
	out := flags.String("out", ".", "root `directory` of the module to write to")
	if err := flags.Parse(os.Args[1:]); err != nil {
		log.Fatal(err)
	}
	files, err := generate()
	if err != nil {
		log.Fatal(err)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(*out, filepath.FromSlash(name)), content, 0o644); err != nil {
			log.Fatal(err)
		}
	}
}

// generate returns every generated file by its path from the root.
func generate() (map[string][]byte, error) {
	files := map[string][]byte{}
	var err error
	add := func(name string, content []byte, e error) {
		files[name] = content
		if e != nil && err == nil {
			err = fmt.Errorf("%s: %w", name, e)
		}
	}
	content, e := catalogueFile()
	add("kernel/catalogue.go", content, e)
	for _, f := range families[1:] {
		content, e := f.catalogueFile()
		add("kernel/catalogue_"+f.name+".go", content, e)
	}

	for arch, program := range map[string]func([]kernel, tier) (*ir.File, error){"amd64": amd64Program, "arm64": arm64Program} {
		for _, t := range tiers[arch] {
			for _, f := range families {
				for _, e := range elems {
					if own := t.kernels(f, e); len(own) > 0 {
						file, err := program(own, t)
						printed(add, "kernel/"+t.file(f, e), file, err)
					}
				}
			}
		}
		content, e := dispatchFile(arch)
		add("kernel/dispatch_"+arch+".go", content, e)
		for _, f := range families[1:] {
			content, e := f.dispatchFile(arch)
			add("kernel/dispatch_"+f.name+"_"+arch+".go", content, e)
		}
	}
	f, e := amd64Transpositions(avx2Tier)
	printed(add, "kernel/transpose_avx2_amd64", f, e)
	f, e = arm64Transpositions()
	printed(add, "kernel/transpose_neon_arm64", f, e)
	f, e = amd64Fence()
	printed(add, "kernel/fence_amd64", f, e)
	drawFiles(add)
	f, e = amd64CPUID()
	printed(add, "internal/tier/cpuid_amd64", f, e)
	return files, err
}

// drawFiles adds the kernels that draw, and the choice between them.
func drawFiles(add func(string, []byte, error)) {
	var kernels [][2]string
	for _, t := range tiers["amd64"] {
		kernels = append(kernels, [2]string{t.name, t.name})
		f, e := amd64Draws(t)
		printed(add, "internal/draw/"+strings.ToLower(t.name)+"_amd64", f, e)
	}
	content, e := drawDispatchFile(kernels)
	add("internal/draw/dispatch_amd64.go", content, e)

	f, e := arm64Draws()
	printed(add, "internal/draw/neon_arm64", f, e)
	content, e = drawDispatchFile([][2]string{{neonFP16Tier.name, neonTier.name}, {neonTier.name, neonTier.name}})
	add("internal/draw/dispatch_arm64.go", content, e)
}

// printed adds one assembly file and its declarations, in the package of their folder.
func printed(add func(string, []byte, error), name string, f *ir.File, err error) {
	if err != nil {
		add(name+".s", nil, err)
		return
	}
	cfg := printer.Config{Name: "asm, see gen.go in the root", Pkg: path.Base(path.Dir(name))}
	asm, err := printer.NewGoAsm(cfg).Print(f)
	add(name+".s", asm, err)
	stubs, err := printer.NewStubs(cfg).Print(f)
	add(name+".go", stubs, err)
}

// Command neon rewrites the table of its README: what is known about the loops of the
// NEON kernels without an arm64 machine. It disassembles the kernels, asks llvm-mca for
// the throughput of their loops, and counts instructions under qemu-user.
//
// Run it from the root of the repository, after go generate:
//
//	go -C asm run ./neon
package main

import (
	"bytes"
	"errors"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("neon: ")
	if err := run(filepath.Join("..", "kernel"), filepath.Join("neon", "README.md")); err != nil {
		log.Fatal(err)
	}
}

// run measures the kernels in directory kernel and writes the table into a page.
func run(kernel, page string) error {
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	versions, err := versions()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "neon")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	p, err := build(kernel, dir)
	if err != nil {
		return err
	}
	functions, err := p.disassemble()
	if err != nil {
		return err
	}
	if err := p.count(functions); err != nil {
		return err
	}
	loops, err := mainLoops(functions, p.labels)
	if err != nil {
		return err
	}
	for i := range cores {
		if err := simulate(i, loops, dir); err != nil {
			return err
		}
	}
	text, err = replace(text, versions+"\n\n"+table(loops))
	if err != nil {
		return err
	}
	return os.WriteFile(page, text, 0o644)
}

// The tools, and where they come from.
const (
	objdump = "llvm-objdump"
	mca     = "llvm-mca"
	qemu    = "qemu-aarch64"
)

var install = map[string]string{
	objdump: "install LLVM, on Debian llvm-19, and put it first in PATH: /usr/lib/llvm-19/bin",
	mca:     "install LLVM, on Debian llvm-19, and put it first in PATH: /usr/lib/llvm-19/bin",
	qemu:    "install QEMU's user mode, on Debian qemu-user",
}

// output runs a tool and returns what it prints.
func output(tool string, args ...string) (string, error) {
	var stderr bytes.Buffer
	cmd := exec.Command(tool, args...)
	cmd.Stderr = &stderr
	text, err := cmd.Output()
	if errors.Is(err, exec.ErrNotFound) {
		return "", fmt.Errorf("%w: %s", err, install[tool])
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", tool, err, stderr.Bytes())
	}
	return string(text), nil
}

// versions returns a sentence that names the versions of the tools.
func versions() (string, error) {
	if _, err := output(objdump, "--version"); err != nil {
		return "", err
	}
	text, err := output(mca, "--version")
	if err != nil {
		return "", err
	}
	// In older versions both cores have the model of a Cortex-A57.
	const oldest = 17
	llvm := regexp.MustCompile(`LLVM version ((\d+)\S*)`).FindStringSubmatch(text)
	if llvm == nil {
		return "", fmt.Errorf("%s does not say its version: %s", mca, text)
	}
	if major, err := strconv.Atoi(llvm[2]); err != nil || major < oldest {
		return "", fmt.Errorf("%s comes with LLVM %s, which has no model of these cores: want %d or newer: %s", mca, llvm[1], oldest, install[mca])
	}
	text, err = output(qemu, "--version")
	if err != nil {
		return "", err
	}
	emulator := regexp.MustCompile(`version (\S+)`).FindStringSubmatch(text)
	if emulator == nil {
		return "", fmt.Errorf("%s does not say its version: %s", qemu, text)
	}
	return fmt.Sprintf("Made with LLVM %s and QEMU %s.", llvm[1], emulator[1]), nil
}

// The generated part of the page lies between these lines.
const (
	begin = "<!-- written by go -C asm run ./neon -->\n"
	end   = "<!-- end -->\n"
)

// replace replaces the generated part of a page.
func replace(page []byte, part string) ([]byte, error) {
	before, rest, ok := strings.Cut(string(page), begin)
	_, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		return nil, fmt.Errorf("the page lacks the lines %q and %q", begin, end)
	}
	return []byte(before + begin + "\n" + part + "\n" + end + after), nil
}

// table returns the loops in Markdown.
func table(loops []*loop) string {
	header, rule := "| kernel | loop | bytes |", "|---|---|--:|"
	for _, c := range cores {
		header += fmt.Sprintf(" %s: cycles | B/cycle | of limit | bound by |", c.short)
		rule += "--:|--:|--:|---|"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s instructions | an element | at 7×7 |\n%s--:|--:|--:|\n", header, rule)
	for _, l := range loops {
		fmt.Fprintf(&b, "| %s | %s | %d |", l.function.name, l.name, l.stored)
		for i, c := range cores {
			t := l.timing[i]
			fmt.Fprintf(&b, " %.1f | %.1f | %.2f | %s |", t.cycles, float64(l.stored)/t.cycles, c.limit(l)/t.cycles, t.bound)
		}
		fmt.Fprintf(&b, " %d | %s | %s |\n", len(l.body), ratio(l.perElement(long)), ratio(l.perElement(short)))
	}
	return b.String()
}

// ratio returns the text of a cell, empty if nothing was counted.
func ratio(x float64) string {
	if x == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", x)
}

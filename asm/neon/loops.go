package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// function is an assembled kernel, with a record of how it ran.
type function struct {
	name string
	code []instruction
	runs []counts // one for each of calls
}

type instruction struct {
	address uint64
	source  place
	text    string
}

// loop is an innermost loop.
type loop struct {
	function       *function
	name           string
	body           []instruction
	loaded, stored int // bytes a turn
	timing         []timing
}

// disassemble returns the kernels in the order of the source.
func (p *program) disassemble() ([]*function, error) {
	symbols := make([]string, len(p.kernels))
	for i, k := range p.kernels {
		symbols[i] = "main." + k + ".abi0"
	}
	text, err := output(objdump, "--disassemble", "--line-numbers", "--no-show-raw-insn", "--mattr=+all", "--disassemble-symbols="+strings.Join(symbols, ","), p.file)
	if err != nil {
		return nil, err
	}
	functions, err := parse(text)
	if err == nil && len(functions) != len(p.kernels) {
		err = fmt.Errorf("%s found %d of %d kernels", objdump, len(functions), len(p.kernels))
	}
	return functions, err
}

var (
	symbolLine = regexp.MustCompile(`^[0-9a-f]+ <main\.(\w+)\.abi0>:$`)
	sourceLine = regexp.MustCompile(`^; (?:.*/)?([^/]+\.s):(\d+)$`)
	codeLine   = regexp.MustCompile(`^\s*([0-9a-f]+):\s+(\S.*)$`)
)

// parse reads a disassembly.
func parse(text string) ([]*function, error) {
	var functions []*function
	var source place
	for _, s := range strings.Split(text, "\n") {
		if m := symbolLine.FindStringSubmatch(s); m != nil {
			functions = append(functions, &function{name: m[1]})
		} else if m := sourceLine.FindStringSubmatch(s); m != nil {
			line, err := strconv.Atoi(m[2])
			if err != nil {
				return nil, err
			}
			source = place{m[1], line}
		} else if m := codeLine.FindStringSubmatch(s); m != nil && len(functions) > 0 {
			address, err := strconv.ParseUint(m[1], 16, 64)
			if err != nil {
				return nil, err
			}
			code, _, _ := strings.Cut(m[2], "//")
			f := functions[len(functions)-1]
			f.code = append(f.code, instruction{address, source, strings.Join(strings.Fields(code), " ")})
		}
	}
	return functions, nil
}

var jump = regexp.MustCompile(`^(?:b|b\.\w+|cbn?z|tbn?z) (?:.*, )?(0x[0-9a-f]+) <`)

// innermost returns the loops of a function that have no loop inside: from the
// target of a backward branch to the branch.
func (f *function) innermost() []*loop {
	var loops []*loop
	for i, in := range f.code {
		m := jump.FindStringSubmatch(in.text)
		if m == nil {
			continue
		}
		target, _ := strconv.ParseUint(m[1], 0, 64)
		if target > in.address || target < f.code[0].address {
			continue
		}
		first := i - int(in.address-target)/4
		// Branches come in the order of their addresses: loops inside this one have been
		// found.
		if n := len(loops); n == 0 || loops[n-1].body[0].address < target {
			loops = append(loops, &loop{function: f, body: f.code[first : i+1]})
		}
	}
	return loops
}

func (l *loop) last() instruction { return l.body[len(l.body)-1] }

// mainLoops returns the innermost loops that write. It leaves out those that begin
// where a longer one ends: they take what the longer one leaves.
func mainLoops(functions []*function, labels map[place]string) ([]*loop, error) {
	var all []*loop
	for _, f := range functions {
		var before *loop
		for _, l := range f.innermost() {
			for _, in := range l.body {
				loaded, stored, err := transfer(in.text)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", f.name, err)
				}
				l.loaded += loaded
				l.stored += stored
			}
			l.name = labels[l.body[0].source]
			rest := before != nil && before.last().address+4 == l.body[0].address && before.stored > l.stored
			if !rest && l.stored > 0 {
				all = append(all, l)
			}
			before = l
		}
	}
	return all, nil
}

var (
	vectors  = regexp.MustCompile(`^(?:ld|st)[1-4](r?) \{ ([^}]+) \}(\[?)`)
	vector   = regexp.MustCompile(`\.(\d*)([bhsd])`)
	register = regexp.MustCompile(`^(?:ld|st)n?u?(p|r)s?([bhw]?) ([bhsdqwx])\d+,`)
	sizes    = map[string]int{"b": 1, "h": 2, "s": 4, "w": 4, "d": 8, "x": 8, "q": 16}
)

// transfer returns how many bytes an instruction loads and stores.
func transfer(text string) (loaded, stored int, err error) {
	load := strings.HasPrefix(text, "ld")
	if !load && !strings.HasPrefix(text, "st") {
		return 0, 0, nil
	}
	bytes := 0
	if m := vectors.FindStringSubmatch(text); m != nil {
		for _, v := range vector.FindAllStringSubmatch(m[2], -1) {
			lanes, _ := strconv.Atoi(v[1])
			if m[1] == "r" || m[3] != "" {
				lanes = 1
			}
			bytes += lanes * sizes[v[2]]
		}
	} else if m := register.FindStringSubmatch(text); m != nil {
		bytes = sizes[m[3]]
		if m[2] != "" {
			bytes = sizes[m[2]]
		}
		if m[1] == "p" {
			bytes *= 2
		}
	}
	switch {
	case bytes == 0:
		return 0, 0, fmt.Errorf("%s: how many bytes?", text)
	case load:
		return bytes, 0, nil
	default:
		return 0, bytes, nil
	}
}

package main

import (
	"bufio"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
)

// counts holds how often the instruction at each address ran.
type counts map[uint64]int

func (c counts) total() int {
	sum := 0
	for _, n := range c {
		sum += n
	}
	return sum
}

// count runs the program and counts the instructions of its kernels.
func (p *program) count(functions []*function) error {
	one := "-singlestep" // until QEMU 8.1
	if text, err := output(qemu, "-help"); err != nil {
		return err
	} else if strings.Contains(text, "one-insn-per-tb") {
		one = "-one-insn-per-tb"
	}
	from, to := functions[0].code[0].address, uint64(0)
	for _, f := range functions {
		from, to = min(from, f.code[0].address), max(to, f.code[len(f.code)-1].address)
	}
	cmd := exec.Command(qemu, one, "-d", "exec,nochain", "-dfilter", fmt.Sprintf("%#x..%#x", from, to), p.file)
	trace, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	err = readTrace(trace, functions)
	if e := cmd.Wait(); e != nil {
		return fmt.Errorf("%s: %w", qemu, e)
	}
	if err != nil {
		return err
	}
	for _, f := range functions {
		if len(f.runs) != len(calls()) {
			return fmt.Errorf("%s ran %d times, want %d", f.name, len(f.runs), len(calls()))
		}
	}
	return nil
}

// executed matches a line of QEMU's log: the address is between flags.
var executed = regexp.MustCompile(`^Trace \d+: \S+ \[[0-9a-f]+/([0-9a-f]+)/`)

// readTrace counts the executed instructions of each run of each function.
func readTrace(trace io.Reader, functions []*function) error {
	in := map[uint64]*function{}
	for _, f := range functions {
		for _, i := range f.code {
			in[i.address] = f
		}
	}
	before := uint64(0)
	lines := bufio.NewScanner(trace)
	for lines.Scan() {
		m := executed.FindSubmatch(lines.Bytes())
		if m == nil {
			continue
		}
		address, err := strconv.ParseUint(string(m[1]), 16, 64)
		if err != nil {
			return err
		}
		f := in[address]
		if f == nil || address == before {
			continue // a signal came before the instruction ran, and it is logged again
		}
		before = address
		if address == f.code[0].address {
			f.runs = append(f.runs, counts{})
		}
		f.runs[len(f.runs)-1][address]++
	}
	return lines.Err()
}

// perElement returns the instructions an element in planes or rows of a length,
// where these take the loop; 0 where they do not.
func (l *loop) perElement(length int) float64 {
	most := 0.0
	all := calls()
	for i := 0; i < len(all); i += 2 {
		less, more := l.function.runs[i], l.function.runs[i+1]
		if all[i].length != length || more[l.last().address] == 0 {
			continue
		}
		elements := all[i+1].count*all[i+1].length - all[i].count*all[i].length
		most = max(most, float64(more.total()-less.total())/float64(elements))
	}
	return most
}

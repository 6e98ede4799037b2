package npy

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

const (
	magic     = "\x93NUMPY"
	maxHeader = math.MaxUint16 // the limit of version 1.0; NumPy itself stops at 10000
	maxDims   = 64             // NumPy's limit, which also keeps every header within version 1.0
)

type header struct {
	descr   string
	fortran bool
	shape   []int
}

// formatHeader returns the bytes before the data, padded exactly as NumPy pads them: with room for
// the first dimension to grow to 21 digits, and then with 1 to 64 spaces, so that the data begin
// at a multiple of 64.
func formatHeader(descr string, shape []int) []byte {
	dict := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': %s, }", descr, tuple(shape))
	if len(shape) > 0 {
		dict += strings.Repeat(" ", max(0, 21-len(strconv.Itoa(shape[0]))))
	}
	dict += strings.Repeat(" ", 64-(len(magic)+4+len(dict)+1)%64) + "\n"
	out := append([]byte(magic), 1, 0)
	return append(binary.LittleEndian.AppendUint16(out, uint16(len(dict))), dict...)
}

// tuple formats a shape as Python does: "()", "(3,)", "(3, 4)".
func tuple(shape []int) string {
	dims := make([]string, len(shape))
	for i, d := range shape {
		dims[i] = strconv.Itoa(d)
	}
	if len(dims) == 1 {
		return "(" + dims[0] + ",)"
	}
	return "(" + strings.Join(dims, ", ") + ")"
}

// elements returns the product of shape. Like NumPy, it returns an error for a shape whose nonzero
// dimensions overflow, even if a zero makes the array empty.
func elements(shape []int, size int) (int, error) {
	if len(shape) > maxDims {
		return 0, fmt.Errorf("shape of %d dimensions, expected at most %d as in NumPy", len(shape), maxDims)
	}
	n, bytes := 1, size
	for _, d := range shape {
		if d < 0 {
			return 0, fmt.Errorf("negative dimension %d in shape %s", d, tuple(shape))
		}
		if bytes > math.MaxInt/max(d, 1) {
			return 0, fmt.Errorf("shape %s overflows: at %d bytes an element, expected at most %d bytes", tuple(shape), size, math.MaxInt)
		}
		n, bytes = n*d, bytes*max(d, 1)
	}
	return n, nil
}

func readHeader(r io.Reader) (h header, err error) {
	start := make([]byte, len(magic)+2)
	if err := fill(r, start, "magic and version", 0, len(start)); err != nil {
		return h, err
	}
	if got := start[:len(magic)]; string(got) != magic {
		return h, fmt.Errorf("not a .npy file: magic %q, expected %q", got, magic)
	}
	version := [2]byte(start[len(magic):])
	width, ok := map[[2]byte]int{{1, 0}: 2, {2, 0}: 4, {3, 0}: 4}[version]
	if !ok {
		return h, fmt.Errorf("unknown version %d.%d, expected 1.0, 2.0 or 3.0", version[0], version[1])
	}
	length := make([]byte, 4)
	if err := fill(r, length[:width], "header length", 0, width); err != nil {
		return h, err
	}
	size := binary.LittleEndian.Uint32(length)
	if size > maxHeader {
		return h, fmt.Errorf("header length %d, expected at most %d", size, maxHeader)
	}
	dict := make([]byte, size)
	if err := fill(r, dict, "header", 0, len(dict)); err != nil {
		return h, err
	}
	if h, err = parseHeader(string(dict)); err != nil {
		return h, fmt.Errorf("malformed header: %w", err)
	}
	return h, nil
}

// parseHeader parses a Python dict literal with exactly the three keys of the format, in any order.
func parseHeader(dict string) (h header, err error) {
	s, seen := scanner(dict), map[string]bool{}
	if tok := s.next(); tok != "{" {
		return h, unexpected(tok, "{")
	}
	_, err = s.list("}", func(tok string) error {
		key, err := text(tok)
		if err != nil {
			return err
		}
		if seen[key] {
			return fmt.Errorf("duplicate key %q", key)
		}
		if tok := s.next(); tok != ":" {
			return unexpected(tok, ": after a key")
		}
		switch seen[key] = true; key {
		case "descr":
			h.descr, err = s.descr()
		case "fortran_order":
			h.fortran, err = boolean(s.next())
		case "shape":
			h.shape, err = s.tuple()
		default:
			return fmt.Errorf("unknown key %.40q, expected 'descr', 'fortran_order' and 'shape'", key)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		return nil
	})
	if err != nil {
		return h, err
	}
	for _, key := range []string{"descr", "fortran_order", "shape"} {
		if !seen[key] {
			return h, fmt.Errorf("missing key %q", key)
		}
	}
	if tok := s.next(); tok != "" {
		return h, unexpected(tok, "only padding after the }")
	}
	return h, nil
}

// scanner is the rest of the header.
type scanner string

const space = " \t\r\n"

// next removes and returns the next token: a string with its quotes, a punctuation mark, or a
// sequence of other characters. The token is empty at the end of the header, and a single quote if
// a string is not closed.
func (s *scanner) next() string {
	const marks = "{}():,'\""
	rest := strings.TrimLeft(string(*s), space)
	n := strings.IndexAny(rest, space+marks)
	switch {
	case n < 0:
		n = len(rest)
	case n == 0 && (rest[0] == '\'' || rest[0] == '"'):
		n = strings.IndexByte(rest[1:], rest[0]) + 2
	case n == 0:
		n = 1
	}
	*s = scanner(rest[n:])
	return rest[:n]
}

// list calls item with the first token of each item up to closing. It returns the number of commas.
func (s *scanner) list(closing string, item func(tok string) error) (commas int, err error) {
	for {
		tok := s.next()
		if tok == closing {
			return commas, nil
		}
		if err := item(tok); err != nil {
			return commas, err
		}
		if tok = s.next(); tok == closing {
			return commas, nil
		}
		if tok != "," {
			return commas, unexpected(tok, "a comma or "+closing)
		}
		commas++
	}
}

// descr returns the name of a type, or the list of fields that stands for a structured one.
func (s *scanner) descr() (string, error) {
	rest := strings.TrimLeft(string(*s), space)
	if !strings.HasPrefix(rest, "[") {
		return text(s.next())
	}
	depth, quote := 0, byte(0)
	for i, c := range []byte(rest) {
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '[':
			depth++
		case c == ']':
			if depth--; depth == 0 {
				*s = scanner(rest[i+1:])
				return rest[:i+1], nil
			}
		}
	}
	return "", unexpected(rest, "a list of fields that ends with ]")
}

func (s *scanner) tuple() (shape []int, err error) {
	if tok := s.next(); tok != "(" {
		return nil, unexpected(tok, "a tuple such as (3, 4)")
	}
	shape = []int{}
	commas, err := s.list(")", func(tok string) error {
		d, err := integer(tok)
		shape = append(shape, d)
		return err
	})
	if err == nil && len(shape) == 1 && commas == 0 {
		err = fmt.Errorf("(%d) is not a tuple, expected (%[1]d,)", shape[0])
	}
	return shape, err
}

// integer parses a decimal in the form that Python prints. It accepts the L of Python 2.
func integer(tok string) (int, error) {
	digits := strings.TrimSuffix(tok, "L")
	d, err := strconv.Atoi(digits)
	if errors.Is(err, strconv.ErrRange) {
		return 0, fmt.Errorf("dimension %.40q overflows an int", tok)
	}
	if err != nil || strconv.Itoa(d) != digits {
		return 0, unexpected(tok, "a decimal integer")
	}
	return d, nil
}

func boolean(tok string) (bool, error) {
	if tok != "True" && tok != "False" {
		return false, unexpected(tok, "True or False")
	}
	return tok == "True", nil
}

func text(tok string) (string, error) {
	if len(tok) < 2 || tok[0] != '\'' && tok[0] != '"' {
		return "", unexpected(tok, "a quoted string")
	}
	return tok[1 : len(tok)-1], nil
}

func unexpected(tok, expected string) error {
	if tok == "" {
		tok = "the end of the header"
	}
	return fmt.Errorf("got %.40q, expected %s", tok, expected)
}

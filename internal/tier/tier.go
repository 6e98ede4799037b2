// Package tier finds out which sets of instructions this machine has and keeps
// which one is in use. A tier is a set of instructions that assembly is written
// for. Each tier has a boolean, such as AVX2, that is true while the tier is in
// use: code that chooses between routines reads it and calls them directly,
// because through a function value the caller's slices would escape to the heap.
package tier

import (
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spatialdropout/spatialdropout/internal/excerpt"
)

// Variable names the environment variable that disables tiers.
const Variable = "SPATIALDROPOUT_DISABLE"

// The names of the tiers.
const (
	avx512   = "avx512"
	avx2     = "avx2"
	neonfp16 = "neonfp16"
	neon     = "neon"

	Generic = "generic" // plain Go, which every machine has
)

var (
	available = enabled(detect(), os.Getenv(Variable), os.Stderr)
	inUse     string
)

func init() { use(available[0]) }

// Available returns the names of the tiers that this machine has and the
// environment does not disable, best first. The last one is always [Generic].
func Available() []string { return append([]string(nil), available...) }

// InUse returns the name of the tier in use.
func InUse() string { return inUse }

// Use makes the named tier the one in use. It returns false and changes nothing
// if the tier is not available. It must not run while a routine runs that asks
// for the tier.
func Use(name string) bool {
	for _, t := range available {
		if t == name {
			use(t)
			return true
		}
	}
	return false
}

func use(name string) {
	inUse = name
	set(name)
}

// supported returns the tiers of order that a CPU supports. has says in the same
// order whether the CPU has what each tier, [Generic] aside, adds to those that follow
// it.
func supported(has ...bool) []string {
	best := len(has)
	for best > 0 && has[best-1] {
		best--
	}
	return order[best:]
}

// enabled returns those of some tiers that a list such as "avx512,avx2" leaves.
// Each tier builds on those that follow it: disabling one disables those before
// it. The last tier cannot be disabled. The first unknown names get a warning
// each, as the Go runtime gives for GODEBUG.
func enabled(tiers []string, disable string, warnings io.StringWriter) []string {
	const most = 4
	unknown := 0
	for disable != "" {
		var name string
		name, disable, _ = strings.Cut(disable, ",")
		switch name = strings.ToLower(strings.TrimSpace(name)); name {
		case "":
		case avx512, avx2, neonfp16, neon:
			for i, t := range tiers {
				if t == name {
					tiers = tiers[i+1:]
					break
				}
			}
		default:
			if unknown++; unknown <= most {
				warnings.WriteString(Variable + ": cannot disable " + excerpt.Quote(name) + ", want " + avx512 + ", " + avx2 + ", " + neonfp16 + " or " + neon + "\n")
			}
		}
	}
	if unknown > most {
		warnings.WriteString(Variable + ": cannot disable " + strconv.Itoa(unknown-most) + " other names\n")
	}
	return tiers
}

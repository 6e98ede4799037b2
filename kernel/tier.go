package kernel

import (
	"fmt"
	"os"
	"strings"
)

// disableVariable names the environment variable that switches tiers off.
const disableVariable = "SPATIALDROPOUT_DISABLE"

// names of the tiers, as in Tier and SetTier.
const (
	tierAVX512   = "avx512"
	tierAVX2     = "avx2"
	tierNEONFP16 = "neonfp16"
	tierNEON     = "neon"
	tierGeneric  = "generic"
)

// available are the tiers of this machine, best first. Each one needs those
// behind it: switching one off switches off those before it.
var available = enabled(detect(), os.Getenv(disableVariable))

func init() { use(available[0]) }

// Tier returns the name of the tier in use: "avx512", "avx2", "neonfp16", "neon"
// or "generic", which is plain Go.
//
// The best one that the CPU and the operating system support is chosen when the
// program starts. SPATIALDROPOUT_DISABLE=avx512,avx2 in the environment
// switches tiers off, and with each one those that build on it: without avx2
// there is no avx512. A name that is no tier's is reported on standard error.
// The build tag purego leaves the assembly out.
func Tier() string { return inUse() }

// Tiers returns the names of the tiers that can be used here, best first. The
// last is always "generic".
func Tiers() []string { return append([]string(nil), available...) }

// SetTier makes every later call use the named tier. It is meant for tests and
// benchmarks and must not run while a kernel runs. A tier that [Tiers] does not
// list is an error, and the tier in use stays.
func SetTier(name string) error {
	for _, t := range available {
		if t == name {
			use(name)
			return nil
		}
	}
	return fmt.Errorf("kernel: tier %q cannot be used here, want one of %s", name, strings.Join(available, ", "))
}

// enabled returns the tiers that a list such as "avx512,avx2" leaves. The
// generic tier cannot be switched off; what is no tier's name is reported on
// standard error, as the Go runtime does with GODEBUG.
func enabled(tiers []string, disable string) []string {
	for _, name := range strings.Split(disable, ",") {
		switch name = strings.ToLower(strings.TrimSpace(name)); name {
		case "":
			continue
		case tierAVX512, tierAVX2, tierNEONFP16, tierNEON:
		default:
			fmt.Fprintf(os.Stderr, "%s: %q is no tier that can be switched off, want %s, %s, %s or %s\n", disableVariable, name, tierAVX512, tierAVX2, tierNEONFP16, tierNEON)
			continue
		}
		for i, t := range tiers {
			if t == name {
				tiers = tiers[i+1:]
				break
			}
		}
	}
	return tiers
}

package kernel

import (
	"strings"
	"testing"

	"github.com/spatialdropout/spatialdropout/internal/dtype"
	"github.com/spatialdropout/spatialdropout/internal/machine"
)

// TestNoAssemblyIsUntested fails if there is a function of assembly that the tests do
// not range over: each must be a kernel of the catalogue on a tier, and what dispatch
// calls there.
func TestNoAssemblyIsUntested(t *testing.T) {
	for arch, suffixes := range machine.Suffixes {
		t.Run(arch, func(t *testing.T) {
			all := map[string][]string{}
			eachRoutine(func(c routine) {
				name, tiers := c.name, suffixes
				half := c.typ == dtype.Float16 || c.typ == dtype.BFloat16
				switch {
				case arch == "amd64" && (c.past || c.shape == fourPlanes) && !half && c.family != "compact":
					tiers = []string{"AVX2", "AVX2"} // memory is what they wait for
				case arch == "arm64" && c.shape == fourPlanes:
					tiers = nil // plane by plane, in Go
				case arch == "arm64" && c.typ != dtype.Float16:
					tiers = []string{"NEON", "NEON"}
				}
				if arch == "arm64" && c.past {
					name = strings.ToLower(name[6:7]) + name[7:] // with ordinary stores
				}
				var want []string
				for _, tier := range tiers {
					want = append(want, name+tier)
				}
				all[c.name] = want
			})
			for _, t := range transpositions {
				tier := map[string]string{"amd64": "AVX2", "arm64": "NEON"}[arch]
				all[t.name] = []string{t.name + tier, t.name + tier}
			}
			var direct []string
			if arch == "amd64" {
				direct = []string{"fence", "pause"} // see gateFence in asm
			}
			machine.CheckSymbols(t, arch, all, direct...)
		})
	}
}

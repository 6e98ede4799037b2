package main

import "strings"

// A tier is an instruction set that kernels are written for.
type tier struct {
	name    string
	arch    string
	streams bool // has stores that write past the cache

	// owns says which kernels the tier has. The others it takes from the next one.
	owns func(k kernel) bool
	next *tier

	// Of amd64.
	width int  // bytes of a vector
	masks bool // mask registers: tails and choices need no ladder and no blend

	// Of arm64.
	float16 bool // computes in float16 what is float16
}

// The streaming kernels of floats serve both tiers of amd64. Those that AVX-512 had
// wrote channels-last data at 0.95 times the speed of copy instead of 1.0 and planes
// at the same speed (103 MB, Zen 4). Halves have more to compute: there AVX-512 is
// faster by 3 to 13 % (planes of 56×56, Sapphire Rapids). Compaction has its own on AVX-512: it joins short planes with
// masks, and writes planes of 14×14 float32 at 1.5 to 2 times the speed in the cache (Zen 5).
//
// Streaming stores of arm64 (STNP) are only a hint, so that its streaming kernels are
// the plain ones.
var (
	avx2Tier = tier{
		name: "AVX2", arch: "amd64", streams: true, width: 32,
		owns: func(kernel) bool { return true },
	}
	avx512Tier = tier{
		name: "AVX512", arch: "amd64", streams: true, width: 64, masks: true, next: &avx2Tier,
		owns: func(k kernel) bool { return k.half || k.family == compact || !k.stream && !k.fourPlanes },
	}
	neonTier = tier{
		name: "NEON", arch: "arm64",
		owns: func(kernel) bool { return true },
	}
	neonFP16Tier = tier{
		name: "NEONFP16", arch: "arm64", float16: true, next: &neonTier,
		owns: func(k kernel) bool { return k.elem.name == "F16" },
	}
)

// tiers are those of each architecture, the best first.
var tiers = map[string][]tier{
	"amd64": {avx512Tier, avx2Tier},
	"arm64": {neonFP16Tier, neonTier},
}

// file returns the name of the file with the tier's kernels of a family and a type, without
// what follows the dot.
func (t tier) file(f *family, e elem) string {
	name := strings.ToLower(e.name+"_"+t.name) + "_" + t.arch
	if f != core {
		name = f.name + "_" + name
	}
	return name
}

// kernels returns the kernels of a family and a type that the tier has.
func (t tier) kernels(f *family, e elem) []kernel {
	var own []kernel
	for _, k := range f.kernels() {
		if k.elem == e && t.symbol(k) == k.name()+t.name {
			own = append(own, k)
		}
	}
	return own
}

// symbol returns the assembly function that does k's work on the tier, "" if none
// does.
func (t tier) symbol(k kernel) string {
	if k.fourPlanes && !t.streams {
		return ""
	}
	k.stream = k.stream && t.streams
	for !t.owns(k) || !k.family.written(t, k) {
		if t.next == nil {
			return ""
		}
		t = *t.next
	}
	return k.name() + t.name
}

// symbol returns what symbol returns for the tier of a name.
func (k kernel) symbol(name string) string {
	for _, all := range tiers {
		for _, t := range all {
			if t.name == name {
				return t.symbol(k)
			}
		}
	}
	panic("unknown tier " + name)
}

// names returns the names of tiers.
func names(tiers []tier) []string {
	var all []string
	for _, t := range tiers {
		all = append(all, t.name)
	}
	return all
}

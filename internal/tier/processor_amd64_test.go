//go:build !purego

package tier

import "testing"

// answers are what a processor says, by leaf and subleaf.
type answers map[[2]uint32][4]uint32

func (x answers) ask(leaf, subleaf uint32) (a, b, c, d uint32) {
	r := x[[2]uint32{leaf, subleaf}]
	return r[0], r[1], r[2], r[3]
}

// spelled returns the answer to leaf 0 with the highest leaf and a vendor.
func spelled(highest uint32, vendor string) [4]uint32 {
	word := func(i int) uint32 {
		return uint32(vendor[i]) | uint32(vendor[i+1])<<8 | uint32(vendor[i+2])<<16 | uint32(vendor[i+3])<<24
	}
	return [4]uint32{highest, word(0), word(8), word(4)}
}

func TestProcessorIsReadFromItsAnswers(t *testing.T) {
	const instructions, data, both = 2, 1, 3
	// 16 ways, 1 partition, lines of 64 bytes, and so many sets.
	cache := func(holds, sets uint32) [4]uint32 { return [4]uint32{holds, 15<<22 | 63, sets - 1, 0} }
	endless := answers{{0, 0}: spelled(4, "GenuineIntel")}
	for i := range uint32(100) {
		endless[[2]uint32{4, i}] = cache(both, i+1)
	}
	for name, c := range map[string]struct {
		answers answers
		want    Processor
	}{
		"Intel": {answers{
			{0, 0}: spelled(31, "GenuineIntel"), {1, 0}: {0x000806f8},
			{4, 0}: cache(data, 48), {4, 1}: cache(instructions, 1<<20), {4, 2}: cache(both, 2048), {4, 3}: cache(both, 32768),
		}, Processor{"GenuineIntel", 6, 32 << 20}},
		"Intel, too old for caches": {answers{{0, 0}: spelled(3, "GenuineIntel"), {1, 0}: {0x0f00}, {4, 0}: cache(both, 8)}, Processor{"GenuineIntel", 15, 0}},
		"AMD": {answers{
			{0, 0}: spelled(16, "AuthenticAMD"), {1, 0}: {0x00b40f40}, {0x80000000, 0}: {0x80000028},
			{0x8000001d, 0}: cache(data, 48), {0x8000001d, 1}: cache(both, 1024),
		}, Processor{"AuthenticAMD", 26, 1 << 20}},
		"Hygon, too old for caches": {answers{{0, 0}: spelled(13, "HygonGenuine"), {1, 0}: {0x00900f00}, {0x80000000, 0}: {0x8000001c}}, Processor{"HygonGenuine", 24, 0}},
		"another one":               {answers{{0, 0}: spelled(31, "CentaurHauls"), {1, 0}: {0x0600}, {4, 0}: cache(both, 8)}, Processor{"CentaurHauls", 6, 0}},
		"absurd caches": {answers{
			{0, 0}: spelled(4, "GenuineIntel"), {4, 0}: cache(data, 64), {4, 1}: {both, 0xffffffff, 0xffffffff},
		}, Processor{"GenuineIntel", 0, 64 << 10}},
		"caches without end": {endless, Processor{"GenuineIntel", 0, 8 << 10}},
	} {
		if got := processorBy(c.answers.ask); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

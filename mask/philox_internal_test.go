package mask

import "testing"

func TestPhiloxGivesThePublishedVectors(t *testing.T) {
	for _, v := range []struct {
		counterLo, counterHi, key uint64
		want                      [4]uint32
	}{
		{0, 0, 0, [4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
		{1<<64 - 1, 1<<64 - 1, 1<<64 - 1, [4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
		// Digits of pi, words 243f6a88 85a308d3 13198a2e 03707344 and a4093822 299f31d0.
		{0x85a308d3_243f6a88, 0x03707344_13198a2e, 0x299f31d0_a4093822, [4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
	} {
		var got [4]uint32
		got[0], got[1], got[2], got[3] = philox4x32(v.key, v.counterLo, v.counterHi)
		if got != v.want {
			t.Errorf("counter %#x, %#x and key %#x give %#x, want %#x", v.counterLo, v.counterHi, v.key, got, v.want)
		}
	}
}

package mask

import (
	"math"
	"testing"
)

// Words of bits are counted by rounding trials up to the next 64.
func TestTrialsGoAsFarAsTheirWordsCanBeCounted(t *testing.T) {
	const most = math.MaxInt - 63
	if got, err := trialsOf(1, most); got != most || err != nil {
		t.Errorf("%d, %v, want %d", got, err, most)
	}
	for _, shape := range [][2]int{{1, most + 1}, {most + 1, 1}, {most, 2}, {math.MaxInt, math.MaxInt}} {
		if got, err := trialsOf(shape[0], shape[1]); got != 0 || err == nil {
			t.Errorf("%d×%d: %d, %v, want an error", shape[0], shape[1], got, err)
		}
	}
}

package excerpt_test

import (
	"strings"
	"testing"

	"github.com/spatialdropout/spatialdropout/internal/excerpt"
)

func TestQuote(t *testing.T) {
	for text, want := range map[string]string{
		"":                            `""`,
		"a\"\n\xff":                   `"a\"\n\xff"`,
		strings.Repeat("a", 64):       `"` + strings.Repeat("a", 64) + `"`,
		strings.Repeat("a", 65):       `"` + strings.Repeat("a", 64) + `… (65 bytes)`,
		strings.Repeat("é", 32):       `"` + strings.Repeat("é", 32) + `"`,
		"a" + strings.Repeat("é", 32): `"a` + strings.Repeat("é", 31) + `… (65 bytes)`,
		strings.Repeat("\xbf", 100):   `"` + strings.Repeat(`\xbf`, 60) + `… (100 bytes)`,
	} {
		if got := excerpt.Quote(text); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if got := excerpt.Quote([]byte(text)); got != want {
			t.Errorf("bytes: %s, want %s", got, want)
		}
	}
}

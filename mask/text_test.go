package mask_test

import (
	"strings"
	"testing"

	"github.com/spatialdropout/spatialdropout/internal/excerpt"
	"github.com/spatialdropout/spatialdropout/mask"
)

// A text of any length is refused after little work, and errors quote little of it.
func TestLongTextsAreRefused(t *testing.T) {
	const length = 4 << 20
	fill := func(head, part string) string { return head + strings.Repeat(part, (length-len(head))/len(part)) }
	for name, text := range map[string]string{
		"a name":       fill("", "p"),
		"digits":       fill("philox:", "1"),
		"zeros":        fill("philox:", "0"),
		"seeds":        fill("jax:1", ",1"),
		"options":      fill("jax:1", "/x64"),
		"slashes":      fill("jax:1", "/"),
		"an option":    fill("jax:1/", "x"),
		"a path":       fill("flax-linen:1/path=", "a"),
		"a path of é":  fill("flax-linen:1/path=", "é"),
		"no UTF-8":     fill("flax-linen:1/path=", "\xff"),
		"a call":       fill("flax-linen:1/call=", "9"),
		"zero bytes":   fill("", "\x00"),
		"4097 letters": strings.Repeat("a", 4097),
	} {
		var s mask.Stream
		var err error
		took := allocated(func() { s, err = mask.ParseStream(text) })
		if s != nil || !refuses(err, "stream") {
			t.Errorf("%s: %.20v, %T, want an ArgumentError of the stream", name, s, err)
			continue
		}
		if message := err.Error(); len(message) > 1000 || !strings.Contains(message, "4096") || !strings.Contains(message, excerpt.Quote(text)) {
			t.Errorf("%s: an error of %d bytes for a text of %d: %.200s", name, len(message), len(text), message)
		}
		if took > 4096 {
			t.Errorf("%s: %d bytes of memory", name, took)
		}
	}
	// Within the limit, errors quote little as well.
	for _, text := range []string{
		strings.Repeat("p", 4096), "philox:" + strings.Repeat("1", 2000), "philox:" + strings.Repeat("x", 2000), "philox:-" + strings.Repeat("0", 2000) + "1",
		"jax:1/" + strings.Repeat("x", 2000), "jax:1" + strings.Repeat(",1", 1000), "flax-linen:1/path=" + strings.Repeat("a", 2000), "flax-linen:1/path=a/path=" + strings.Repeat("a", 1000),
		"flax-linen:1/path=" + strings.Repeat("\xff", 1000), "flax-linen:1/call=" + strings.Repeat("9", 2000), "flax-nnx:1/count=" + strings.Repeat("9", 2000), "philox/" + strings.Repeat("x", 2000),
		"jax:" + strings.Repeat("0", 1900) + "99999999999,1", "onednn:" + strings.Repeat("0", 1900) + "9999999999999999999",
	} {
		if s, err := mask.ParseStream(text); err == nil || len(err.Error()) > 1000 || strings.Contains(err.Error(), "want 4096") {
			t.Errorf("%.40s: %v, %d bytes of error, which is %.300v", text, s, len(err.Error()), err)
		}
	}
	// The longest text of a stream can be read.
	for _, s := range []mask.Stream{must(mask.Linen(mask.Key{1<<32 - 1, 1<<32 - 1}, strings.Repeat("é", 512), 1<<31-1, mask.Fold, mask.X64))} {
		if back, err := mask.ParseStream(s.String()); err != nil || back.String() != s.String() {
			t.Errorf("%.100v: %v", s, err)
		}
	}
}

// Names of policies, rules and sharings come from files.
func TestLongNamesAreRefused(t *testing.T) {
	long := []byte(strings.Repeat("é", 2<<20))
	for name, unmarshal := range map[string]func([]byte) error{"policy": new(mask.Policy).UnmarshalText, "rule": new(mask.Rule).UnmarshalText, "sharing": new(mask.Sharing).UnmarshalText} {
		var err error
		took := allocated(func() { err = unmarshal(long) })
		if !refuses(err, name) || len(err.Error()) > 1000 || took > 4096 {
			t.Errorf("%s: an error of %d bytes, %d bytes of memory", name, len(err.Error()), took)
		}
	}
}

// Package excerpt quotes what was given in errors, however long it is.
package excerpt

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// most is how many bytes are quoted.
const most = 64

// Quote returns text in quotes, or the beginning of a long text and how many bytes it has.
func Quote[T ~string | ~[]byte](text T) string {
	if len(text) <= most {
		return strconv.Quote(string(text))
	}
	end := most
	for end > most-utf8.UTFMax && !utf8.RuneStart(text[end]) {
		end--
	}
	return fmt.Sprintf("%s… (%d bytes)", strings.TrimSuffix(strconv.Quote(string(text[:end])), `"`), len(text))
}

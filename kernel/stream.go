package kernel

import (
	"fmt"
	"math"
	"os"
	"strconv"
)

// streamVariable names the environment variable that overrides streamBytes.
const streamVariable = "SPATIALDROPOUT_STREAM"

// streamDefault is the size of dst from which its lines are written past the cache. As much
// is read as is written, so this is 64 MiB of traffic. The cache that CPUID reports is no
// guide: on a virtual machine it is the host's.
const streamDefault = 32 << 20

var streamBytes = streamFrom(os.Getenv(streamVariable))

// StreamBytes returns the size of dst, in bytes, from which the tiers for amd64 write past
// the cache: other data stay in the cache then, and no line need be read before it is
// written. The default is 32 MiB. SPATIALDROPOUT_STREAM in the environment, in bytes, sets
// another size when the program starts: a smaller one where many programs share the cache,
// a larger one where the cache is large and the result is read soon. A value that is not a
// number is reported on standard error.
func StreamBytes() int { return streamBytes }

// SetStreamBytes sets what [StreamBytes] returns. math.MaxInt means never. No result depends
// on it. It must not run while a kernel runs. It panics if bytes is negative.
func SetStreamBytes(bytes int) {
	if bytes < 0 {
		panic(fmt.Sprintf("kernel: a threshold of %d bytes for stores past the cache, want 0 or more", bytes))
	}
	streamBytes = bytes
}

// streamFrom returns the size that the environment sets.
func streamFrom(value string) int {
	if value == "" {
		return streamDefault
	}
	bytes, err := strconv.ParseUint(value, 10, 64)
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %q, want a number of bytes\n", streamVariable, value)
		return streamDefault
	}
	return int(min(bytes, math.MaxInt))
}

package kernel

import (
	"fmt"
	"math"
	"os"
	"strconv"
)

// streamVariable names the environment variable that overrides streamBytes.
const streamVariable = "SPATIALDROPOUT_STREAM"

// streamDefault is the size of dst from which its lines are written past the
// cache: as much is read as is written, so this is 64 MiB of traffic. The cache
// that CPUID reports is no guide, on a virtual machine it is the host's.
const streamDefault = 32 << 20

var streamBytes = streamFrom(os.Getenv(streamVariable))

// StreamBytes returns the size of dst, in bytes, from which the tiers for amd64
// write past the cache, so that what else is in there stays and no line need be
// read before it is written. It is 32 MiB unless SPATIALDROPOUT_STREAM, in bytes,
// says otherwise in the environment when the program starts: less where many
// programs share the cache, more where it is large and what comes next will read
// the result from it. What cannot be read there is reported on standard error.
func StreamBytes() int { return streamBytes }

// SetStreamBytes sets what [StreamBytes] returns; math.MaxInt means never. The
// result of no kernel depends on it. It must not run while a kernel runs. It
// panics if bytes is negative.
func SetStreamBytes(bytes int) {
	if bytes < 0 {
		panic(fmt.Sprintf("kernel: streaming from %d bytes on, want 0 or more", bytes))
	}
	streamBytes = bytes
}

// streamFrom returns the size that the environment gives.
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

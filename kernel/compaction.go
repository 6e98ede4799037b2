package kernel

import (
	"fmt"

	"github.com/spatialdropout/spatialdropout/internal/dtype"
)

// Compaction is what a compacting kernel does: in which direction it moves the planes or
// channels whose factor is not 0, and what becomes of those whose factor is.
type Compaction uint8

// String returns the name of the compaction.
func (op Compaction) String() string {
	if op < compactions {
		return compactTable[op].name
	}
	return fmt.Sprintf("Compaction(%d)", uint8(op))
}

// compaction describes a [Compaction].
type compaction struct {
	name    string
	gathers bool // dst is packed: it has the kept planes or channels only. Otherwise src is.
	adds    bool // reads y
}

// compactEntry describes a compacting kernel.
type compactEntry struct {
	name  string
	op    Compaction
	typ   dtype.Type
	past  bool // stores past the cache
	shape shape
}

// compactWays are the kernels of one compaction and type: those that store as usual, and
// those that store past the cache. A compaction may have none of the latter.
type compactWays [2][pixels + 1]compactID

func (k compactID) String() string { return compactCatalogue[k].name }

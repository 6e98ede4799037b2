//go:build linux

package draw

import (
	"testing"

	"github.com/spatialdropout/spatialdropout/internal/machine"
)

func TestCallsStayWithinTheirOperands(t *testing.T) { machine.CheckBounds(t, everyCall) }

package kernel

import (
	"testing"

	"github.com/spatialdropout/spatialdropout/internal/machine"
)

func TestTiersAreThoseOfTheMachine(t *testing.T) { machine.CheckTiers(t) }

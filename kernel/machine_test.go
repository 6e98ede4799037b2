package kernel

import (
	"testing"

	"github.com/spatialdropout/spatialdropout/internal/machine"
	"github.com/spatialdropout/spatialdropout/internal/tier"
)

// What the tests of this package call by short names.
var (
	everyTier = machine.EveryTier
	eachTier  = machine.EachTier
	use       = machine.Use
	available = tier.Available()
)

const tierGeneric = tier.Generic

func TestTiersAreThoseOfTheMachine(t *testing.T) { machine.CheckTiers(t) }

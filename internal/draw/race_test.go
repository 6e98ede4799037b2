//go:build race

package draw

import (
	"testing"

	"github.com/spatialdropout/spatialdropout/internal/machine"
)

// racing calls f with a call of every routine.
func racing(f func(name string, c machine.Call)) {
	for _, r := range routines {
		f(r.name, r.call(8))
	}
}

func TestPlantedRaces(t *testing.T) { machine.PlantRaces(t, racing) }

func TestTheRaceDetectorSeesAssembly(t *testing.T) {
	machine.CheckRaces(t, "TestPlantedRaces", racing)
}

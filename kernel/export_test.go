package kernel

import "github.com/spatialdropout/spatialdropout/internal/race"

// RaceEnabled reports whether the race detector is on, which makes tests slow.
const RaceEnabled = race.Enabled

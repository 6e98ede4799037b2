package kernel

import "github.com/spatialdropout/spatialdropout/internal/race"

// RaceEnabled says that the race detector watches, and how slow the tests are.
const RaceEnabled = race.Enabled

package kernel

// RaceEnabled reports whether the race detector is on, which makes tests slow.
const RaceEnabled = raceEnabled

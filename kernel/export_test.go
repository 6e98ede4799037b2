package kernel

// RaceEnabled says that the race detector watches, and how slow the tests are.
const RaceEnabled = raceEnabled

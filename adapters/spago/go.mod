module github.com/spatialdropout/spatialdropout/adapters/spago

go 1.24.0

require (
	github.com/nlpodyssey/spago v1.1.0
	github.com/spatialdropout/spatialdropout v0.1.0
)

require (
	github.com/google/flatbuffers v23.5.26+incompatible // indirect
	golang.org/x/sys v0.30.0 // indirect
)

module github.com/spatialdropout/spatialdropout/adapters/born

go 1.26.0

require (
	github.com/born-ml/born v0.9.2
	github.com/spatialdropout/spatialdropout v0.1.0
)

require golang.org/x/sys v0.45.0 // indirect

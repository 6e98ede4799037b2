module github.com/spatialdropout/spatialdropout/adapters/ztensor

go 1.26.0

require (
	github.com/spatialdropout/spatialdropout v0.1.0
	github.com/zerfoo/float16 v0.2.0
	github.com/zerfoo/ztensor v1.19.2
)

require (
	github.com/zerfoo/float8 v0.2.0 // indirect
	golang.org/x/sys v0.30.0 // indirect
)

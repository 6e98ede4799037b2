module github.com/spatialdropout/spatialdropout/bench/peers

go 1.26

require (
	github.com/ajroetker/go-highway v0.0.12
	github.com/kelindar/simd v1.1.2
	github.com/spatialdropout/spatialdropout v0.1.0
	github.com/tphakala/simd v1.10.0
	github.com/viterin/vek v0.4.3
	gonum.org/v1/gonum v0.17.0
)

require (
	github.com/chewxy/math32 v1.10.1 // indirect
	github.com/klauspost/cpuid/v2 v2.3.0 // indirect
	github.com/viterin/partial v1.1.0 // indirect
	golang.org/x/exp v0.0.0-20230817173708-d852ddb80c63 // indirect
	golang.org/x/sys v0.47.0 // indirect
)

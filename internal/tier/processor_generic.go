//go:build !amd64 || purego

package tier

// ThisProcessor returns the zero Processor: what is chosen by it exists on amd64 alone.
func ThisProcessor() Processor { return Processor{} }

//go:build purego

package cpu

func describe() CPU { return CPU{} }

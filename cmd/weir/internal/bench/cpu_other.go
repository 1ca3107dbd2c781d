//go:build !linux

package bench

// cpuName returns nothing: it is not known.
func cpuName() string { return "" }

// Package goals is how fast weir is to be, as ratios that one run can check,
// and benchmarks. It has tests only.
//
// A goal compares two measurements of one run: what weir does, and a floor that
// does the inevitable part of the same work and nothing else, or what weir does
// under another condition. They are taken in turn, five times, and the median
// of the five ratios counts, because ratios hold from machine to machine and
// nanoseconds do not.
//
//	go test ./internal/goals -run TestMusts -goals    # judges; the machine alone
//	go test ./internal/goals -run=- -bench=Goals -benchtime=1x
package goals

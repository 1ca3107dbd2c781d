//go:build !race

package kinesistest_test

// raceDetector says whether everything takes several times as long.
const raceDetector = false

//go:build race

package kinesistest_test

// raceDetector says that everything takes several times as long.
const raceDetector = true
